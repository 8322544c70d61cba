// `make run`: builds what has changed, starts the server, imports the samples into an empty store.
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildServer, buildWorkspace } from "./build.mjs";
import { ROOT, StepFailed, needToolchain, run, say } from "./steps.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    data: { type: "string", default: ".chartroom" },
    "build-only": { type: "boolean", default: false },
  },
});

try {
  await main();
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}

async function main() {
  await needToolchain();
  await buildWorkspace();
  const binary = await buildServer("release");
  if (options["build-only"]) return;
  await serve(binary);
}

async function serve(binary) {
  const address = `127.0.0.1:${options.port}`;
  const data = resolve(ROOT, options.data);
  say(`starting the server on ${address}, store in ${options.data}`);
  const server = spawn(binary, ["--data", data, "serve", "--listen", address], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((done) => server.once("close", (code, signal) => done(signal ?? code)));
  // The terminal sends an interrupt to the whole group; the server flushes and ends by itself.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => server.kill("SIGTERM"));

  try {
    await ready(`http://${address}`, ended);
    await importSamples(binary, `http://${address}`);
    say(`Chartroom is at http://${address}  (Ctrl-C stops it)`);
  } catch (error) {
    server.kill("SIGTERM");
    throw error;
  }
  const code = await ended;
  if (code !== 0 && code !== "SIGINT" && code !== "SIGTERM") throw new StepFailed(`the server ended with ${code}`);
}

/** Waits until the server answers, or fails at once if it ends. */
async function ready(base, ended) {
  let over;
  ended.then((code) => (over = code));
  for (;;) {
    if (over !== undefined) throw new StepFailed(`the server ended with ${over} before it answered`);
    const answer = await fetch(`${base}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function importSamples(binary, base) {
  const { rooms } = await (await fetch(`${base}/rooms`)).json();
  if (rooms.length > 0) {
    say(`the store has ${rooms.length} rooms`);
    return;
  }
  const folder = join("server", "samples");
  const files = (await readdir(join(ROOT, folder))).filter((name) => name.endsWith(".json")).sort();
  say(`the store is empty: importing ${files.length} sample patients`);
  await run(binary, ["import", "--server", base, ...files.map((name) => join(folder, name))]);
}
