// A real server in a folder of its own, where its binary has been built.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe } from "vitest";
import WebSocket from "ws";
import { connect, type Client, type ConnectOptions } from "chartroom";

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));

/** The newest binary, if there is one. */
export const binary: string | undefined = ["debug", "release"]
  .map((profile) => join(target, profile, "chartroom"))
  .filter((path) => existsSync(path))
  .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];

/** Tests that need the server; skipped, and said so, where nobody has built it. */
export function withServer(name: string, body: () => void): void {
  if (binary === undefined) console.warn(`skipped, no server in target/ (cargo build -p chartroom-server): ${name}`);
  describe.skipIf(binary === undefined)(name, body);
}

export class Server {
  readonly #data = mkdtempSync(join(tmpdir(), "chartroom-"));
  #process: ChildProcess | undefined;
  #address = "127.0.0.1:0";

  /** Starts it, again on the port that it had. */
  async start(): Promise<this> {
    const started = spawn(binary!, ["--data", this.#data, "serve", "--listen", this.#address], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = started;
    this.#address = await new Promise<string>((resolve, reject) => {
      let printed = "";
      const read = (chunk: Buffer) => {
        printed += chunk.toString();
        const found = /127\.0\.0\.1:[1-9]\d*/.exec(printed);
        if (found) resolve(found[0]);
      };
      started.stdout.on("data", read);
      started.stderr.on("data", read);
      started.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
    });
    return this;
  }

  get url(): string {
    return `ws://${this.#address}/sync`;
  }

  get http(): string {
    return `http://${this.#address}`;
  }

  /** As a crash or a power cut would. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
  }
}

const open: { end(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.end();
});

export async function startServer(): Promise<Server> {
  const server = new Server();
  open.push(server);
  return server.start();
}

export async function connectAs(name: string, url: string, options: Partial<ConnectOptions> = {}): Promise<Client> {
  const person = { id: name.toLowerCase(), name };
  const client = await connect({ url, person, WebSocket, backoff: { minMs: 20, maxMs: 200 }, ...options });
  open.push({ end: () => client.close() });
  return client;
}

/** Waits until the condition holds: looks when something happens, and every few milliseconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`still not so after 15 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
