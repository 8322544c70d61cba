// Follows docs/guide step by step against the running system, as a new user would with a colleague
// beside them. What the guide names in bold has to be there, and its pictures are made on the way:
// CHARTROOM_WRITE_DOCS=1 writes them into the guide.
import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { ROOT } from "../support/server.mjs";
import { FOLDER, sections } from "./guide/guide.mjs";
import * as alerts from "./guide/alerts.mjs";
import * as chart from "./guide/chart.mjs";
import * as conflicts from "./guide/conflicts.mjs";
import * as documentation from "./guide/documentation.mjs";
import * as entries from "./guide/entries.mjs";
import * as firstSteps from "./guide/first_steps.mjs";
import * as imaging from "./guide/imaging.mjs";
import * as keyboard from "./guide/keyboard.mjs";
import * as offline from "./guide/offline.mjs";
import * as orders from "./guide/orders.mjs";
import * as past from "./guide/past.mjs";
import * as pharmacy from "./guide/pharmacy.mjs";
import * as results from "./guide/results.mjs";
import * as summary from "./guide/summary.mjs";
import { Line } from "./line.mjs";
import { Ward } from "./pages.mjs";

/** In the order of the guide's index: a later page goes on from what an earlier one left. */
const CHAPTERS = [firstSteps, chart, entries, orders, results, imaging, documentation, past, conflicts, offline, alerts, pharmacy, summary, keyboard];
const TOTAL_BYTES_MAX = 2_500_000;

const guide = await sections();
/** Alice is the reader; Bob, Dana and Charlie are beside her. Between Bob and the server is a line that can be cut. */
const people = {};
let ward, line;
/** The step that could not be done; what builds on it is not tried. */
let stuckAt;

before(async () => {
  ward = await Ward.open("guide");
  line = await Line.start(ward.server.port);
  ward.bob.server = { http: `http://127.0.0.1:${line.port}` };
  Object.assign(people, { ward, line, server: ward.server, alice: ward.alice, bob: ward.bob, dana: await ward.join("dana") });
  for (const { page } of ward.windows) await page.setViewportSize({ width: 1200, height: 760 });
});

after(async () => {
  await line?.end();
  await ward?.close();
});

afterEach(() => ward.faultless());

for (const { PAGE, STEPS } of CHAPTERS) {
  for (const [heading, follow] of Object.entries(STEPS)) {
    test(`${PAGE}: ${heading}`, async () => {
      const section = guide.find((one) => one.page === PAGE && one.heading === heading);
      assert.ok(section, `${PAGE} has a heading “${heading}”`);
      assert.equal(stuckAt, undefined, "every step before was done");
      stuckAt = `${PAGE}: ${heading}`;
      await follow(section, people);
      section.finish();
      stuckAt = undefined;
    });
  }
}

test("every heading with steps is followed", () => {
  const followed = CHAPTERS.flatMap(({ PAGE, STEPS }) => Object.keys(STEPS).map((heading) => `${PAGE}: ${heading}`));
  assert.deepEqual(guide.filter(({ hasSteps }) => hasSteps).map(({ page, heading }) => `${page}: ${heading}`).sort(), followed.sort());
});

test("what the guide names where it has no steps stands in the workspace", async () => {
  const source = join(ROOT, "web", "src");
  const files = (await readdir(source, { recursive: true })).filter((name) => /\.tsx?$/.test(name) && !name.includes(".test."));
  const words = (await Promise.all(files.map((name) => readFile(join(source, name), "utf8")))).join("\n");
  for (const section of guide.filter(({ hasSteps }) => !hasSteps)) {
    for (const name of section.names) assert.ok(words.includes(name), `${section.page} says **${name}**, and the workspace does`);
  }
});

test("the guide's pictures are there, each is small, and there are no others", async () => {
  const named = guide.flatMap(({ pictures }) => pictures);
  const files = await readdir(join(FOLDER, "images"));
  assert.deepEqual(files.sort(), named.map((name) => `${name}.webp`).sort());
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(FOLDER, "images", name))).size));
  assert.ok(Math.max(...sizes) <= 120_000);
  assert.ok(sizes.reduce((sum, size) => sum + size) <= TOTAL_BYTES_MAX);
});

test("the guide's links lead somewhere", async () => {
  for (const { page, text } of guide) {
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) await stat(join(FOLDER, target)).catch(() => assert.fail(`${page} links to ${target}`));
  }
  const index = guide.filter(({ page }) => page === "README.md").map(({ text }) => text).join("");
  for (const { page } of guide) assert.ok(page === "README.md" || index.includes(`](${page})`), `the index names ${page}`);
});
