// A real server in a folder of its own, where its binary has been built.
import { spawn, type ChildProcess } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe } from "vitest";
import WebSocket from "ws";
import { connect, type Client, type ConnectOptions } from "chartroom";

const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");

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
  readonly #secret = "a secret of the tests, of forty-one bytes";
  #process: ChildProcess | undefined;
  #address = "127.0.0.1:0";
  #options: string[] = [];

  /** Starts it, again on the port that it had. */
  async start(): Promise<this> {
    const started = spawn(binary!, ["--data", this.#data, "serve", "--listen", this.#address, ...this.#options], { stdio: ["ignore", "pipe", "pipe"] });
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

  /** With sign-in, for people of whom {@link Server.token} makes tokens. */
  signsIn(): this {
    const file = (name: string, content: unknown) => {
      const path = `${this.#data}.${name}`;
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    };
    const keys = [{ algorithm: "HS256", secretFile: file("secret", this.#secret) }];
    const roles = { physician: { writes: ["patient:*"] }, nurse: { writes: ["facility:*"] }, operator: { may: ["admit", "operate"] } };
    this.#options = ["--sign-in", file("sign-in", { keys, leewaySeconds: 0 }), "--roles", file("roles", { roles })];
    return this;
  }

  /** A token for a person, good for some seconds from now. */
  token(person: string, { role = "physician", seconds = 60 } = {}): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Date.now() / 1000;
    const claims = { sub: person.toLowerCase(), name: person, roles: [role], scope: "user/*.cruds", iat: now, exp: now + seconds };
    const signed = `${part({ alg: "HS256" })}.${part(claims)}`;
    return `${signed}.${createHmac("sha256", this.#secret).update(signed).digest("base64url")}`;
  }

  /** Asks over HTTP with a token; the answer's JSON, if it has any. */
  async ask(token: string, path: string, method = "GET", body?: object): Promise<any> {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(this.http + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
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
    for (const path of ["", ".secret", ".sign-in", ".roles"]) rmSync(this.#data + path, { recursive: true, force: true });
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

export async function startServerWithSignIn(): Promise<Server> {
  const server = new Server().signsIn();
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
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`still not so after 30 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
