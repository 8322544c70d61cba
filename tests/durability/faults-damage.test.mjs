// Files of the store are damaged behind the server's back. Whatever comes of it, no chart is ever shown
// that is not exactly as it was: it is whole, or refused by name, or the server does not start and says why.
import assert from "node:assert/strict";
import { open, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { copied } from "./disk.mjs";
import { Ledger, OTHER, ROOM, charts, chart, found, joined, logEnd, logLines, post } from "./faults.mjs";
import { chosenSeed, seeded } from "./random.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 30);
const ROOMS = [ROOM, OTHER];

const seed = chosenSeed();
const random = seeded(seed);
const below = (bound) => Math.floor(random() * bound);
const outcomes = new Map();
let folder, base, end, origin, names, hashes, server;

before(async () => {
  console.log(`seed ${seed}`);
  folder = await temporaryFolder("faults-damage");
  base = join(folder.path, "base");
  found(base);
  server = await Server.start(base);
  const ledger = new Ledger(await charts(server));
  const alice = await joined(server, "alice");
  for (let edit = 0; edit < 10; edit++) await ledger.writeBoth(server, alice);
  await alice.close();
  // As a newcomer is given it: what others wrote last may not have reached Alice.
  const bob = await joined(server, "bob");
  hashes = bob.hashes().sort();
  await bob.close();
  origin = await charts(server);
  await until("the pharmacy's queue is there", async () => (names = await listed()).includes("pharmacy:queue"));
  await server.end();
  end = await logEnd(base);
});

afterEach(() => server?.end("SIGKILL"));

after(async () => {
  console.log([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).sort().join("; "));
  await folder?.remove();
});

const listed = async () => (await server.json("/rooms")).rooms.map(({ room }) => room);

/** Starts a server over a copy that `damage` was at, and looks at everything in it. */
async function judge(what, damage, { running = false } = {}) {
  const store = join(folder.path, "damaged");
  await rm(store, { recursive: true, force: true });
  await rm(`${store}.log`, { force: true });
  await copied(base, store);
  if (!running) await damage(store);
  const refusal = await started(store);
  if (refusal === undefined) {
    if (running) await damage(store);
    const outcome = await lookedAt(what);
    await server.end();
    count(outcome);
  } else {
    assert.equal(await started(store), refusal, `${what}: refused once, refused for good`);
    count(`refused to start: ${refusal}`);
  }
  await logLines(server);
}

const count = (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

/** What kept the server from starting, if anything. */
async function started(store) {
  const starting = await Server.start(store).catch((error) => error);
  if (starting instanceof Server) return void (server = starting);
  const [, reason] = /ended with 2\n(?:.*\n)*chartroom: ([^\n]+)\n?$/.exec(starting.message) ?? assert.fail(starting.message);
  return reason.replaceAll(store, "STORE").replace(/\d+ writes, and \d+/, "N writes, and M");
}

/** Every part of every chart is as it was or refused with a code; so is a first sync and an edit. */
async function lookedAt(what) {
  const refusals = new Set();
  for (const room of ROOMS) {
    const now = await chart(server, room).catch((error) => error);
    if (isDeepStrictEqual(now, origin[room])) continue;
    if (!(now instanceof Error) || now.code === "ERR_ASSERTION") assert.deepEqual(now, origin[room], `${what}: ${room} is not as it was`);
    const [, code] = /answered 503: {"error":{"code":"(room-unreadable|storage-failed)"/.exec(now.message) ?? assert.fail(`${what}: ${now.stack}`);
    refusals.add(`${room === ROOM ? "the edited room" : "the other room"} ${code}`);
  }
  const alice = await joined(server, "alice").catch((error) => assert.match(error.message, /refused: (room-unreadable|storage-failed)$/, what));
  if (alice) assert.deepEqual(alice.hashes().sort(), hashes, `${what}: the first sync is whole`);
  await alice?.close();
  const listed = await fetch(`${server.http}/rooms`);
  if (listed.ok) assert.deepEqual((await listed.json()).rooms.map(({ room }) => room), names, `${what}: every room is listed`);
  else refusals.add("the list of rooms");
  const { status, code } = await post(server, "after-the-damage");
  assert.ok(status === 200 || (status === 503 && code), `${what}: an edit is answered with ${status} ${code}`);
  return refusals.size === 0 ? "whole" : `refused by name: ${[...refusals].join(", ")}`;
}

/** Turns one bit over. */
async function flip(path, offset) {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0] ^= 1 << below(8);
  await file.write(byte, 0, 1, offset);
  await file.close();
}

const small = async (store) => (await readdir(store)).filter((name) => !["db", "blobs"].includes(name));

test(`a byte is flipped, ${ROUNDS} times`, { timeout: 20_000 * ROUNDS }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const offset = below(end);
    await judge(`flip at ${offset} of ${end}`, (store) => flip(join(store, "db"), offset), { running: round % 4 === 3 });
  }
});

test("a byte is flipped in each of the small files", { timeout: 300_000 }, async () => {
  for (const name of await small(base)) {
    const { length } = await readFile(join(base, name));
    const offset = below(length);
    await judge(`flip at ${offset} of ${name}`, (store) => flip(join(store, name), offset));
  }
});

test(`the store's file is cut off, ${Math.ceil(ROUNDS / 2)} times`, { timeout: 20_000 * ROUNDS }, async () => {
  for (let round = 0; round < ROUNDS / 2; round++) {
    const length = round === 0 ? 0 : below(end);
    await judge(`cut to ${length} of ${end}`, (store) => truncate(join(store, "db"), length), { running: round % 4 === 3 });
  }
});

test("each file is cut off, empty, missing", { timeout: 300_000 }, async () => {
  for (const name of [...(await small(base)), "db", "blobs"]) {
    await judge(`${name} is missing`, (store) => rm(join(store, name), { recursive: true }));
    if (name === "blobs") continue;
    const { length } = await readFile(join(base, name));
    const kept = below(length);
    await judge(`${name} is cut to ${kept}`, (store) => truncate(join(store, name), kept));
    await judge(`${name} is empty`, (store) => writeFile(join(store, name), ""));
  }
});
