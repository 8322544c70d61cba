// A large chart in Chromium while a colleague edits it: how long until the page has the events.
//
//   node client-wasm/bench/remote-edits.mjs    (make bench-client)
//
// A real server holds the chart, and a page with the package's own client has it open, both on this
// machine. The largest bundle in the folder BUNDLES is taken, ../shared/data/synthea if that is unset.
// EDITS=1000 makes more of them.
import { buildModule, buildServer } from "../../scripts/build.mjs";
import { needToolchain, npmCi, say } from "../../scripts/steps.mjs";

await needToolchain();
await buildModule();
await npmCi("tests/browser");
process.env.CHARTROOM_BIN ??= await buildServer("release");
const { largestChart, measured } = await import("../../tests/browser/frames.mjs");

const chart = largestChart();
if (!chart) {
  say("there is no chart: name a folder of Synthea bundles in BUNDLES");
  process.exit(1);
}
console.log(JSON.stringify(await measured(chart, Number(process.env.EDITS ?? 500))));
