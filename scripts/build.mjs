// Builds the parts, each only where something it is made from has changed.
//
//   node scripts/build.mjs module release     some of them, for a stage of the tests that comes later
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT, npmCi, once, run, say, wasmEnvironment } from "./steps.mjs";

const MODULE_INPUTS = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "engine", "client-wasm"];
const WORKSPACE_INPUTS = [...MODULE_INPUTS, "web"];

/** The server; `profile` is cargo's, "dev" or "release". Answers with the path of the binary. */
export async function buildServer(profile) {
  say(`building the server (${profile})`);
  // With the workspace and an example cargo gives the crates below the features that they have in its
  // tests, and so their artifacts serve both.
  const what = profile === "dev" ? ["--workspace", "--bin", "chartroom", "--example", "watch"] : ["-p", "chartroom-server"];
  await run("cargo", ["build", "--locked", ...what, "--profile", profile]);
  return join(ROOT, "target", profile === "dev" ? "debug" : profile, "chartroom");
}

/** The npm package `chartroom` in client-wasm/dist. */
export async function buildModule() {
  await npmCi("client-wasm");
  await once("client-wasm", MODULE_INPUTS, ["client-wasm/dist"], async () => {
    const env = await wasmEnvironment();
    say("building the browser module and its npm package");
    await run("node", ["client-wasm/build.mjs"], { env });
  });
}

/** The clinical workspace in web/dist. */
export async function buildWorkspace() {
  await buildModule();
  await npmCi("web");
  await once("web", WORKSPACE_INPUTS, ["web/dist/index.html"], () => {
    say("building the workspace");
    return run("npm", ["run", "build", "--silent"], { cwd: join(ROOT, "web") });
  });
}

const PARTS = { module: buildModule, release: () => buildServer("release") };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const part of process.argv.slice(2)) await PARTS[part]();
}
