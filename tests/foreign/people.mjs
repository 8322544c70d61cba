// The two kinds of client that meet in these tests.
import { isImmutableString } from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import WebSocket from "ws";
import { connect } from "../../client-wasm/dist/node.js";

const RETRY_MS = 100;

/** A repository of automerge-repo's own, over its own WebSocket adapter; nothing of ours in it. */
export function stockRepo(server) {
  return new Repo({ network: [new WebSocketClientAdapter(server.sync, RETRY_MS)] });
}

/** Our client, as an application uses it in Node. */
export function ourClient(server, person = { id: "bob", name: "Bob" }) {
  return connect({ url: server.sync, person, WebSocket, backoff: { minMs: 20, maxMs: 200 } });
}

/** What a stock client reads at a key: scalar strings arrive as objects of automerge's own class. */
export function plain(value) {
  if (isImmutableString(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
