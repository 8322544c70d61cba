// `chartroom sync`: a store that nobody serves and a running server, in step once.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, SAMPLES, Server, chartroom, freePort, temporaryFolder } from "../support/server.mjs";
import { put } from "./people.mjs";
import { Relay } from "./relay.mjs";

const BOTH = "patient:niamh-oyelaran";
const THERE = "patient:sync-there";
const HERE = "patient:sync-here";

let folder, data, server, relay;

before(async () => {
  folder = await temporaryFolder("sync");
  data = join(folder.path, "laptop");
  chartroom(["--data", data, "import", join(SAMPLES, "niamh-oyelaran.json")]);
  await served(async (laptop) => {
    await put(laptop, BOTH, "here", "Written on the laptop");
    await put(laptop, HERE, "only-here", "Known to the laptop alone");
  });
  server = await Server.start(join(folder.path, "hospital"));
  await put(server, BOTH, "there", "Written in the hospital");
  await put(server, THERE, "only-there", "Known to the hospital alone");
  relay = await Relay.to(server.port);
});

after(async () => {
  relay?.close();
  await server?.end();
  await folder?.remove();
});

/** Runs the command to its end, while relays in this process go on; with what it says. */
async function sync(...args) {
  const child = spawn(BINARY, ["--data", data, "sync", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const [status] = await once(child, "close");
  return { status, said };
}

/** What a server over the laptop's store answers. */
async function served(asks) {
  const laptop = await Server.start(data);
  try {
    return await asks(laptop);
  } finally {
    await laptop.end();
  }
}

const rooms = (of) => Promise.all([BOTH, THERE, HERE].map(async (room) => [room, (await of.room(room)).heads]));

test("both sides have everything afterwards", async () => {
  const { status, said } = await sync(relay.url, "patient:*");
  assert.equal(status, 0, said);
  assert.match(said, /3 rooms: 3 in step, 0 left/);
  assert.deepEqual(await served(rooms), await rooms(server));
  const { resources } = await server.document(BOTH);
  assert.deepEqual(Object.keys(resources.Condition).filter((id) => ["here", "there"].includes(id)).sort(), ["here", "there"]);
  assert.ok(resources.AllergyIntolerance, "the imported chart is there, too");
});

test("a second run moves next to nothing", async () => {
  const first = relay.bytes;
  const { status, said } = await sync(relay.url, "patient:*");
  assert.equal(status, 0, said);
  const second = relay.bytes - first;
  console.log(`first run ${first} bytes, second ${second}`);
  assert.ok(second < 2048, `${second} bytes`);
});

test("a room that is named is fetched alone", async () => {
  await put(server, BOTH, "later", "Written later");
  await put(server, THERE, "later", "Written later");
  const { status, said } = await sync(relay.url, THERE);
  assert.equal(status, 0, said);
  const [there, both] = await served((laptop) => Promise.all([THERE, BOTH].map((room) => laptop.document(room))));
  assert.ok(there.resources.Condition.later);
  assert.equal(both.resources.Condition.later, undefined);
});

test("where nobody answers the exit code is 2, with a sentence", async () => {
  const { status, said } = await sync(`ws://127.0.0.1:${await freePort()}`, "patient:*");
  assert.equal(status, 2, said);
  assert.match(said, /refused|cannot be reached|no connection/i);
});

test("what is no address or no room is said before anything is done", async () => {
  const address = await sync("ftp://hospital.example", "patient:*");
  assert.equal(address.status, 2, address.said);
  assert.match(address.said, /begins with ws:\/\/, wss:\/\/, http:\/\/ or https:\/\//);
  assert.equal((await sync(relay.url, "no room")).status, 2);
});
