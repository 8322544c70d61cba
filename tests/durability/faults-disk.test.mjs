// A disk that is full, or does not keep what it is given: nothing is acknowledged that is not durable,
// what is durable can be read meanwhile, and when the fault ends everything goes on without a restart.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { copied } from "./disk.mjs";
import { Ledger, charts, chartsAtLast, found, joined, journalEnd, logLines, post, postLong, refusesWritesAndServesReads, rejoin, returnsInVain, takesWritesAgain, write } from "./faults.mjs";
import { PATIENCE_MS, Peer } from "./peer.mjs";
import { chosenSeed, seeded } from "./random.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 2);
/** Long notes that half of the journal has room for. */
const NOTES = 12;
/** So often a store that fails for ever is watched while it is tried. */
const TRIES = 4;
/** A write over the limit must fail, not end the process. */
const LIMITED = ["bash", "-c", `trap "" XFSZ; exec "$0" "$@"`];

const seed = chosenSeed();
let folder, server;

before(async () => {
  folder = await temporaryFolder("faults-disk");
  console.log(`seed ${seed}`);
});

// A server under strace outlives strace.
afterEach(async () => {
  await server?.end("SIGKILL", await tracedProcess().catch(() => undefined));
  server = undefined;
});

after(() => folder?.remove());

test(`a full disk, ${ROUNDS} times`, { timeout: 300_000 * ROUNDS }, async () => {
  const random = seeded(seed);
  const [short, long] = [join(folder.path, "short"), join(folder.path, "long")];
  found(short);
  // An opening hands the store's file what the journal of a killed server holds; that is most of what it may hold below.
  await copied(short, long);
  server = await Server.start(long);
  for (let note = 0; note < NOTES; note++) assert.equal((await postLong(server, `long-${note}`)).status, 200);
  await server.end("SIGKILL");
  let kept = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const store = join(folder.path, `full-${round}`);
    // The write that does not fit ends anywhere, also in the middle of a record, in turn in the journal
    // and in the file that takes what the journal holds.
    const inJournal = round % 2 === 1;
    await copied(inJournal ? short : long, store);
    server = await Server.start(store, { prefix: LIMITED });
    const ledger = new Ledger(await charts(server));
    const alice = await joined(server, "alice");
    await ledger.writeBoth(server, alice);
    await ledger.compare(server);
    // Room in the store's file is reserved before it is written to, so that one grows no more.
    const end = inJournal ? await journalEnd(store) : (await stat(join(store, "db"))).size;
    limit(server, end + Math.floor(random() * (inJournal ? 300 : 64 * 1024)));
    let notes = NOTES;
    const refused = async () => {
      const answer = await postLong(server, `long-${notes++}`);
      if (answer.status !== 200) assert.deepEqual(answer, { status: 503, code: "storage-failed" });
      return answer.status !== 200;
    };
    if (!inJournal) await until("the store's file does not take what the journal holds", refused, { within: 2 * PATIENCE_MS });
    const pending = [await refusesWritesAndServesReads(server, ledger, alice)];
    await returnsInVain(server, alice);
    pending.push(await refusesWritesAndServesReads(server, ledger, await joined(server, "erin")));
    limit(server, "unlimited");
    await takesWritesAgain(server, ledger, pending);
    await ledger.compare(server);
    await server.end("SIGKILL");
    await server.start();
    await ledger.compare(server);
    await server.end();
    await logLines(server);
    kept += ledger.promised.size;
  }
  console.log(`full disks ${ROUNDS}, edits acknowledged ${kept}, lost 0`);
});

test("a flush that fails for ever", { timeout: 300_000 }, async () => {
  const store = join(folder.path, "for-ever");
  found(store);
  const trace = join(folder.path, "for-ever.trace");
  // From some sync on, and then the store cannot be copied to a place where syncs succeed either.
  const first = 8 + Math.floor(seeded(seed)() * 8);
  server = await Server.start(store, { prefix: failing(trace, { fdatasync: `${first}+`, copy_file_range: "1+" }) });
  const ledger = new Ledger(await charts(server));
  for (let status; status !== 503; ) {
    const id = ledger.id("http");
    ({ status } = await post(server, id));
    (status === 200 ? ledger.promised : ledger.refused).add(id);
  }
  await refusesWritesAndServesReads(server, ledger, await joined(server, "alice"));

  const process = await tracedProcess();
  const started = { ms: performance.now(), cpu: await cpuMs(process), lines: (await logLines(server)).length, failures: await failures(), tries: await injected(trace, "copy_file_range") };
  const posts = Array.from({ length: 20 }, async () => {
    const id = ledger.id("http");
    ledger.refused.add(id);
    assert.equal((await post(server, id)).status, 503);
  });
  await Promise.all(posts);
  // In the trace, since the server's processor is to be the store's alone.
  await until("the store was tried some more times", async () => (await injected(trace, "copy_file_range")) >= started.tries + TRIES, { within: 2 * PATIENCE_MS });
  const seconds = (performance.now() - started.ms) / 1000;
  const cpu = ((await cpuMs(process)) - started.cpu) / 1000;
  const lines = (await logLines(server)).length - started.lines;
  console.log(`tried ${(await failures()) - started.failures} times in ${seconds.toFixed(1)} s: ${cpu.toFixed(2)} s of a processor, ${lines} lines of log`);
  assert.ok(cpu < seconds / 2, "the server does not spin");
  assert.ok(lines <= 10 * seconds, "the log is not flooded");

  await server.end("SIGKILL", process);
  server = await Server.start(store);
  await ledger.compare(server);
  await ledger.writeBoth(server, await joined(server, "alice"));
  await ledger.compare(server);
  await server.end();
});

for (const call of ["fdatasync", "sync_file_range", "pwrite64"]) {
  test(`${call} fails for a while`, { timeout: 300_000 }, async () => {
    const store = join(folder.path, call);
    found(store);
    const trace = join(folder.path, `${call}.trace`);
    const first = 4 + Math.floor(seeded(seed)() * 4);
    server = await Server.start(store, { prefix: failing(trace, { [call]: `${first}` }) });
    const ledger = new Ledger(await chartsAtLast(server));
    const alice = new Peer();
    await comesIn(alice);
    let refusals = 0;
    // Each thread has to come to its fault first.
    for (let edit = 0; edit < 40 || (await injected(trace, call)) === 0; edit++) {
      const id = ledger.id("peer");
      // Refused where they meet the fault.
      for (const part of [1, 2]) await postLong(server, `${id}-${part}`);
      write(alice, id);
      while (!(await savedOrSentAway(alice))) {
        refusals++;
        await comesIn(alice);
      }
      ledger.promised.add(id);
    }
    await ledger.compare(server, chartsAtLast);
    await server.end("SIGKILL", await tracedProcess());
    console.log(`${call}: failed ${await injected(trace, call)} times, edits acknowledged ${ledger.promised.size}, connections ended ${refusals}, lost 0`);
    server = await Server.start(store);
    await ledger.compare(server);
    await server.end();
  });
}

/** Has a peer enter the room, as often as the store fails meanwhile. */
function comesIn(peer) {
  const refused = async (error) => {
    if (peer.connected) assert.match(error.message, /was refused: storage-failed$/);
    else assert.equal(await peer.closing(), 1013);
    await peer.close();
  };
  return until("the peer is in the room", () => rejoin(server, peer).then(() => true, refused), { within: PATIENCE_MS, standing: () => peer.standing() });
}

/** Whether the edits were acknowledged before the connection ended. */
async function savedOrSentAway(peer) {
  await until("the edits are acknowledged or the connection ends", () => peer.unsaved === 0 || !peer.connected, { within: PATIENCE_MS, standing: () => peer.standing() });
  return peer.unsaved === 0;
}

/** Lets system calls fail: on each thread those that `faults` says by their numbers there. */
function failing(trace, faults) {
  const injected = Object.entries(faults).flatMap(([call, when]) => ["-e", `inject=${call}:error=EIO:when=${when}`]);
  return ["strace", "-f", "-qq", "-o", trace, "-e", `trace=${Object.keys(faults)}`, "-e", "signal=none", ...injected];
}

/** The server below strace. */
async function tracedProcess() {
  const children = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
  return Number(children.trim()) || server.pid;
}

async function cpuMs(process) {
  const [user, system] = (await readFile(`/proc/${process}/stat`, "utf8")).split(") ")[1].split(" ").slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

/** How many of some system call were made to fail. */
const injected = async (trace, call) => (await readFile(trace, "utf8")).split("\n").filter((line) => line.includes(call) && line.endsWith("(INJECTED)")).length;

const failures = async () => Number(/^chartroom_storage_failures (\d+)$/m.exec(await server.text("/metrics"))[1]);

/** Sets how long any file may get that the running server writes. */
function limit(server, bytes) {
  const done = spawnSync("prlimit", ["--pid", String(server.pid), `--fsize=${bytes}:unlimited`], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr || String(done.error));
}
