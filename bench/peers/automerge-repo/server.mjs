// automerge-repo as its published sync server (automerge-repo-sync-server) sets it up: its WebSocket
// and file adapters with their defaults, and no document announced to a peer that did not ask for it.
// What is not taken over is the HTTP page that says the server runs.
//
//   node automerge-repo/server.mjs --data DIR [--port N]
import { once } from "node:events";
import { hostname } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Repo } from "@automerge/automerge-repo";
import { NodeWSServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";
import { data, port } from "../arguments.mjs";

const sockets = new WebSocketServer({ host: "127.0.0.1", port });
new Repo({
  network: [new NodeWSServerAdapter(sockets)],
  storage: new NodeFSStorageAdapter(data),
  peerId: `storage-server-${hostname()}`,
  sharePolicy: async () => false,
});

// Without sockets nothing keeps the process but the saves that it still owes, up to 100 ms late.
process.once("SIGTERM", () => {
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
});

await once(sockets, "listening");
// A socket that comes before the adapter listens is never heard.
while (sockets.listenerCount("connection") === 0) await setImmediate();
console.log(`listening on ws://127.0.0.1:${sockets.address().port}`);
