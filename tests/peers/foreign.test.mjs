// Chartroom beside the two servers of automerge-repo's protocol that others run: samod and
// automerge-repo's own. Chartroom dials each; their clients are automerge-repo's, and know nothing of Chartroom.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isImmutableString } from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { ROOT, Server, freePort, temporaryFolder, until } from "../support/server.mjs";
import { events, inStep, link, put, same, shows } from "./people.mjs";
import { Relay } from "./relay.mjs";

const ROOM = "patient:p1";
const RETRY_MS = 100;
const SAMOD = [process.env.SAMOD_BIN ?? join(ROOT, "target", "debug", "peer-samod")];
const AUTOMERGE_REPO = [process.execPath, fileURLToPath(new URL("repo-server.mjs", import.meta.url))];

/** Somebody else's server, which says in one line where it listens. */
class Foreign {
  #child;
  #ended;

  static async start(command, data, args = []) {
    const foreign = new Foreign();
    const [program, ...rest] = [...command, "--data", data, ...args];
    foreign.#child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
    foreign.#ended = once(foreign.#child, "exit");
    const failed = foreign.#ended.then(([status]) => Promise.reject(new Error(`the server ended with ${status}`)));
    // Also what ends it later is awaited there, and is then no failure.
    failed.catch(() => {});
    const [line] = await Promise.race([once(createInterface({ input: foreign.#child.stdout }), "line"), failed]);
    foreign.url = line.replace("listening on ", "");
    foreign.port = Number(new URL(foreign.url).port);
    return foreign;
  }

  async end() {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }
}

/** A client of theirs that has met its server: one that has not calls documents unavailable. */
async function client(url) {
  const repo = new Repo({ network: [new WebSocketClientAdapter(url, RETRY_MS)] });
  await until("the client has met its server", () => repo.peers.length > 0);
  return repo;
}

/** Texts of automerge's that stand for scalars are objects of a class; what is read is compared as JSON. */
const text = (value) => JSON.stringify(value, (_, item) => (isImmutableString(item) ? item.toString() : item)) ?? "";

/** A room's document at a client, whose server may not have met Chartroom or not been offered it yet. */
async function found(repo, server, room) {
  const { url } = await server.room(room);
  return until(`the client finds ${room}`, () => repo.find(url).catch(() => (repo.delete(url), undefined)), { within: 60_000 });
}

const reads = (handle, id, words) => until(`the client reads ${words}`, () => text(handle.doc()?.Condition?.[id]).includes(words), { within: 60_000 });
const has = (server, id, words, room = ROOM) => until(`the server shows ${words}`, () => shows(server, room, id, words), { within: 60_000 });
const write = (handle, id, words) => handle.change((doc) => void (doc.Condition[id] = { code: { text: words } }));

async function chartroom(folder, name, url, rooms = ["*"]) {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify({ name, servers: [{ name: "theirs", url, rooms }] }));
  return Server.start(join(folder, name), { args: ["--servers", file] });
}

for (const [name, command] of [["samod", SAMOD], ["automerge-repo", AUTOMERGE_REPO]]) {
  describe(`${name}'s server, which Chartroom dials`, () => {
    let folder, theirs, relay, hospital, clinic, repo, handle;

    before(async () => {
      folder = await temporaryFolder(`peers-${name}`);
      theirs = await Foreign.start(command, join(folder.path, "theirs"));
      relay = await Relay.to(theirs.port);
      hospital = await chartroom(folder.path, "hospital", relay.url);
      repo = await client(theirs.url);
    });

    after(async () => {
      await repo?.shutdown();
      relay?.close();
      for (const server of [hospital, clinic]) await server?.end("SIGKILL");
      await theirs?.end();
      await folder?.remove();
    });

    test("a room of Chartroom's is offered, and a client of theirs finds it", async () => {
      await put(hospital, ROOM, "c1", "Asthma");
      await inStep(hospital, "theirs");
      const { software, direction } = await link(hospital, "theirs");
      assert.deepEqual([software, direction], ["automerge-repo", "dials"]);
      handle = await repo.find((await hospital.room(ROOM)).url);
      await reads(handle, "c1", "Asthma");
    });

    test("what the client writes is in the room, in the name of its server", async () => {
      write(handle, "c2", "Gout");
      await has(hospital, "c2", "Gout");
      const found = (await events(hospital, ROOM)).filter((event) => event.resource_id === "c2");
      assert.deepEqual(found.map(({ event }) => event), ["RESOURCE_CREATED", "CONDITION_DIAGNOSED", "CONDITION_ADDED"]);
      for (const { via, author } of found) assert.deepEqual([via, author], ["theirs", { id: "server:theirs", name: "theirs" }]);
      const [first] = await events(hospital, ROOM);
      assert.deepEqual([first.via ?? null, first.author.id], [null, "alice"]);
    });

    test("an edit of what stands already goes both ways", async () => {
      await put(hospital, ROOM, "c2", "Gout, left foot");
      await reads(handle, "c2", "Gout, left foot");
      handle.change((doc) => void (doc.Condition.c1.code = { text: "Asthma, mild" }));
      await has(hospital, "c1", "Asthma, mild");
    });

    test("what both write while the link is cut is exchanged when it is back", async () => {
      relay.cut();
      await until("the cut is noticed", async () => (await link(hospital, "theirs")).state === "waiting");
      write(handle, "cut-theirs", "Written there");
      await put(hospital, ROOM, "cut-ours", "Written here");
      await put(hospital, "patient:p2", "c1", "A room that was made meanwhile");
      assert.ok(!(await shows(hospital, ROOM, "cut-theirs", "Written there")));
      relay.restore();
      await reads(handle, "cut-ours", "Written here");
      await has(hospital, "cut-theirs", "Written there");
      await inStep(hospital, "theirs");
      await reads(await repo.find((await hospital.room("patient:p2")).url), "c1", "A room that was made meanwhile");
    });

    test("a restart of Chartroom loses nothing and repeats nothing", async () => {
      await hospital.end();
      write(handle, "restart-theirs", "Written meanwhile");
      await hospital.start();
      await has(hospital, "restart-theirs", "Written meanwhile");
      await put(hospital, ROOM, "restart-ours", "Written behind it");
      await reads(handle, "restart-ours", "Written behind it");
      const all = await events(hospital, ROOM);
      assert.deepEqual(all.map(({ seq }) => seq), all.map((_, index) => index + 1));
      const created = all.filter(({ event }) => event === "RESOURCE_CREATED").map((event) => event.resource_id);
      assert.deepEqual(created.sort(), ["c1", "c2", "cut-ours", "cut-theirs", "restart-ours", "restart-theirs"]);
    });

    test("two Chartroom servers on both sides of it agree", async () => {
      // Their server names no rooms: what is not here is asked for by its name.
      clinic = await chartroom(folder.path, "clinic", theirs.url, [ROOM, "patient:p2", "patient:p3", "patient:p4"]);
      await has(clinic, "c1", "Asthma, mild");
      await put(clinic, ROOM, "clinic", "Written in the clinic");
      await has(hospital, "clinic", "Written in the clinic");
      await put(hospital, ROOM, "hospital", "Written in the hospital");
      await has(clinic, "hospital", "Written in the hospital");
      await reads(handle, "clinic", "Written in the clinic");
      for (const room of [ROOM, "patient:p2"]) await same([hospital, clinic], room);
      // Both write at once.
      await Promise.all([put(clinic, "patient:p2", "clinic", "From one side"), put(hospital, "patient:p2", "hospital", "From the other")]);
      await has(clinic, "hospital", "From the other", "patient:p2");
      await has(hospital, "clinic", "From one side", "patient:p2");
      await same([hospital, clinic], "patient:p2");
    });

    test("a room that nobody had when it was asked for is there once somebody writes in it", async () => {
      await put(clinic, "patient:p3", "c1", "Written first here");
      await reads(await found(repo, clinic, "patient:p3"), "c1", "Written first here");
      await put(hospital, "patient:p4", "c1", "Written first there");
      await has(clinic, "c1", "Written first there", "patient:p4");
    });
  });
}

describe("automerge-repo's server, which dials Chartroom", () => {
  let folder, relay, hospital, theirs, repo, handle;

  before(async () => {
    folder = await temporaryFolder("peers-dialled");
    hospital = await Server.start(join(folder.path, "hospital"));
    await put(hospital, ROOM, "c1", "Asthma");
    relay = await Relay.to(hospital.port);
    theirs = await Foreign.start(AUTOMERGE_REPO, join(folder.path, "theirs"), ["--port", String(await freePort()), "--dial", `${relay.url}/sync`]);
    repo = await client(theirs.url);
  });

  after(async () => {
    await repo?.shutdown();
    relay?.close();
    await theirs?.end();
    await hospital?.end("SIGKILL");
    await folder?.remove();
  });

  test("its client finds a room through it, and edits go both ways", async () => {
    handle = await found(repo, hospital, ROOM);
    await reads(handle, "c1", "Asthma");
    write(handle, "c2", "Gout");
    await has(hospital, "c2", "Gout");
    await put(hospital, ROOM, "c1", "Asthma, mild");
    await reads(handle, "c1", "Asthma, mild");
  });

  test("both survive a cut and a restart of Chartroom", async () => {
    relay.cut();
    write(handle, "cut-theirs", "Written there");
    await put(hospital, ROOM, "cut-ours", "Written here");
    relay.restore();
    await reads(handle, "cut-ours", "Written here");
    await has(hospital, "cut-theirs", "Written there");
    await hospital.end("SIGKILL");
    write(handle, "restart-theirs", "Written meanwhile");
    await hospital.start();
    await has(hospital, "restart-theirs", "Written meanwhile");
    const created = (await events(hospital, ROOM)).filter(({ event }) => event === "RESOURCE_CREATED").map((event) => event.resource_id);
    assert.deepEqual(created.sort(), ["c1", "c2", "cut-ours", "cut-theirs", "restart-theirs"]);
  });
});
