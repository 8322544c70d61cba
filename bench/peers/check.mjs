// Starts each server in turn over a folder of its own and shows, with the client that its authors
// publish, that it works. Needs `npm ci` and `cargo build --release --locked` in this folder.
//
//   node check.mjs
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as automerge from "./check/automerge.mjs";
import * as floor from "./check/floor.mjs";
import * as hocuspocus from "./check/hocuspocus.mjs";
import { within } from "./check/within.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const BINARIES = join(process.env.CARGO_TARGET_DIR ?? join(HERE, "target"), "release");

const PEERS = [
  { name: "automerge-repo", command: [process.execPath, join(HERE, "automerge-repo", "server.mjs")], shows: automerge },
  { name: "hocuspocus", command: [process.execPath, join(HERE, "hocuspocus", "server.mjs")], shows: hocuspocus },
  { name: "samod", command: [join(BINARIES, "peer-samod")], shows: automerge },
  { name: "floor", command: [join(BINARIES, "peer-floor")], shows: floor },
];

/** One server over one folder, which can end and start again. */
class Server {
  #child;

  constructor(command, data) {
    this.command = command;
    this.data = data;
  }

  async start() {
    const [program, ...args] = [...this.command, "--data", this.data];
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    const failed = once(this.#child, "exit").then(([status]) => Promise.reject(new Error(`the server ended with ${status}`)));
    // Also what ends it later is awaited there, and is then no failure.
    failed.catch(() => {});
    const [line] = await within("the server listens", Promise.race([once(createInterface({ input: this.#child.stdout }), "line"), failed]));
    this.url = /^listening on (ws:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
    if (!this.url) throw new Error(`not the line expected: ${line}`);
  }

  async stop() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const [status] = await within("the server ends", ended);
    if (status !== 0) throw new Error(`the server ended with ${status}`);
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  kill() {
    this.#child?.kill("SIGKILL");
  }
}

let [passed, failed] = [0, 0];
for (const { name, command, shows } of PEERS) {
  for (const [sentence, show] of Object.entries(shows.cases)) {
    const folder = await mkdtemp(join(tmpdir(), `chartroom-peer-${name}-`));
    const server = new Server(command, join(folder, "data"));
    try {
      await server.start();
      await show(server);
      await server.stop();
      passed += 1;
      console.log(`ok      ${name}: ${sentence}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${sentence}\n${error.stack ?? error}`);
    } finally {
      server.kill();
      await rm(folder, { recursive: true, force: true });
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
