// `make test`: every stage in turn, its seconds, and one closing line that sums all runners' counts.
//
//   node scripts/test.mjs                 all stages
//   node scripts/test.mjs unit browser    some of them
//   node scripts/test.mjs --list          what there is
import { spawn } from "node:child_process";
import { join } from "node:path";
import { buildModule, buildServer, buildWorkspace } from "./build.mjs";
import { counted } from "./counts.mjs";
import { ROOT, StepFailed, debian, has, needToolchain, npmCi, once, output, run, say } from "./steps.mjs";

// A stage either runs tests, and `counts` names the runner whose closing lines are added up,
// or is a check, which passes or fails as a whole and counts only when it fails. What it builds `ahead`
// begins with the first stage.
const STAGES = [
  { name: "samples", about: "the sample patients are what their generator writes", run: () => run("node", ["server/samples/generate.mjs", "--check"]) },
  { name: "format", about: "rustfmt", run: () => run("cargo", ["fmt", "--all", "--check"]) },
  {
    name: "lint",
    about: "clippy, warnings are errors; the lock files of what is built apart are up to date",
    run: async () => {
      await run("cargo", ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
      for (const apart of ["fuzz", "bench/peers"]) {
        await run("cargo", ["tree", "--locked", "--depth", "0", "--manifest-path", `${apart}/Cargo.toml`]);
      }
    },
  },
  { name: "pure", about: "the engine depends on no runtime, no storage, no clock", run: enginePure },
  { name: "unit", about: "Rust tests of every crate", counts: "rust", run: rustTests },
  { name: "doc", about: "the examples in the documentation", counts: "cargo", run: (onOutput) => run("cargo", ["test", "--locked", "--workspace", "--doc"], { onOutput }) },
  { name: "wasm", about: "the browser module: built, no foreign import, small enough", ahead: "module", run: wasm },
  { name: "client", about: "the npm package: types and tests", counts: "vitest", run: (onOutput) => packageTests("client-wasm", onOutput) },
  { name: "web", about: "the workspace: types, tests, build", counts: "vitest", run: webTests },
  { name: "tools", about: "tests of these scripts", counts: "node", run: toolTests },
  { name: "events", about: "an import's events against an independent count, live and replayed", counts: "node", run: events },
  { name: "foreign", about: "automerge-repo's own client against the server", counts: "node", run: foreign },
  { name: "peers", about: "servers in step: a ring of three, automerge-repo's and samod's, bad ones, `chartroom sync`", counts: "node", run: peers },
  { name: "fhir", about: "a published FHIR client, people who write at once, and real charts there and back to the digit", counts: "node", run: fhir },
  { name: "durability", about: "SIGKILL, storage faults, and the order of sync and show under strace", counts: "node", run: durability },
  { name: "speed", about: "what the engine's scenarios cost in instructions, against the table", counts: "node", ahead: "release", run: (onOutput) => run("node", ["scripts/instructions.mjs"], { onOutput }) },
  { name: "release", about: "the release server unwinds: a panic in one room leaves the others served", counts: "node", run: release },
  { name: "browser", about: "two pages on one chart in Chromium, and a page while FHIR writes to its chart", counts: "node", run: browser },
];

const asked = process.argv.slice(2);
if (asked.includes("--list")) {
  for (const stage of STAGES) console.log(`${stage.name.padEnd(12)}${stage.about}`);
  process.exit(0);
}
const unknown = asked.filter((name) => !STAGES.some((stage) => stage.name === name));
if (unknown.length > 0) {
  console.error(`no such stage: ${unknown.join(", ")}; --list names them`);
  process.exit(2);
}

// Colours would stand between the counts and whoever adds them up.
Object.assign(process.env, { NO_COLOR: "1", CARGO_TERM_COLOR: "never" });
delete process.env.FORCE_COLOR;
process.exitCode = await main(STAGES.filter((stage) => asked.length === 0 || asked.includes(stage.name)));

async function main(stages) {
  const results = [];
  try {
    await needToolchain();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    console.error(error.message);
    console.log("0 passed, 1 failed");
    return 1;
  }
  const built = buildAhead(stages);
  for (const stage of stages) results.push(await perform(stage, built[stage.name]));

  console.log("\nstage        seconds   passed  failed");
  for (const { name, seconds, passed, failed, reason } of results) {
    console.log(`${name.padEnd(12)}${seconds.toFixed(1).padStart(8)}${String(passed).padStart(9)}${String(failed).padStart(8)}${reason ? `   ${reason}` : ""}`);
  }
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
}

/**
 * Begins to build what later stages need, in what the earlier ones leave of the machine: at the lowest
 * priority, so that no test waits for it. Answers with the end of each build, by stage; one that fails
 * fails again, and says why, in its stage.
 */
function buildAhead(stages) {
  const ends = {};
  let before;
  for (const { name, ahead } of stages.slice(1)) {
    if (ahead) ends[name] = before = Promise.resolve(before).then(() => quietly("nice", ["-n", "19", "node", "scripts/build.mjs", ahead]));
  }
  return ends;
}

function quietly(command, args) {
  return new Promise((resolve) => {
    spawn(command, args, { cwd: ROOT, stdio: "ignore" }).on("error", resolve).on("close", resolve);
  });
}

async function perform(stage, built) {
  console.log(`\n== ${stage.name}: ${stage.about}`);
  const started = performance.now();
  await built;
  let text = "";
  let reason;
  try {
    await stage.run((chunk) => (text += chunk));
  } catch (error) {
    reason = error instanceof StepFailed ? error.message : (error.stack ?? String(error));
    console.error(reason);
  }
  const { passed, failed } = stage.counts ? counted(stage.counts, text) : { passed: 0, failed: 0 };
  if (!reason && stage.counts && passed + failed === 0) reason = "ran no test";
  const seconds = (performance.now() - started) / 1000;
  console.log(`== ${stage.name}: ${reason ? "FAILED" : "ok"} after ${seconds.toFixed(1)} s`);
  return { name: stage.name, seconds, passed, failed: reason ? Math.max(failed, 1) : failed, reason: reason?.split("\n")[0] };
}

async function enginePure() {
  // What the engine may not reach, whatever brings it in: a runtime, a socket, a store, a frame of HTTP.
  const banned = ["tokio", "mio", "async-std", "smol", "axum", "hyper", "sled", "socket2", "tungstenite"];
  const tree = output("cargo", ["tree", "--locked", "-p", "chartroom-engine", "-e", "normal,build", "--prefix", "none", "--format", "{p}"]);
  if (!tree) throw new StepFailed("cargo tree says nothing about chartroom-engine");
  const names = new Set(tree.split("\n").map((line) => line.split(" ")[0]));
  const found = banned.filter((name) => names.has(name));
  if (found.length > 0) throw new StepFailed(`the engine depends on ${found.join(", ")}`);
  if (output("cargo", ["tree", "--locked", "-p", "chartroom-engine", "-i", "tokio"])) throw new StepFailed("cargo tree finds tokio below the engine");
  console.log(`${names.size} crates below the engine, none of them ${banned.join(", ")}`);
}

async function rustTests(onOutput) {
  if (has("cargo-nextest")) {
    await run("cargo", ["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--no-tests", "fail"], { onOutput });
  } else {
    say("cargo-nextest is not installed; running cargo test");
    await run("cargo", ["test", "--locked", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"], { onOutput });
  }
}

async function wasm() {
  await buildModule();
  await run("node", ["scripts/check-wasm.mjs"]);
}

async function packageTests(folder, onOutput) {
  await run("npm", ["run", "check", "--silent"], { cwd: join(ROOT, folder) });
  await run("npm", ["test", "--silent"], { cwd: join(ROOT, folder), onOutput });
}

async function webTests(onOutput) {
  await buildWorkspace();
  await packageTests("web", onOutput);
}

async function toolTests(onOutput) {
  await run("node", ["--test", "scripts/counts.test.mjs"], { onOutput });
}

async function events(onOutput) {
  await run("node", ["--test", "tests/events/import.test.mjs"], { env: await serverBinary(), onOutput });
}

async function foreign(onOutput) {
  await buildModule();
  await endToEnd("foreign", onOutput);
}

async function peers(onOutput) {
  say("building samod as a server");
  await run("cargo", ["build", "--locked", "--manifest-path", "bench/peers/Cargo.toml", "-p", "peer-samod", "--target-dir", "target"]);
  await endToEnd("peers", onOutput);
}

async function fhir(onOutput) {
  await pythonClient().catch((error) => say(`fhirpy cannot be had, its test is left out: ${error.message}`));
  await endToEnd("fhir", onOutput);
}

async function pythonClient() {
  const [venv, requirements] = ["target/fhirpy", "tests/fhir/requirements.txt"];
  await once("fhirpy", [requirements], [`${venv}/bin/python`], async () => {
    say("installing fhirpy");
    await run("python3", ["-m", "venv", "--clear", venv]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20", "--only-binary", ":all:"];
    await run(`${venv}/bin/python`, [...pip, "--requirement", requirements]);
  });
}

async function durability(onOutput) {
  if (!has("strace")) {
    say("installing strace");
    await debian(["strace"]);
  }
  await endToEnd("durability", onOutput);
}

async function release(onOutput) {
  await npmCi("tests/durability");
  const env = { CHARTROOM_BIN: process.env.CHARTROOM_BIN ?? (await buildServer("release")) };
  await run("node", ["--test", "tests/durability/unwind.test.mjs"], { env, onOutput });
}

async function browser(onOutput) {
  if (!process.env.CHROMIUM && !has("chromium")) {
    say("installing Debian's chromium");
    await debian(["chromium"]);
  }
  await buildWorkspace();
  await endToEnd("browser", onOutput);
}

async function endToEnd(folder, onOutput) {
  await npmCi(`tests/${folder}`);
  await run("npm", ["test", "--silent"], { cwd: join(ROOT, "tests", folder), env: await serverBinary(), onOutput });
}

async function serverBinary() {
  return { CHARTROOM_BIN: process.env.CHARTROOM_BIN ?? (await buildServer("dev")) };
}
