// A disk that is full, or does not keep what it is given: nothing is acknowledged that is not durable,
// what is durable can be read meanwhile, and when the fault ends everything goes on without a restart.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { copied } from "./disk.mjs";
import { Ledger, charts, found, joined, logLines, refusesWritesAndServesReads, returnsInVain, takesWritesAgain } from "./faults.mjs";
import { chosenSeed, seeded } from "./random.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 4);
/** A write over the limit must fail, not end the process. */
const LIMITED = ["bash", "-c", `trap "" XFSZ; exec "$0" "$@"`];

const seed = chosenSeed();
let folder, server;

before(async () => {
  folder = await temporaryFolder("faults-disk");
  console.log(`seed ${seed}`);
});

after(async () => {
  await server?.end("SIGKILL");
  if (!process.env.KEEP) await folder?.remove();
});

test(`a full disk, ${ROUNDS} times`, { timeout: 60_000 * ROUNDS }, async () => {
  const random = seeded(seed);
  const base = join(folder.path, "base");
  found(base);
  let kept = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const store = join(folder.path, `full-${round}`);
    await copied(base, store);
    server = await Server.start(store, { prefix: LIMITED });
    const ledger = new Ledger(await charts(server));
    const alice = await joined(server, "alice");
    await ledger.writeBoth(server, alice);
    await ledger.compare(server);
    // The write that does not fit ends anywhere, also in the middle of a record.
    limit(server, (await logEnd(store)) + Math.floor(random() * 300));
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

/** Where the store writes next: its file is longer, and zero from there. */
async function logEnd(store) {
  return (await readFile(join(store, "db"))).findLastIndex((byte) => byte !== 0) + 1;
}

/** Sets how long any file may get that the running server writes. */
function limit(server, bytes) {
  const done = spawnSync("prlimit", ["--pid", String(server.pid), `--fsize=${bytes}:unlimited`], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr || String(done.error));
}
