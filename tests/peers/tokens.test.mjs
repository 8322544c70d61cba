// Who may be a server's peer: the operator's list, with a token each, and what each may.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, ran, temporaryFolder, until } from "../support/server.mjs";
import { events, inStep, link, put, same, shows } from "./people.mjs";

const TOKENS = { clinic: "the clinic's own token", van: "the van's own token here" };
const ROOM = "patient:p1";
const PRIVATE = "patient:p2";

let folder, hospital;

before(async () => {
  folder = await temporaryFolder("tokens");
  for (const [name, token] of Object.entries(TOKENS)) await writeFile(join(folder.path, `${name}.token`), `${token}\n`);
  await writeFile(join(folder.path, "wrong.token"), "a token of nobody's\n");
  const servers = [
    { name: "clinic", accepts_token_file: "clinic.token" },
    { name: "van", accepts_token_file: "van.token", rooms: [ROOM], read_only: true },
  ];
  hospital = await listed("hospital", servers);
  await put(hospital, ROOM, "c1", "Asthma");
  await put(hospital, PRIVATE, "c1", "Nobody's business");
});

after(async () => {
  await hospital?.end("SIGKILL");
  await folder?.remove();
});

async function listed(name, servers) {
  const file = join(folder.path, `${name}.json`);
  await writeFile(file, JSON.stringify({ name, servers }));
  return Server.start(join(folder.path, name), { args: ["--servers", file] });
}

/** A server that dials the hospital, for as long as it is asked something. */
async function dialling(name, entry, asks) {
  const server = await listed(name, [{ name: "hospital", url: `ws://127.0.0.1:${hospital.port}`, ...entry }]);
  try {
    await asks(server);
  } finally {
    await server.end();
  }
}

/** Waits until the hospital is dialled again late, and answers with why. */
async function refused(server) {
  let found;
  const waits = async () => (found = await link(server, "hospital")).state === "waiting";
  await until("the hospital refuses it", waits, { standing: () => JSON.stringify(found) });
  const wait = Date.parse(found.problem.tryAgainAt) - Date.parse(found.problem.at);
  assert.ok(wait >= 5000, `dialled again after ${wait} ms: ${found.problem.message}`);
  return found.problem.message;
}

const logged = async (words) => until(`the hospital's log says why: ${words}`, async () => words.test(await hospital.logged()));

for (const [what, entry] of [["no token", {}], ["a wrong token", { token_file: "wrong.token" }]]) {
  test(`a server with ${what} is refused, and both ends say why`, async () => {
    await dialling(what.replaceAll(" ", "-"), entry, async (stranger) => {
      await put(stranger, "patient:stranger", "c1", "Not for the hospital");
      assert.match(await refused(stranger), /does not take this server: .*token/);
      assert.deepEqual((await stranger.json("/rooms")).rooms.map(({ room }) => room), ["patient:stranger"]);
      await logged(/token/);
    });
    assert.ok(!(await hospital.json("/rooms")).rooms.some(({ room }) => room === "patient:stranger"));
  });
}

test("the right token lets it in under the name in the operator's list", async () => {
  await dialling("calls-itself-otherwise", { token_file: "clinic.token" }, async (clinic) => {
    await put(clinic, ROOM, "c2", "Gout", "bob;Bob");
    await inStep(clinic, "hospital");
    await same([hospital, clinic], ROOM);
    const { state, direction } = await link(hospital, "clinic");
    assert.deepEqual([state, direction], ["connected", "is-dialled"]);
    const { via, author } = (await events(hospital, ROOM)).find((event) => event.resource_id === "c2");
    assert.deepEqual([via, author.id], ["clinic", "bob"]);
  });
  await until("it is away", async () => (await link(hospital, "clinic")).state === "away");
});

test("a server that may only read gets the rooms it may have, and what it wrote is kept aside", async () => {
  await dialling("van", { token_file: "van.token", rooms: [ROOM] }, async (van) => {
    await until("the van has the room", () => shows(van, ROOM, "c1", "Asthma"));
    const { edits } = await put(van, ROOM, "van", "Written in the van");
    const kept = await until("it is kept aside", async () => (await hospital.json("/quarantine")).changes.find(({ hash }) => hash === edits[0].hash));
    assert.deepEqual([kept.server, kept.code], ["van", "read-only"]);
    assert.ok(!(await shows(hospital, ROOM, "van", "Written in the van")));
    assert.ok(!(await events(hospital, ROOM)).some((event) => event.resource_id === "van"));
    await until("the van is told", async () => (await link(van, "hospital")).refused > 0);
    const { quarantined, readOnly, patterns } = await link(hospital, "van");
    assert.deepEqual([quarantined > 0, readOnly, patterns], [true, true, [ROOM]]);
    // What the hospital writes arrives all the same.
    await put(hospital, ROOM, "c3", "Written in the hospital");
    await until("the van reads on", () => shows(van, ROOM, "c3", "Written in the hospital"));
    assert.equal((await link(van, "hospital")).state, "connected");
  });
});

test("a server that wants more than it may have is given what it may have", async () => {
  await dialling("greedy", { token_file: "van.token" }, async (greedy) => {
    await until("it has the room that it may have", () => shows(greedy, ROOM, "c1", "Asthma"));
    await put(greedy, PRIVATE, "greedy", "Written blindly");
    await put(hospital, ROOM, "c4", "Written later");
    await until("it goes on", () => shows(greedy, ROOM, "c4", "Written later"));
    assert.ok(!(await shows(greedy, PRIVATE, "c1", "Nobody's business")), "a room outside of its list stays outside");
    assert.ok(!(await shows(hospital, PRIVATE, "greedy", "Written blindly")));
    assert.equal((await link(greedy, "hospital")).state, "connected");
  });
});

// A refused change would keep the room from being in step for ever; its patience is for a server that does not answer.
test("the command names what is left where it may only read", async () => {
  const data = join(folder.path, "laptop");
  const laptop = await Server.start(data);
  await put(laptop, ROOM, "laptop", "Written on the laptop");
  await laptop.end();
  const { status, stderr } = ran(["--data", data, "sync", hospital.sync, ROOM, "--token-file", join(folder.path, "van.token"), "--patience", "20"]);
  assert.match(stderr, /patient:p1: left: /);
  assert.equal(status, 1);
});
