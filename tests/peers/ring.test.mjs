// Three servers in a ring, people at each, links that are cut, a server that dies and one that loses
// its store. In the end all have the same, nothing acknowledged is lost, and each log is whole.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chosenSeed, seeded } from "../durability/random.mjs";
import { Server, freePort, pause, temporaryFolder, until } from "../support/server.mjs";
import { condition, events, heads } from "./people.mjs";
import { Relay } from "./relay.mjs";

const NAMES = ["hospital", "clinic", "van"];
const ROOMS = Array.from({ length: 30 }, (_, number) => `patient:ring-${number}`);
const CUTS = 4;
/** Longest time between two disturbances, and longest cut. */
const QUIET_MS_MAX = 400;

let folder, servers, relays;
let writing = true;
/** Edits that a server answered with 200. */
const saved = [];

before(async () => {
  folder = await temporaryFolder("ring");
  const ports = await Promise.all(NAMES.map(freePort));
  // The first dials the second, the second the third, the third the first.
  relays = await Promise.all(ports.map((_, at) => Relay.to(ports[(at + 1) % ports.length])));
  servers = await Promise.all(
    NAMES.map((name, at) => Server.start(join(folder.path, name), { port: ports[at], args: ["--server-name", name, "--peer", relays[at].url] })),
  );
});

after(async () => {
  writing = false;
  for (const relay of relays ?? []) relay.close();
  for (const server of servers ?? []) await server.end("SIGKILL");
  await folder?.remove();
});

/** Somebody at one server, who writes until she is told to stop. */
class Writer {
  #over;
  #stopped = false;

  constructor(at, random) {
    this.at = at;
    this.person = `${NAMES[at]}-nurse`;
    this.count = 0;
    this.random = random;
  }

  begin() {
    this.#stopped = false;
    this.#over = this.#write();
  }

  async stop() {
    this.#stopped = true;
    await this.#over;
  }

  async #write() {
    while (writing && !this.#stopped) {
      const room = ROOMS[Math.floor(this.random() * ROOMS.length)];
      const text = `${this.person} ${++this.count}`;
      // Every fourth edit is of what the others write, too.
      const id = this.count % 4 === 0 ? "shared" : `${NAMES[this.at]}-${this.count}`;
      const answer = await this.#post(room, condition(id, text));
      if (answer?.ok) {
        const [{ hash }] = answer.body.edits;
        saved.push({ at: this.at, room, id, text, hash, person: this.person });
      } else {
        // 5xx: the server goes down. Anything else an honest edit never hears.
        assert.ok(!answer || answer.status >= 500, `${answer?.status}: ${JSON.stringify(answer?.body)}`);
        await pause(20);
      }
      await pause(this.random() * 10);
    }
  }

  async #post(room, resource) {
    const headers = { "content-type": "application/json", "x-chartroom-person": `${this.person};${this.person}` };
    const body = JSON.stringify({ kind: "put", resource });
    try {
      const answer = await fetch(`${servers[this.at].http}/rooms/${room}/commands`, { method: "POST", headers, body });
      return { ok: answer.ok, status: answer.status, body: await answer.json() };
    } catch {
      return undefined;
    }
  }
}

test("three servers agree behind cuts, a kill and a lost store, and lose nothing that they acknowledged", async () => {
  const seed = chosenSeed();
  console.log(`seed ${seed}`);
  const random = seeded(seed);
  const writers = NAMES.map((_, at) => new Writer(at, seeded(seed + 1 + at)));
  for (const writer of writers) writer.begin();

  const disturb = async () => {
    for (let number = 0; number < CUTS; number++) {
      const relay = relays[Math.floor(random() * relays.length)];
      await pause(random() * QUIET_MS_MAX);
      relay.cut();
      await pause(random() * QUIET_MS_MAX);
      relay.restore();
    }
  };

  await disturb();
  const [, clinic, van] = servers;
  await clinic.end("SIGKILL");
  await pause(random() * QUIET_MS_MAX);
  await clinic.start();
  await disturb();

  // What the van alone has would be gone with its store: nobody promised more.
  await writers[2].stop();
  await until("the hospital has what the van acknowledged", async () => {
    const lost = await missing(servers[0], (edit) => edit.at === 2);
    await noteStanding(lost);
    return lost.length === 0;
  }, { within: 60_000, standing });
  await van.end();
  await rm(van.data, { recursive: true });
  await van.start();
  writers[2].begin();
  await disturb();

  await Promise.all(writers.map((writer) => writer.stop()));
  console.log(`acknowledged ${saved.length} edits: ${writers.map(({ at, count }) => `${NAMES[at]} ${count} asked`).join(", ")}`);
  const started = performance.now();
  await agreed();
  console.log(`in step ${((performance.now() - started) / 1000).toFixed(1)} s behind the last edit`);
  for (const server of servers) {
    assert.deepEqual(await missing(server, () => true), [], "every acknowledged edit is there");
    await logIsWhole(server);
    assert.deepEqual(await server.json("/quarantine"), { changes: [] }, "nothing of an honest server is refused");
  }
});

let standings = "";
const standing = () => standings;

async function noteStanding(left) {
  const [links, kept] = await Promise.all(["/peers", "/quarantine"].map((path) => Promise.all(servers.map((server) => server.json(path)))));
  standings = `${JSON.stringify(left)}\n${JSON.stringify(kept)}\n${JSON.stringify(links, null, 1)}`;
}

async function agreed() {
  await until("all servers have the same heads of every room", async () => {
    const found = await Promise.all(servers.map((server) => Promise.all(ROOMS.map((room) => heads(server, room)))));
    const differ = ROOMS.filter((_, number) => new Set(found.map((of) => of[number])).size > 1);
    await noteStanding(differ);
    return differ.length === 0;
  }, { within: 90_000, standing });
}

/** Acknowledged edits that a server does not have; of a resource that several write, its change counts. */
async function missing(server, which) {
  const of = new Map();
  for (const room of ROOMS) {
    // A room that it has not heard of yet is missing with all that is in it.
    if ((await heads(server, room)) === "") {
      of.set(room, { resources: {}, hashes: new Set() });
      continue;
    }
    const { resources } = await server.document(room);
    const hashes = new Set((await events(server, room, 1000)).flatMap((event) => event.changes));
    of.set(room, { resources, hashes });
  }
  return saved.filter(which).filter(({ room, id, text, hash }) => {
    const { resources, hashes } = of.get(room);
    return (id !== "shared" && resources.Condition?.[id]?.code?.text !== text) || (hash !== null && !hashes.has(hash));
  });
}

async function logIsWhole(server) {
  const authors = new Map(saved.filter(({ hash }) => hash !== null).map(({ hash, person }) => [hash, person]));
  for (const room of ROOMS) {
    const all = await events(server, room, 7);
    assert.deepEqual(all.map(({ seq }) => seq), all.map((_, index) => index + 1), `${room}: numbered without gap or repeat`);
    const each = all.map(({ changes, resource_type, resource_id, event }) => [...changes, resource_type, resource_id, event].join(" "));
    assert.equal(new Set(each).size, each.length, `${room}: each event once`);
    for (const event of all) {
      const person = event.changes.map((hash) => authors.get(hash)).find((found) => found !== undefined);
      if (person !== undefined) assert.equal(event.author.id, person, `${room}: who wrote it stays who it was`);
    }
  }
}
