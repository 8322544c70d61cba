// A process of its own that writes to several rooms until its server dies, and reports what the
// server acknowledged and what it showed of the others' work. Driven by crash.test.mjs.
import { once } from "node:events";
import { Peer } from "./peer.mjs";

/** Changes of one writer that may be on their way at once. */
const WINDOW = 8;

const writers = [];
process.on("message", async ({ url, rooms }) => {
  try {
    await round(url, rooms);
    process.send({ over: true });
  } catch (error) {
    process.send({ failed: error.stack });
  }
});

async function round(url, rooms) {
  if (writers.length === 0) {
    rooms.forEach((room, index) => {
      const peer = new Peer({ person: { id: `writer-${index}`, name: `Writer ${index}` } });
      peer.on("saved", (hash) => process.send({ saved: hash, room }));
      peer.on("seen", (hash) => process.send({ seen: hash, room }));
      writers.push({ peer, room, id: `count-${index}`, count: 0 });
    });
  }
  await Promise.all(writers.map((writer) => write(writer, url)));
}

/** Writes as fast as acknowledgements come; ends when the connection does. */
async function write(writer, url) {
  const { peer, room, id } = writer;
  try {
    await peer.connect(url);
    await peer.open({ name: room });
  } catch (error) {
    if (/refused|unreadable/.test(error.message)) throw error;
    return;
  }
  let open = true;
  const closed = once(peer, "closed").then(() => (open = false));
  const subject = { reference: `Patient/${room.slice("patient:".length)}` };
  while (open) {
    while (open && peer.unsaved < WINDOW) {
      const count = ++writer.count;
      peer.change((doc) => {
        if (doc.Observation[id] === undefined) doc.Observation[id] = { status: "preliminary", subject };
        doc.Observation[id].valueInteger = count;
      });
      // Lets frames in and out between two edits.
      await new Promise((next) => setImmediate(next));
    }
    await Promise.race([closed, once(peer, "synced")]);
  }
}
