// What `run` and `test` share: saying what happens, running commands, finding and fetching tools,
// and doing a step only where its inputs have changed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

const STAMPS = join(ROOT, "target", "stamps");
const WASM_TARGET = "wasm32-unknown-unknown";

/** A step could not be done; the message is for the person at the terminal. */
export class StepFailed extends Error {}

export function say(text) {
  console.log(`\u25b8 ${text}`);
}

/** Runs a command in the repository with its output shown; rejects if it fails. */
export function run(command, args, { cwd = ROOT, env = {}, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", onOutput ? "pipe" : "inherit", onOutput ? "pipe" : "inherit"],
    });
    if (onOutput) {
      for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
        from.setEncoding("utf8");
        from.on("data", (text) => {
          to.write(text);
          onOutput(text);
        });
      }
    }
    child.on("error", (error) => reject(new StepFailed(`${command} did not start: ${error.message}`)));
    child.on("close", (code, signal) =>
      code === 0 ? resolve() : reject(new StepFailed(`${command} ${args.join(" ")} ended with ${signal ?? code}`)),
    );
  });
}

/** A command's standard output, or undefined where it fails or is missing. */
export function output(command, args, { cwd = ROOT, env = {} } = {}) {
  const done = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

export function has(command) {
  return output("sh", ["-c", `command -v ${command}`]) !== undefined;
}

/** Installs Debian packages, as root or through sudo; false where neither is possible. */
export async function debian(packages) {
  if (!has("apt-get")) return false;
  const sudo = process.getuid() === 0 ? [] : ["sudo", "-n"];
  if (sudo.length > 0 && !has("sudo")) return false;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const apt = (args) => {
    const [command, ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...args];
    return run(command, rest, { env });
  };
  try {
    await apt(["update"]);
    await apt(["install", "-y", "--no-install-recommends", ...packages]);
    return true;
  } catch (error) {
    say(`apt-get could not install ${packages.join(", ")}: ${error.message}`);
    return false;
  }
}

/** Makes sure that node is new enough and that the pinned Rust toolchain answers. */
export async function needToolchain() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) throw new StepFailed(`node 20 or newer is needed, this is ${process.versions.node}`);
  if (!has("npm")) throw new StepFailed("npm is missing; install it beside node");
  if (!has("cargo")) {
    process.env.PATH = `${join(homedir(), ".cargo", "bin")}${delimiter}${process.env.PATH}`;
    if (!has("cargo")) throw new StepFailed("cargo is missing; install Rust with rustup (https://rustup.rs)");
  }
  if (output("rustc", ["--version"]) !== undefined) return;
  const pinned = /channel = "([^"]+)"/.exec(await readFile(join(ROOT, "rust-toolchain.toml"), "utf8"))[1];
  say(`getting the Rust toolchain ${pinned}`);
  await run("rustup", ["toolchain", "install", pinned, "--profile", "minimal", "--component", "clippy,rust-src,rustfmt"]).catch(() => {});
  if (output("rustc", ["--version"]) !== undefined) return;
  const stable = output("rustc", ["--version"], { env: { RUSTUP_TOOLCHAIN: "stable" } });
  if (!stable?.startsWith(`rustc ${pinned} `)) throw new StepFailed(`rustup cannot get Rust ${pinned}, which rust-toolchain.toml names`);
  say(`rustup calls the installed ${pinned} "stable"; using that`);
  process.env.RUSTUP_TOOLCHAIN = "stable";
}

/**
 * The environment in which the browser module's crate compiles.
 *
 * Normally empty: rustup adds the target and the standard library's source, which `client-wasm/build.mjs`
 * compiles. Where it cannot, Debian's rustc does it; the script hands the flags to cargo.
 */
export async function wasmEnvironment() {
  const target = () => output("rustc", ["--print", "target-libdir", "--target", WASM_TARGET]) ?? "";
  const source = () => join(output("rustc", ["--print", "sysroot"]) ?? "", "lib/rustlib/src/rust/library/std");
  const installed = () => existsSync(target()) && existsSync(source());
  if (installed()) return {};
  say(`adding the Rust target ${WASM_TARGET} and the standard library's source`);
  await run("rustup", ["target", "add", WASM_TARGET]).catch(() => {});
  await run("rustup", ["component", "add", "rust-src"]).catch(() => {});
  if (installed()) return {};
  say("rustup cannot add it; taking Debian's rustc-web, rust-web-src and lld-22 instead");
  if (!existsSync(DEBIAN_RUSTC)) await debian(["rustc-web", "rust-web-src", "lld-22"]);
  if (!existsSync(DEBIAN_RUSTC)) throw new StepFailed(`no Rust standard library for ${WASM_TARGET}: neither rustup nor Debian has it`);
  const flags = [`--config=build.rustc="${DEBIAN_RUSTC}"`, `--config=target.${WASM_TARGET}.linker="wasm-ld-22"`];
  return { CHARTROOM_WASM_CARGO_FLAGS: flags.join(" ") };
}

const DEBIAN_RUSTC = "/usr/bin/rustc";

/** `npm ci` in a folder, once per content of its lock file. */
export async function npmCi(folder) {
  await once(`npm-${folder.replaceAll("/", "-")}`, [`${folder}/package-lock.json`], [`${folder}/node_modules`], () => {
    say(`npm ci in ${folder}`);
    return run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: join(ROOT, folder) });
  });
}

/** Does a step unless its outputs stand and its inputs are what they were when it was last done. */
export async function once(name, inputs, outputs, step) {
  const digest = await fingerprint(inputs);
  const stamp = join(STAMPS, name);
  const known = await readFile(stamp, "utf8").catch(() => "");
  if (known === digest && outputs.every((path) => existsSync(join(ROOT, path)))) return false;
  await step();
  await mkdir(STAMPS, { recursive: true });
  await writeFile(stamp, digest);
  return true;
}

const SKIPPED = new Set(["node_modules", "dist", "target", ".git"]);

/** A hash over the content of files and folders, given relative to the repository. */
async function fingerprint(paths) {
  const hash = createHash("sha256");
  const add = async (path) => {
    const entries = await readdir(join(ROOT, path), { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) {
      hash.update(path).update("\0").update(await readFile(join(ROOT, path)).catch(() => "absent"));
      return;
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!SKIPPED.has(entry.name)) await add(join(path, entry.name));
    }
  };
  for (const path of paths) await add(path);
  return hash.digest("hex");
}
