// The two kinds of client that meet in these tests.
import { isImmutableString } from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { join } from "node:path";
import WebSocket from "ws";
import { connect } from "../../client-wasm/dist/node.js";
import { SAMPLES, Server, chartroom, temporaryFolder, until } from "../support/server.mjs";

const RETRY_MS = 100;

/**
 * A repository of automerge-repo's own, over its own WebSocket adapter; nothing of ours in it. It has met
 * the server: one that has waited for it for a second calls every document unavailable.
 */
export async function stockRepo(server) {
  const repo = new Repo({ network: [new WebSocketClientAdapter(server.sync, RETRY_MS)] });
  await until("the stock client has met the server", () => repo.peers.length > 0);
  return repo;
}

/** Our client, as an application uses it in Node. */
export function ourClient(server, person = { id: "bob", name: "Bob" }) {
  return connect({ url: server.sync, person, WebSocket, backoff: { minMs: 20, maxMs: 200 } });
}

/** A server with one sample patient, and a client of either kind in that patient's room. */
export async function meeting(name, patient) {
  const folder = await temporaryFolder(name);
  const data = join(folder.path, "store");
  chartroom(["--data", data, "import", join(SAMPLES, `${patient}.json`)]);
  const server = await Server.start(data);
  const repo = await stockRepo(server);
  const handle = await repo.find((await server.room(`patient:${patient}`)).url);
  const client = await ourClient(server);
  const room = await client.open(`patient:${patient}`);
  const end = async () => {
    await client.close();
    await repo.shutdown();
    await server.end();
    await folder.remove();
  };
  return { server, repo, handle, client, room, end };
}

/** What a stock client reads at a key: scalar strings arrive as objects of automerge's own class. */
export function plain(value) {
  if (isImmutableString(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
