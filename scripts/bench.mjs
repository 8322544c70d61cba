// `make bench`: builds Chartroom, the peers and the generator, runs every scenario, writes docs/performance.
//
//   node scripts/bench.mjs            everything, about half an hour
//   node scripts/bench.mjs report     tables and plots again from what the last run left
import { join } from "node:path";
import { ROOT, StepFailed, debian, has, needToolchain, npmCi, run, say } from "./steps.mjs";

const RESULTS = "target/bench/results.json";

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(task) {
  await needToolchain();
  await run("cargo", ["build", "--locked", "--release", "-p", "chartroom-server", "-p", "chartroom-bench"]);
  const generator = (...args) => run(join(ROOT, "target/release/chartroom-bench"), args);
  if (task !== "report") {
    await run("cargo", ["build", "--locked", "--release", "--manifest-path", "bench/peers/Cargo.toml"]);
    await npmCi("bench/peers");
    if (!has("taskset")) await debian(["util-linux"]);
    say("measuring: leave the machine alone meanwhile");
    await generator("all", "--out", RESULTS);
  }
  await generator("report", "--results", RESULTS, "--folder", "docs/performance");
}
