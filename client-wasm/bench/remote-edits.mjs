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
const { Server, chartroom, freePort, temporaryFolder } = await import("../../tests/support/server.mjs");
const { Device } = await import("../../tests/browser/client.mjs");
const { TIMED_WORKER, described, largestChart, remoteEdits } = await import("../../tests/browser/frames.mjs");
const { browser } = await import("../../tests/browser/pages.mjs");
const { Site } = await import("../../tests/browser/site.mjs");

const chart = largestChart();
if (!chart) {
  say("there is no chart: name a folder of Synthea bundles in BUNDLES");
  process.exit(1);
}
const folder = await temporaryFolder("bench-client");
const site = await Site.start({ replaced: TIMED_WORKER });
chartroom(["--data", folder.path, "import", chart.path]);
const server = await Server.start(folder.path, { args: ["--allow-origin", site.origin], port: await freePort() });
const chromium = await browser();
try {
  const figures = await remoteEdits(await Device.open(chromium, site, server), server, chart.room, { edits: Number(process.env.EDITS ?? 500) });
  for (const line of described(figures, chart.bytes)) console.log(line);
  console.log(JSON.stringify(figures));
} finally {
  await chromium.close();
  await server.end();
  await site.end();
  await folder.remove();
}
