// The server is killed with SIGKILL at random moments, again and again over one store. Whatever it
// acknowledged or showed to anybody must be there when it is back: as a change, as an event, in a first sync.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server, pause, temporaryFolder } from "../support/server.mjs";
import { Peer } from "./peer.mjs";
import { chosenSeed, seeded } from "./random.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 50);
const ROOMS = ["patient:crash-1", "patient:crash-1", "patient:crash-2"];
const WRITING_MS_MAX = 400;
/** One round in so many is killed while the server is still starting. */
const EARLY = 8;

let folder, server, writers;

before(async () => {
  folder = await temporaryFolder("crash");
  writers = fork(fileURLToPath(new URL("writers.mjs", import.meta.url)));
});

after(async () => {
  writers?.kill();
  // Behind a failure it still runs, and would keep this process waiting.
  await server?.end("SIGKILL");
  await folder?.remove();
});

test(`nothing acknowledged or shown is lost in ${ROUNDS} rounds of SIGKILL`, async () => {
  const seed = chosenSeed();
  const random = seeded(seed);
  console.log(`seed ${seed}`);
  server = await Server.start(join(folder.path, "store"));
  const record = { saved: new Map(), seen: new Map(), events: new Map(), eventsRead: new Map() };
  let early = 0;

  for (let number = 1; number <= ROUNDS; number++) {
    await round(record, random() * WRITING_MS_MAX);
    if (random() * EARLY < 1) {
      early++;
      await killedWhileStarting(random() * 100);
    }
    await server.start();
    await compare(record, `seed ${seed}, round ${number}`);
  }
  await server.end();

  const count = (kind) => [...record[kind].values()].reduce((sum, set) => sum + set.size, 0);
  console.log(`rounds ${ROUNDS} (and ${early} killed while starting), acknowledged ${count("saved")}, shown to colleagues ${count("seen")}, lost 0`);
  assert.ok(count("saved") >= ROUNDS, "the writers were acknowledged at least once a round");
});

/** The writers write; after `ms` from the first acknowledgement the server dies. */
async function round(record, ms) {
  let first;
  const firstSaved = new Promise((resolve) => (first = resolve));
  const over = new Promise((resolve, reject) => {
    const listen = (message) => {
      for (const kind of ["saved", "seen"]) {
        if (!message[kind]) continue;
        const known = record[kind].get(message.room) ?? new Set();
        record[kind].set(message.room, known.add(message[kind]));
        if (kind === "saved") first();
      }
      if (!message.over && !message.failed) return;
      writers.off("message", listen);
      if (message.failed) reject(new Error(message.failed));
      else resolve();
    };
    writers.on("message", listen);
  });
  writers.send({ url: server.sync, rooms: ROOMS });
  await Promise.race([firstSaved, over, pause(20_000, undefined, { ref: false }).then(() => Promise.reject(new Error("no acknowledgement within 20 s")))]);
  await pause(ms);
  await server.end("SIGKILL");
  await over;
}

/** Lets the server start and kills it at once, in the middle of reading its store. */
async function killedWhileStarting(ms) {
  const starting = server.start().catch(() => {});
  await pause(ms);
  await server.end("SIGKILL");
  await starting;
}

/** Reads every room from the restarted server and looks for each change by its hash. */
async function compare(record, where) {
  for (const room of new Set(ROOMS)) {
    // A room that was killed before its first commit is not there, and owes nobody anything.
    if (!record.saved.has(room) && !record.seen.has(room)) continue;
    const reader = new Peer({ person: { id: "auditor", name: "Auditor" } });
    await reader.connect(server.sync);
    await reader.open({ name: room });
    const there = new Set(reader.hashes());
    await reader.close();

    const events = record.events.get(room) ?? new Set();
    record.events.set(room, events);
    for (;;) {
      const page = await server.json(`/rooms/${room}/events?after=${record.eventsRead.get(room) ?? 0}&limit=1000`);
      for (const event of page.events) {
        assert.equal(event.seq, (record.eventsRead.get(room) ?? 0) + 1, `${where}: the events of ${room} are numbered without gaps`);
        record.eventsRead.set(room, event.seq);
        for (const hash of event.changes) events.add(hash);
      }
      if (page.events.length === 0) break;
    }

    for (const kind of ["saved", "seen"]) {
      const hashes = [...(record[kind].get(room) ?? [])];
      const lost = hashes.filter((hash) => !there.has(hash));
      assert.deepEqual(lost, [], `${where}: ${lost.length} of ${hashes.length} ${kind} changes of ${room} are gone`);
    }
    const silent = [...(record.saved.get(room) ?? [])].filter((hash) => !events.has(hash));
    assert.deepEqual(silent, [], `${where}: ${silent.length} acknowledged changes of ${room} have no event`);
  }
}
