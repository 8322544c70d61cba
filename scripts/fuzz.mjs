// The fuzz targets under libFuzzer, from a fresh clone.
//
//   node scripts/fuzz.mjs smoke [SECONDS] [TARGET…]   runs each target and prints what it did
//   node scripts/fuzz.mjs merge [TARGET…]             minimises what was found into fuzz/corpus
//   node scripts/fuzz.mjs replay TARGET FILE…         runs single inputs, a crash for example
//
// Built with the toolchain that rust-toolchain.toml names; scripts/fuzz-rustc.sh adds the coverage.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, StepFailed, debian, has, needToolchain, output, run, say } from "./steps.mjs";

const FUZZ = join(ROOT, "fuzz");
const WORK = join(ROOT, "target", "fuzz");
/** The planted bug that has to be found: the test of the fuzzer itself. */
const CANARY = "canary";
/** Longest input by target, in bytes; beyond it runs only become slower. */
const BYTES_MAX = { canary: 128, changes: 1024, events: 1024, fhir: 2048, frame: 1024, load: 512, messages: 4096, resources: 512, scan: 512 };
const BYTES_MAX_ELSE = 1024;
const CRASH_EXIT = 77;

const [command, ...rest] = process.argv.slice(2);
const commands = { smoke, merge, replay };
try {
  if (!Object.hasOwn(commands, command)) throw new StepFailed(`node scripts/fuzz.mjs ${Object.keys(commands).join("|")} …`);
  process.exitCode = await commands[command](rest);
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function smoke(args) {
  const seconds = /^\d+$/.test(args[0] ?? "") ? Number(args.shift()) : 60;
  const targets = await asked(args);
  const binaries = await build();
  const results = [];
  for (const target of targets) {
    say(`${target} for ${seconds} s`);
    results.push({ target, ...(await fuzz(binaries, target, seconds)) });
  }
  console.log("\ntarget       exec/s      runs   edges  features     new  corpus  rss MB  slowest s");
  for (const r of results) {
    const cells = [[r.perSecond, 7], [r.runs, 10], [r.edges, 8], [r.features, 10], [r.found, 8], [r.corpus, 8], [r.rss, 8], [r.slowest, 11]];
    console.log(`${r.target.padEnd(12)}${cells.map(([cell, width]) => String(cell ?? "-").padStart(width)).join("")}   ${r.passed ? "ok" : "FAILED"}: ${r.reason}`);
  }
  const failed = results.filter((result) => !result.passed).length;
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs one target; new inputs go to target/fuzz/corpus, crashes to target/fuzz/artifacts. */
async function fuzz(binaries, target, seconds) {
  const [found, artifacts] = [join(WORK, "corpus", target), join(WORK, "artifacts", target)];
  // The canary is found anew each time, from nothing.
  if (target === CANARY) await rm(found, { recursive: true, force: true });
  for (const folder of [found, artifacts]) await mkdir(folder, { recursive: true });
  const committed = ["corpus", "regressions"].map((kind) => join(FUZZ, kind, target)).filter(existsSync);
  const { code, text } = await libfuzzer(binaries, target, [
    `-max_total_time=${seconds}`,
    "-print_final_stats=1",
    `-artifact_prefix=${artifacts}/`,
    found,
    ...(target === CANARY ? [] : committed),
  ]);
  const stat = (name) => new RegExp(`stat::${name}:\\s+(\\d+)`).exec(text)?.[1];
  const last = [...text.matchAll(/cov: (\d+) ft: (\d+) corp: (\d+)\//g)].at(-1);
  const figures = {
    perSecond: stat("average_exec_per_sec"),
    runs: stat("number_of_executed_units"),
    edges: last?.[1],
    features: last?.[2],
    corpus: last?.[3],
    found: stat("new_units_added"),
    rss: stat("peak_rss_mb"),
    slowest: stat("slowest_unit_time_sec"),
  };
  if (target === CANARY) {
    const caught = code === CRASH_EXIT && text.includes("the canary is found");
    return { ...figures, passed: caught, reason: caught ? "the planted bug was found" : "the planted bug was not found" };
  }
  if (code === 0 && Number(figures.edges) > 0) return { ...figures, passed: true, reason: "nothing found" };
  const file = /Test unit written to (\S+)/.exec(text)?.[1];
  return { ...figures, passed: false, reason: file ? `see ${file}` : `libFuzzer ended with ${code}` };
}

/** Keeps of committed and found inputs the fewest that cover as much, and commits none itself. */
async function merge(args) {
  const binaries = await build();
  for (const target of (await asked(args)).filter((name) => name !== CANARY)) {
    const [corpus, merged] = [join(FUZZ, "corpus", target), join(WORK, "merged", target)];
    await rm(merged, { recursive: true, force: true });
    for (const folder of [corpus, merged]) await mkdir(folder, { recursive: true });
    const sources = [corpus, join(WORK, "corpus", target)].filter(existsSync);
    const { code } = await libfuzzer(binaries, target, ["-set_cover_merge=1", merged, ...sources]);
    if (code !== 0) throw new StepFailed(`${target}: libFuzzer ended with ${code}`);
    await rm(corpus, { recursive: true });
    await rename(merged, corpus);
    say(`${target}: ${(await readdir(corpus)).length} inputs`);
  }
  return 0;
}

async function replay([target, ...files]) {
  const [name] = await asked([target]);
  const { code } = await libfuzzer(await build(), name, files);
  return code;
}

function libfuzzer(binaries, target, args) {
  const limits = ["-timeout=10", "-rss_limit_mb=1024", `-max_len=${BYTES_MAX[target] ?? BYTES_MAX_ELSE}`];
  return new Promise((resolve, reject) => {
    const child = spawn(join(binaries, target), [...limits, ...args], { cwd: WORK, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (some) => (text += some));
    }
    child.on("error", (error) => reject(new StepFailed(`${target} did not start: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code !== 0 && target !== CANARY) console.log(text.slice(-4000));
      resolve({ code: signal ?? code, text });
    });
  });
}

/** The targets that were asked for, or all that fuzz/Cargo.toml has. */
async function asked(names) {
  const manifest = await readFile(join(FUZZ, "Cargo.toml"), "utf8");
  const targets = [...manifest.matchAll(/^\[\[bin\]\]\nname = "(\w+)"/gm)].map(([, name]) => name);
  const unknown = names.filter((name) => !targets.includes(name));
  if (unknown.length > 0) throw new StepFailed(`no such target: ${unknown.join(", ")}; there are ${targets.join(", ")}`);
  return names.length > 0 ? names : targets;
}

async function build() {
  await needToolchain();
  if (!has("c++") && !(await debian(["g++"]))) throw new StepFailed("libFuzzer is C++: install a compiler");
  const host = /host: (\S+)/.exec(output("rustc", ["-vV"]))[1];
  await run("cargo", ["build", "--locked", "--release", "--target", host], {
    cwd: FUZZ,
    env: { CARGO_TARGET_DIR: WORK, RUSTC_WRAPPER: join(ROOT, "scripts", "fuzz-rustc.sh") },
  });
  return join(WORK, host, "release");
}
