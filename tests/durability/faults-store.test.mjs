// A folder that cannot be a server's store: somebody else has it open, it may not be written, or it is
// no store. Whoever starts the server is told so in one line, and nothing in the folder is touched.
import assert from "node:assert/strict";
import { chmod, copyFile, cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, SAMPLES, Server, chartroom, freePort, ran, temporaryFolder } from "../support/server.mjs";

const SAMPLE = join(SAMPLES, "niamh-oyelaran.json");
const ROOM = "patient:niamh-oyelaran";
/** Debian's `nobody`, who owns nothing. */
const NOBODY = 65534;

let folder, store, listen;

before(async () => {
  folder = await temporaryFolder("faults-store");
  store = join(folder.path, "store");
  chartroom(["--data", store, "import", SAMPLE]);
  listen = ["serve", "--listen", `127.0.0.1:${await freePort()}`];
});

after(() => folder?.remove());

/** Ends with exit code 2 and one line, which it answers with. */
function refused(args, options) {
  const { status, signal, stdout, stderr } = ran(args, options);
  const told = `${args.join(" ")}: ${status ?? signal}\n${stdout}${stderr}`;
  assert.equal(status, 2, told);
  assert.equal(stdout, "", told);
  assert.match(stderr, /^chartroom: [^\n]+\n$/, told);
  return stderr;
}

/** A folder of the test's own, as `change` leaves it. */
async function changed(name, change, from = store) {
  const path = join(folder.path, name);
  if (from) await cp(from, path, { recursive: true });
  else await mkdir(path);
  await change(path);
  return path;
}

test("a store that is in use is refused to everybody else, and its server goes on undisturbed", async () => {
  const server = await Server.start(store);
  try {
    const before = await server.document(ROOM);
    for (const task of [["import", SAMPLE], ["export", ROOM], ["refound", ROOM], ["pharmacy", "rebuild"], listen]) {
      const sentence = refused(["--data", store, ...task]);
      assert.ok(sentence.includes(`the store at ${store} is open in another process`), sentence);
      assert.equal(sentence.includes("--server URL"), task !== listen, sentence);
    }
    assert.deepEqual(await server.document(ROOM), before);
    await server.command(ROOM, { kind: "put", resource: { resourceType: "Observation", id: "on-and-on", status: "final", subject: { reference: "Patient/niamh-oyelaran" } } });
  } finally {
    await server.end();
  }
  assert.ok(chartroom(["--data", store, "export", ROOM]).includes("on-and-on"));
});

test("a folder that may not be written is refused", async () => {
  await chmod(folder.path, 0o755);
  const person = process.getuid() === 0 ? await asNobody() : {};
  const locked = await changed("locked", (path) => chmod(path, 0o555), null);
  const foreign = await changed("foreign", (path) => chmod(join(path, "db"), 0o444));
  for (const path of [join(locked, "store"), foreign]) {
    const sentence = refused(["--data", path, ...listen], person);
    assert.ok(sentence.includes(path) && /permission denied/i.test(sentence), sentence);
  }
});

/** Root may write everywhere, so the binary is run as somebody else, from a place where he can reach it. */
async function asNobody() {
  const binary = join(folder.path, "chartroom");
  await copyFile(BINARY, binary);
  return { binary, cwd: "/", uid: NOBODY, gid: NOBODY };
}

test("what is no store is refused and left as it is", async () => {
  const cases = [
    ["a file", join(SAMPLES, "niamh-oyelaran.json"), /is not a folder/],
    ["below a file", join(SAMPLES, "niamh-oyelaran.json", "store"), /Not a directory/],
    ["another program's db", await changed("other-db", (path) => writeFile(join(path, "db"), "SQLite format 3\0 and so on"), null), /its file db is not a store/],
    ["conf lost", await changed("no-conf", (path) => rm(join(path, "conf"))), /its file db is not a store/],
  ];
  for (const [what, path, reason] of cases) {
    const before = await contents(path);
    const sentence = refused(["--data", path, ...listen]);
    assert.match(sentence, reason, what);
    assert.ok(sentence.includes(path), sentence);
    assert.deepEqual(await contents(path), before, `${what} is left as it is`);
  }
});

/** Every file below a path with its bytes. */
async function contents(path) {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  return Promise.all(names.map(async (name) => [name, await readFile(join(path, name)).catch(() => "a folder")]));
}
