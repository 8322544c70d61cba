// The client's side of a large chart: how long the page is busy with joining, and with each edit of a
// colleague until the app has its events.
//
//   node client-wasm/bench/remote-edits.mjs    (make bench-client)
//
// A real server holds the chart and the package's own client joins it over a socket, both on this
// machine. What is timed runs in the client alone, from the moment the socket hands a message over. The
// largest bundle in the folder BUNDLES is taken, ../shared/data/synthea if that is unset, and the
// samples where there is none. EDITS=1000 makes more of them.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import WebSocket from "ws";
import { buildModule, buildServer } from "../../scripts/build.mjs";
import { ROOT, needToolchain, say } from "../../scripts/steps.mjs";

const EDITS = Number(process.env.EDITS ?? 200);
const WARM_UP = 20;
/** One frame of a browser that draws sixty in a second. */
const FRAME_MS = 16;

await needToolchain();
await buildModule();
process.env.CHARTROOM_BIN ??= await buildServer("release");
const { Server, chartroom, temporaryFolder } = await import("../../tests/support/server.mjs");
const { connect } = await import("chartroom");
const { default: loadModule } = await import("../dist/wasm/chartroom.js");

const chart = largestChart();
const folder = await temporaryFolder("bench-client");
try {
  chartroom(["--data", folder.path, "import", chart.path]);
  const server = await Server.start(folder.path);
  try {
    report(await measure(server));
  } finally {
    await server.end();
  }
} finally {
  await folder.remove();
}

async function measure(server) {
  let began = 0;
  const busy = [];
  // Times what the client does with each message, from the bytes on.
  class TimedSocket extends WebSocket {
    set onmessage(handler) {
      super.onmessage = handler && ((event) => {
        began = performance.now();
        handler(event);
        busy.push(performance.now() - began);
      });
    }
  }
  const client = await connect({ url: server.sync, person: { id: "bob", name: "Bob" }, WebSocket: TimedSocket });
  busy.length = 0;
  const joined = performance.now();
  const room = await client.open(chart.room);
  const firstSync = { wallMs: performance.now() - joined, busyMs: sum(busy), longestTaskMs: Math.max(...busy), messages: busy.length };
  const memory = (await loadModule()).memory.buffer.byteLength;

  const observations = room.list("Observation").map(({ id }) => id);
  const told = [];
  const read = [];
  let heard;
  room.on("change", (events) => {
    if (events.length === 0) return;
    told.push(performance.now() - began);
    for (const { resource_type: type } of events) room.list(type);
    read.push(performance.now() - began);
    heard();
  });
  for (let number = 0; number < WARM_UP + EDITS; number += 1) {
    const arrived = new Promise((resolve) => (heard = resolve));
    const elements = { valueQuantity: { value: number, unit: "mmol/L" } };
    await server.command(chart.room, { kind: "patch", resourceType: "Observation", id: observations[number % observations.length], elements });
    await arrived;
  }
  await client.close();
  return {
    chart: { jsonBytes: chart.bytes, observations: observations.length },
    firstSync,
    moduleMemoryBytes: memory,
    edits: EDITS,
    untilEventsMs: spread(told.slice(WARM_UP)),
    untilListReadMs: spread(read.slice(WARM_UP)),
  };
}

function largestChart() {
  const shared = process.env.BUNDLES ?? join(ROOT, "../shared/data/synthea");
  const folder = existsSync(shared) ? shared : join(ROOT, "server/samples");
  if (folder !== shared) say(`${shared} is absent; taking the samples, which are small`);
  const charts = readdirSync(folder).filter((name) => /\.json(\.gz)?$/.test(name)).map((name) => {
    const path = join(folder, name);
    const stored = readFileSync(path);
    const text = name.endsWith(".gz") ? gunzipSync(stored) : stored;
    return { path, text };
  });
  const { path, text } = charts.reduce((one, other) => (other.text.length > one.text.length ? other : one));
  const patient = JSON.parse(text).entry.map(({ resource }) => resource).find(({ resourceType }) => resourceType === "Patient");
  return { path, bytes: text.length, room: `patient:${patient.id}` };
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99), longest: sorted.at(-1) };
}

function report(results) {
  const { chart: { jsonBytes, observations }, firstSync, moduleMemoryBytes, untilEventsMs, untilListReadMs } = results;
  const ms = (value) => `${value.toFixed(2)} ms`;
  const line = (name, { p50, p99, longest }) => [name, `p50 ${ms(p50)}, p99 ${ms(p99)}, longest ${ms(longest)}`];
  const lines = [
    ["chart", `${(jsonBytes / 1e6).toFixed(2)} MB of JSON, ${observations} observations`],
    ["first sync", `${ms(firstSync.wallMs)} in all; the page is busy for ${ms(firstSync.busyMs)} of it, ${ms(firstSync.longestTaskMs)} at once`],
    ["memory of the module", `${(moduleMemoryBytes / 2 ** 20).toFixed(1)} MiB`],
    line(`${EDITS} remote edits, until the events are told`, untilEventsMs),
    line("and until the list is read again", untilListReadMs),
    ["the frame", `${FRAME_MS} ms: ${untilEventsMs.p99 <= FRAME_MS ? "kept" : "MISSED"} at p99`],
  ];
  for (const [name, value] of lines) console.log(`${name.padEnd(46)}${value}`);
  console.log(JSON.stringify(results));
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
