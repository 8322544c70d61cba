// automerge-repo as its published sync server sets it up, in a process of its own: its WebSocket and
// file adapters. With `--dial` it is a client of another server besides, and then asks that for what
// its own clients want, which its server does not do for documents that nobody offered.
//
//   node repo-server.mjs --data DIR [--port N] [--dial URL]
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Repo } from "@automerge/automerge-repo";
import { NodeWSServerAdapter, WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";

const RETRY_MS = 100;
const { values } = parseArgs({ options: { data: { type: "string" }, port: { type: "string", default: "0" }, dial: { type: "string" } } });
mkdirSync(values.data, { recursive: true });
const sockets = new WebSocketServer({ host: "127.0.0.1", port: Number(values.port) });
const network = [new NodeWSServerAdapter(sockets)];
if (values.dial) network.push(new WebSocketClientAdapter(values.dial, RETRY_MS));
new Repo({ network, storage: new NodeFSStorageAdapter(values.data), sharePolicy: async () => values.dial !== undefined });

// A socket that is reset before it is open: the published adapter throws that out of the socket's event
// and dials again all the same.
process.on("uncaughtException", (error) => {
  if (error.code !== "ECONNRESET") throw error;
});
process.once("SIGTERM", () => process.exit(0));
await once(sockets, "listening");
// A socket that comes before the adapter listens is never heard.
while (sockets.listenerCount("connection") === 0) await setImmediate();
console.log(`listening on ws://127.0.0.1:${sockets.address().port}`);
