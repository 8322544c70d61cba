// Builds the parts, each only where something it is made from has changed.
import { join } from "node:path";
import { ROOT, npmCi, once, run, say, wasmEnvironment } from "./steps.mjs";

const MODULE_INPUTS = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "engine", "client-wasm"];
const WORKSPACE_INPUTS = [...MODULE_INPUTS, "web"];

/** The server; `profile` is cargo's, "dev" or "release". Answers with the path of the binary. */
export async function buildServer(profile) {
  say(`building the server (${profile})`);
  await run("cargo", ["build", "--locked", "-p", "chartroom-server", "--profile", profile]);
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
