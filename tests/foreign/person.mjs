// A person in a process of her own: opens one room with the npm package, tells every event and
// every saved edit as a line of JSON, and does what the lines on standard input say.
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { connect } from "../../client-wasm/dist/node.js";

const [url, name, id] = process.argv.slice(2);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = await connect({ url, person: { id, name: id }, WebSocket });
const room = await client.open(name);
room.on("*", ({ event, resource_type, resource_id, resource, author, local }) =>
  tell({ event, type: resource_type, id: resource_id, resource, author: author?.id ?? null, local }),
);
tell({ opened: room.list("AllergyIntolerance").length });

for await (const line of createInterface({ input: process.stdin })) {
  const { call, args } = JSON.parse(line);
  const edit = room[call](...args);
  await edit.saved;
  tell({ saved: edit.hash, heads: room.heads() });
}
await client.close();
