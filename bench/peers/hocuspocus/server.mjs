// Hocuspocus with its own SQLite extension and its defaults: a document is stored 2 s after its last
// change and at least every 10 s. `quiet` keeps its start screen from stdout; it has no other log.
// On SIGTERM it closes its connections and stores what it still owes, by itself.
//
//   node hocuspocus/server.mjs --data DIR [--port N]
import { join } from "node:path";
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";
import { data, port } from "../arguments.mjs";

const server = new Server({
  address: "127.0.0.1",
  port,
  quiet: true,
  extensions: [new SQLite({ database: join(data, "hocuspocus.sqlite") })],
});

await server.listen();
console.log(`listening on ws://127.0.0.1:${server.address.port}`);
