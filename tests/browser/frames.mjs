// How long others' edits of a large chart take in Chromium: from the moment the socket hands a message
// to the worker until the page's listener has the event, and how long each of the two is busy.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ROOT, Server, chartroom, freePort, temporaryFolder } from "../support/server.mjs";
import { Device } from "./client.mjs";
import { browser } from "./pages.mjs";
import { Site } from "./site.mjs";

/** One frame of a browser that draws sixty in a second. */
export const FRAME_MS = 16;

/** The package's worker behind one that tells when each message of the socket arrived and how long it kept the worker busy. */
const TIMED_WORKER = {
  "/timed-worker.js": `import "/timed-socket.js";\nimport "/chartroom/worker.js";\n`,
  "/timed-socket.js": `
const Native = WebSocket;
const channel = new BroadcastChannel("arrivals");
globalThis.WebSocket = class extends Native {
  set onmessage(handler) {
    super.onmessage = handler && ((event) => {
      const began = performance.now();
      handler(event);
      channel.postMessage({ at: performance.timeOrigin + began, busy: performance.now() - began });
    });
  }
};
`,
};

/** The largest patient of BUNDLES, or of the folder ../shared/data/synthea; none where it is absent. */
export function largestChart() {
  const folder = process.env.BUNDLES ?? join(ROOT, "../shared/data/synthea");
  if (!existsSync(folder)) return undefined;
  const charts = readdirSync(folder).filter((name) => /\.json(\.gz)?$/.test(name)).map((name) => {
    const path = join(folder, name);
    const stored = readFileSync(path);
    return { path, text: name.endsWith(".gz") ? gunzipSync(stored) : stored };
  });
  const { path, text } = charts.reduce((one, other) => (other.text.length > one.text.length ? other : one));
  const patient = JSON.parse(text).entry.map(({ resource }) => resource).find(({ resourceType }) => resourceType === "Patient");
  return { path, bytes: text.length, room: `patient:${patient.id}` };
}

/** Measures so many edits of the chart, with a server and a browser of their own; prints the figures and gives them. */
export async function measured(chart, edits) {
  const folder = await temporaryFolder("frames");
  const site = await Site.start({ replaced: TIMED_WORKER });
  chartroom(["--data", folder.path, "import", chart.path]);
  const server = await Server.start(folder.path, { args: ["--allow-origin", site.origin], port: await freePort() });
  const chromium = await browser();
  try {
    const figures = await remoteEdits(await Device.open(chromium, site, server), server, chart.room, { edits });
    for (const line of described(figures, chart.bytes)) console.log(line);
    return figures;
  } finally {
    await chromium.close();
    await server.end();
    await site.end();
    await folder.remove();
  }
}

/** Opens the chart in a new tab of the device, and measures so many edits that come over HTTP. */
async function remoteEdits(device, server, room, { edits, warmUp = 20 }) {
  const page = await device.context.newPage();
  await page.goto(device.site.origin);
  await page.waitForFunction(() => window.chartroom !== undefined);
  const opened = await page.evaluate(
    async ([url, name]) => {
      window.arrivals = [];
      new BroadcastChannel("arrivals").onmessage = ({ data }) => window.arrivals.push(data);
      // A page that is busy draws late.
      window.gaps = [];
      let last = performance.now();
      const draw = (now) => {
        window.gaps.push(now - last);
        last = now;
        requestAnimationFrame(draw);
      };
      requestAnimationFrame(draw);
      const person = { id: "bob", name: "Bob" };
      const began = performance.now();
      const worker = () => new Worker("/timed-worker.js", { type: "module" });
      window.client = await window.chartroom.connect({ url, person, worker });
      window.room = await window.client.open(name);
      const openMs = performance.now() - began;
      const longestGapMs = Math.max(...window.gaps);
      window.told = [];
      window.room.on("change", (events) => {
        if (events.length === 0) return;
        window.room.list(events[0].resource_type);
        window.told.push(performance.timeOrigin + performance.now());
      });
      return { openMs, longestGapMs, observations: window.room.list("Observation").map(({ id }) => id) };
    },
    [server.sync, room],
  );
  await page.waitForFunction(() => window.room.synced);
  const untilTold = [];
  const busy = [];
  for (let number = 0; number < warmUp + edits; number += 1) {
    await page.evaluate(() => {
      window.arrivals.length = window.told.length = window.gaps.length = 0;
    });
    const elements = { valueQuantity: { value: number, unit: "mmol/L" } };
    await server.command(room, { kind: "patch", resourceType: "Observation", id: opened.observations[number % opened.observations.length], elements });
    const handle = await page.waitForFunction(() => window.told.length > 0 && window.arrivals.length > 0 && [window.arrivals[0], window.told[0]], undefined, { polling: 5 });
    const [arrival, told] = await handle.jsonValue();
    if (number < warmUp) continue;
    untilTold.push(told - arrival.at);
    busy.push(arrival.busy);
  }
  await page.close();
  const { openMs, longestGapMs, observations } = opened;
  return { openMs, longestGapMs, observations: observations.length, untilToldMs: spread(untilTold), workerBusyMs: spread(busy) };
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99), longest: sorted.at(-1) };
}

/** The figures as lines to print. */
function described({ openMs, longestGapMs, observations, untilToldMs, workerBusyMs }, bytes) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  const line = ({ p50, p99, longest }) => `p50 ${ms(p50)}, p99 ${ms(p99)}, longest ${ms(longest)}`;
  return [
    `chart: ${(bytes / 1e6).toFixed(2)} MB of JSON, ${observations} observations`,
    `opened for the first time after ${ms(openMs)}; meanwhile the page never stood still longer than ${ms(longestGapMs)}`,
    `another's edit, from the socket to the page's listener: ${line(untilToldMs)}`,
    `of that the worker is busy: ${line(workerBusyMs)}`,
    `a frame of ${FRAME_MS} ms is ${untilToldMs.p99 <= FRAME_MS ? "kept" : "MISSED"} at p99`,
  ];
}
