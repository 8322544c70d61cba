// Counts the instructions of the engine's scenarios under callgrind and holds them against the table
// beside them, so that a change that makes one dearer is seen, however busy the machine is.
//
//   node scripts/instructions.mjs             more than TOLERANCE above the table is a failure
//   node scripts/instructions.mjs --record    writes the table
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, StepFailed, debian, has, output, run, say } from "./steps.mjs";

const TABLE = join(ROOT, "engine/benches/instructions.json");
const CHART = join(ROOT, "target/instructions-chart");
const COUNTS = join(ROOT, "target/instructions-counts");
const TOLERANCE = 0.05;
// Beside the server, so that the crates below both have the features, and so the artifacts, of its build.
const BUILD = ["build", "--locked", "--release", "-p", "chartroom-server", "-p", "chartroom-engine", "--bench", "instructions"];

try {
  process.exitCode = await main(process.argv.includes("--record"));
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(record) {
  if (!has("valgrind")) {
    say("installing valgrind");
    await debian(["valgrind"]);
  }
  const binary = await build();
  await run(binary, ["chart", CHART]);
  const before = JSON.parse(await readFile(TABLE, "utf8").catch(() => "{}"));
  const after = {};
  const tally = { pass: 0, fail: 0 };
  for (const scenario of output(binary, ["list"]).split("\n")) {
    after[scenario] = await instructions(binary, scenario);
    const verdict = judged(before[scenario], after[scenario]);
    console.log(`${verdict.fails && !record ? "✗" : "✔"} ${scenario}: ${shown(before[scenario])} before, ${shown(after[scenario])} now${verdict.says}`);
    tally[verdict.fails ? "fail" : "pass"] += 1;
  }
  for (const gone of Object.keys(before).filter((name) => !(name in after))) console.log(`- ${gone} is in the table alone: record it`);
  if (record) {
    await writeFile(TABLE, `${JSON.stringify(after, null, 2)}\n`);
    say(`recorded in ${TABLE}`);
    return 0;
  }
  console.log(`# pass ${tally.pass}\n# fail ${tally.fail}`);
  return tally.fail === 0 ? 0 : 1;
}

async function build() {
  say("building the scenarios (release)");
  await run("cargo", BUILD);
  const messages = output("cargo", [...BUILD, "--message-format", "json", "--quiet"]).split("\n");
  const built = messages.map((line) => JSON.parse(line)).find(({ reason, target }) => reason === "compiler-artifact" && target.name === "instructions");
  return built.executable;
}

/** The instructions that a scenario spends within `measured`. */
async function instructions(binary, scenario) {
  await rm(COUNTS, { force: true });
  const tool = ["--tool=callgrind", "--toggle-collect=*instructions*measured*", `--callgrind-out-file=${COUNTS}`, "--dump-line=no", "--cache-sim=no", "--quiet"];
  if (output("valgrind", [...tool, binary, "run", scenario, CHART]) === undefined) throw new StepFailed(`"${scenario}" failed under callgrind`);
  const counted = Number(/^totals: (\d+)/m.exec(await readFile(COUNTS, "utf8"))?.[1] ?? 0);
  if (counted === 0) throw new StepFailed(`callgrind counted nothing in "${scenario}"`);
  return counted;
}

function judged(before, after) {
  if (before === undefined) return { fails: true, says: ", not in the table: record it" };
  const change = after / before - 1;
  const says = Math.abs(change) < 0.001 ? "" : ` (${change > 0 ? "+" : ""}${(change * 100).toFixed(1)} %)`;
  if (change > TOLERANCE) return { fails: true, says: `${says}, more than ${TOLERANCE * 100} % above the table` };
  return { fails: false, says: change < -TOLERANCE ? `${says}: record it` : says };
}

function shown(count) {
  return count?.toLocaleString("en") ?? "none";
}
