// Every bundle of real patients is imported through the server while readers listen: the event log
// holds exactly what expected.mjs counts in the bundles, and a replay is what the listeners saw.
//
// BUNDLES=/folder reads the bundles below another folder.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual, promisify } from "node:util";
import { BINARY, ROOT, SAMPLES, Server, temporaryFolder, until } from "../support/server.mjs";
import { expectedCounts, expectedQueue, resourcesOf, roomOf } from "./expected.mjs";
import { LiveReader } from "./sse.mjs";

const SHARED = process.env.BUNDLES ?? join(ROOT, "..", "shared", "data");
const FACILITY = ["facility:alerts", "pharmacy:queue"];
const PAGE = 500;
/** How long what follows from an import may take on a busy machine. */
const CAUGHT_UP_MS = 120_000;

importOf("the sample patients", bundlesBelow(SAMPLES));
if (existsSync(SHARED)) importOf("every shared bundle", bundlesBelow(SHARED));
else test("an import of every shared bundle", { skip: "../shared/data is absent" });

function bundlesBelow(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /\.json(\.gz)?$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

function importOf(what, files) {
  describe(`an import of ${what}`, () => suite(files));
}

function suite(files) {
  let folder, server;
  const logs = new Map();
  const readers = new Map();

  before(async () => {
    folder = await temporaryFolder("events");
    server = await Server.start(join(folder.path, "store"));
    const patients = files.flatMap((file) => resourcesOf(file).filter(({ resourceType }) => resourceType === "Patient"));
    for (const patient of [patients.at(0), patients.at(patients.length / 2), patients.at(-1)]) {
      // A room that nothing was written to does not exist; the import then finds its patient there.
      await server.command(roomOf(patient), { kind: "put", resource: patient });
      readers.set(roomOf(patient), await LiveReader.open(server, roomOf(patient)));
    }
    for (const room of FACILITY) readers.set(room, await LiveReader.open(server, room));
    const started = performance.now();
    await promisify(execFile)(BINARY, ["import", "--server", server.http, ...files]);
    console.log(`${files.length} bundles imported in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    // What follows in facility rooms is there once the queue has every open prescription.
    const open = expectedQueue(files);
    await until(`the pharmacy's queue has ${JSON.stringify(open)}`, async () => isDeepStrictEqual(await queue(), open), { within: CAUGHT_UP_MS });
    const { rooms } = await server.json("/rooms");
    for (const { room } of rooms) logs.set(room, await log(room));
  });

  after(async () => {
    for (const reader of readers.values()) reader.close();
    await server?.end();
    await folder?.remove();
  });

  /** How many entries each column of the pharmacy's queue has. */
  async function queue() {
    const columns = await server.json("/rooms/pharmacy:queue/queue");
    return Object.fromEntries(Object.entries(columns).map(([name, entries]) => [name, entries.length]));
  }

  /** The whole log of a room, page by page. */
  async function log(room) {
    const events = [];
    for (;;) {
      const page = await server.json(`/rooms/${encodeURIComponent(room)}/events?after=${events.at(-1)?.seq ?? 0}&limit=${PAGE}`);
      if (page.events.length === 0) return events;
      events.push(...page.events);
    }
  }

  test("gives each room the events that an independent count of the bundles gives", () => {
    const counted = {};
    for (const [room, events] of logs) {
      if (FACILITY.includes(room)) continue;
      counted[room] = {};
      for (const { event } of events) counted[room][event] = (counted[room][event] ?? 0) + 1;
    }
    const expected = expectedCounts(files);
    assert.deepEqual(counted, expected);
    const total = Object.values(expected).flatMap(Object.values).reduce((sum, count) => sum + count, 0);
    console.log(`${total} events of ${new Set(Object.values(expected).flatMap(Object.keys)).size} names in ${Object.keys(expected).length} rooms as counted`);
  });

  test("numbers the events of each room from 1 without gap or repeat", () => {
    for (const [room, events] of logs) {
      assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1), room);
    }
  });

  test("marks its events as those of an import, and raises nothing in facility rooms", () => {
    for (const [room, events] of logs) {
      const byPeople = room.startsWith("patient:") && readers.has(room) ? 1 : 0;
      assert.equal(events.filter((event) => !event.import).length, byPeople, room);
    }
    for (const room of FACILITY) assert.ok(readers.get(room).events.every((event) => event.import), room);
  });

  test("is replayed as it was heard live, the resources included", async () => {
    for (const [room, reader] of readers) {
      const events = await log(room);
      await until(`the reader of ${room} has everything`, () => reader.ended ?? reader.events.length >= events.length, { within: CAUGHT_UP_MS });
      assert.equal(reader.ended, undefined, room);
      // A facility room may have got more since the log was read.
      assert.deepEqual(reader.events.slice(0, events.length), events, room);
      console.log(`${events.length} events of ${room} replayed as heard`);
    }
  });
}
