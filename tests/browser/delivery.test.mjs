// The package as a bundler hands it on: webpack with no settings of ours. Vite builds the workspace, and
// the other tests here load the files as they are.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import webpack from "webpack";
import { Server, freePort, temporaryFolder } from "../support/server.mjs";
import { Device } from "./client.mjs";
import { browser } from "./pages.mjs";
import { Site } from "./site.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));

test("webpack bundles the package, its worker and its module as they are", async () => {
  const folder = await temporaryFolder("webpack");
  const app = join(HERE, "node_modules", ".delivery");
  await mkdir(app, { recursive: true });
  await writeFile(join(app, "app.js"), 'import * as chartroom from "chartroom";\nwindow.chartroom = chartroom;\n');
  const bundled = await new Promise((resolve, reject) => {
    const setup = { mode: "production", entry: join(app, "app.js"), output: { path: folder.path, filename: "app.js", publicPath: "/app/" } };
    webpack(setup, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
  assert.deepEqual(bundled.toJson({ errors: true, warnings: true }).errors, []);
  const names = Object.keys(bundled.compilation.assets);
  assert.equal(names.filter((name) => name.endsWith(".wasm")).length, 1, "one copy of the module");
  const site = await Site.start({ folders: { app: folder.path }, replaced: { "/page.js": 'import "/app/app.js";\n' } });
  const server = await Server.start(join(folder.path, "store"), { args: ["--allow-origin", site.origin], port: await freePort() });
  const chromium = await browser();
  try {
    const tab = await (await Device.open(chromium, site, server)).tab("alice", "patient:w1");
    await tab.does(() => window.room.put({ resourceType: "Condition", id: "c1", subject: { reference: "Patient/w1" } }).saved);
    assert.equal(tab.page.workers().length, 1);
    assert.deepEqual(tab.faults, []);
  } finally {
    await chromium.close();
    await server.end();
    await site.end();
    await folder.remove();
  }
});
