// Starts, stops and kills a real server for the tests that need one.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const BINARY = process.env.CHARTROOM_BIN ?? join(ROOT, "target", "debug", "chartroom");
export const SAMPLES = join(ROOT, "server", "samples");

/** A folder of its own for one test, and what removes it. */
export async function temporaryFolder(name) {
  const path = await mkdtemp(join(tmpdir(), `chartroom-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Runs the binary to its end; throws with its output unless it ends with `status`. */
export function chartroom(args, { status = 0 } = {}) {
  const done = ran(args);
  if (done.status !== status) throw new Error(`chartroom ${args.join(" ")} ended with ${done.status ?? done.signal}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** Imports the sample patients into a store that no server has open. */
export async function importSamples(data) {
  const samples = (await readdir(SAMPLES)).filter((name) => name.endsWith(".json")).map((name) => join(SAMPLES, name));
  chartroom(["--data", data, "import", ...samples]);
}

/** Runs the binary to its end, however that is; one that does not end is killed. */
export function ran(args, { binary = BINARY, ...options } = {}) {
  const done = spawnSync(binary, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, timeout: 30_000, killSignal: "SIGKILL", ...options });
  if (done.error && done.error.code !== "ETIMEDOUT") throw done.error;
  return done;
}

export class Server {
  #child;
  #ended;

  constructor(data, port, { prefix = [], args = [], web } = {}) {
    this.data = data;
    this.port = port;
    this.prefix = prefix;
    this.args = args;
    this.web = web;
    this.log = `${data}.log`;
  }

  /** A server that answers already, on a port that was free when it began unless one is given. */
  static async start(data, options = {}) {
    const server = new Server(data, options.port, options);
    await server.start();
    return server;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  get sync() {
    return `ws://127.0.0.1:${this.port}/sync`;
  }

  get pid() {
    return this.#child.pid;
  }

  async start() {
    const log = createWriteStream(this.log, { flags: "a" });
    const [command, ...args] = [...this.prefix, BINARY, "--data", this.data, "serve", "--listen", `127.0.0.1:${this.port ?? 0}`, ...this.args];
    this.#child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout.pipe(log, { end: false });
    this.#child.stderr.pipe(log, { end: false });
    if (this.port === undefined) this.#hearPort();
    let over;
    // Over when the log is whole too: who looks at why it ended finds the reason there.
    this.#ended = new Promise((done) => this.#child.once("close", (code, signal) => log.end(() => done((over = signal ?? code)))));
    this.#child.once("error", (error) => (over = error.message));
    for (const deadline = Date.now() + 30_000; ; ) {
      if (over !== undefined || Date.now() > deadline) {
        const tail = (await readFile(this.log, "utf8").catch(() => "")).split("\n").slice(-20).join("\n");
        throw new Error(`the server ${over === undefined ? "does not answer" : `ended with ${over}`}\n${tail}`);
      }
      const answer = this.port && (await fetch(`${this.http}/healthz`).catch(() => undefined));
      await answer?.arrayBuffer();
      if (answer?.ok) return;
      await pause(10);
    }
  }

  /** Takes the port that the system chose from the server's first line. */
  #hearPort() {
    let said = "";
    this.#child.stdout.on("data", (bytes) => {
      const listens = /listens on \S+:(\d+)\s/.exec((said += bytes));
      if (listens) this.port ??= Number(listens[1]);
    });
  }

  /** Ends the server with a signal and waits for its end. */
  async end(signal = "SIGTERM", pid = this.#child.pid) {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(pid, signal);
    return this.#ended;
  }

  async json(path, init) {
    const answer = await fetch(this.http + path, init);
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(body)}`);
    return body;
  }

  async text(path) {
    return (await fetch(this.http + path)).text();
  }

  /** What it wrote to its log so far. */
  logged() {
    return readFile(this.log, "utf8");
  }

  room(name) {
    return this.json(`/rooms/${encodeURIComponent(name)}`);
  }

  document(name) {
    return this.json(`/rooms/${encodeURIComponent(name)}/document`);
  }

  command(room, command, person = "alice;Alice") {
    return this.json(`/rooms/${encodeURIComponent(room)}/commands`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-chartroom-person": person },
      body: JSON.stringify(command),
    });
  }
}

export { pause };

/** Waits until `level` answers with something true, and answers with it; `standing` tells how things stood if it never does. */
export async function until(what, level, { within = 20_000, standing = () => "" } = {}) {
  for (const deadline = Date.now() + within; ; ) {
    const value = await level();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`did not come about within ${within} ms: ${what}\n${standing()}`);
    await pause(5);
  }
}
