// A large chart in Chromium while somebody else edits it. The figures are printed; a debug server on a
// busy machine is no place to judge a frame by its 99th part, so half of the edits must be within one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, chartroom, freePort, temporaryFolder } from "../support/server.mjs";
import { Device } from "./client.mjs";
import { FRAME_MS, TIMED_WORKER, described, largestChart, remoteEdits } from "./frames.mjs";
import { browser } from "./pages.mjs";
import { Site } from "./site.mjs";

const EDITS = Number(process.env.EDITS ?? 200);

test("others' edits of a large chart reach the page within a frame", async (context) => {
  const chart = largestChart();
  if (!chart) return context.skip("no folder ../shared/data/synthea");
  const folder = await temporaryFolder("frames");
  const site = await Site.start({ replaced: TIMED_WORKER });
  chartroom(["--data", folder.path, "import", chart.path]);
  const server = await Server.start(folder.path, { args: ["--allow-origin", site.origin], port: await freePort() });
  const chromium = await browser();
  try {
    const figures = await remoteEdits(await Device.open(chromium, site, server), server, chart.room, { edits: EDITS });
    for (const line of described(figures, chart.bytes)) console.log(line);
    assert.ok(figures.untilToldMs.p50 <= FRAME_MS);
  } finally {
    await chromium.close();
    await server.end();
    await site.end();
    await folder.remove();
  }
});
