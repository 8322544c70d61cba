// Real charts go in over FHIR, by PUT and by $import, and come back to the digit.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../support/server.mjs";
import { bundleFiles, compare, each, importable, key, textOf } from "./bundles.mjs";
import { read, write } from "./exact.mjs";
import { FHIR_JSON, send, startServer } from "./requests.mjs";

const files = bundleFiles();
const absent = files.length === 0 && "../shared/data is absent";

let folder, server;

before(async () => {
  folder = await temporaryFolder("fhir-roundtrip");
  server = await startServer(join(folder.path, "store"));
});

after(async () => {
  await server?.end();
  await folder?.remove();
});

async function timed(what, act) {
  const started = performance.now();
  const count = await act();
  console.log(`${what}: ${count} resources in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function put(resource) {
  const answer = await send(server, "Alice", "PUT", `/${key(resource)}`, write(resource));
  assert.ok([200, 201].includes(answer.status), `${key(resource)}: ${answer.text}`);
}

test("numbers come back as they were written", async () => {
  const values = ["0.010", "1.0", "100", "-0.0", "1.50", "12345678901234567890.123456789", "0.1000000000000000055511151231257827"];
  const patient = { resourceType: "Patient", id: "digits" };
  const observations = values.map((value, n) =>
    read(`{"resourceType":"Observation","id":"digits-${n}","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/digits"},"valueQuantity":{"value":${value}}}`),
  );
  await put(patient);
  await each(observations, put);
  await compare(server, observations);
  for (const [n, value] of values.entries()) {
    for (const path of [`/Observation/digits-${n}`, `/Observation/digits-${n}/_history/1`, `/Observation?_id=digits-${n}`, "/Patient/digits/$everything"]) {
      const { text } = await send(server, "Bob", "GET", path);
      assert.ok(text.includes(`"value":${value}}`), `${value} in ${path}: ${text}`);
    }
  }
});

test("a chart of plain PUTs comes back to the digit", { skip: absent }, async () => {
  const some = files.filter((file) => /michael_carter|Lupe_Little|Bryan_Breitenberg/.test(basename(file)));
  for (const file of some.length > 0 ? some : files.slice(0, 2)) {
    await timed(`${basename(file)} by PUT`, async () => {
      const resources = importable(file);
      const isPatient = ({ resourceType }) => resourceType === "Patient";
      await each(resources.filter(isPatient), put);
      await each(resources.filter((resource) => !isPatient(resource)), put);
      await compare(server, resources);
      return resources.length;
    });
  }
});

describe("$import", { skip: absent }, () => {
  let importing;

  before(async () => {
    importing = await startServer(join(folder.path, "importing"));
  });

  after(() => importing?.end());

  const lines = ({ text }) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

  test("of NDJSON tells its progress, leaves out what is wrong, and stores every digit", async () => {
    const file = files.find((file) => /Fletcher_Hyatt/.test(file)) ?? files.at(-1);
    const resources = importable(file);
    const started = performance.now();
    const ndjson = [...resources.map(write), "{no json", '{"resourceType":"Observation","id":"wrong"}'].map((line) => `${line}\n`).join("");
    const answer = await send(importing, "Alice", "POST", "/$import", ndjson, { "content-type": "application/fhir+ndjson" });
    assert.equal(answer.status, 200);
    assert.match(answer.header("content-type"), /^application\/fhir\+ndjson/);
    const told = lines(answer);
    const done = told.at(-1);
    assert.deepEqual(done, { resources: resources.length, leftOut: 2, rooms: done.rooms, done: true });
    const leftOut = told.filter(({ outcome }) => outcome);
    assert.deepEqual(leftOut.map(({ at }) => at).sort((a, b) => a - b), [resources.length + 1, resources.length + 2]);
    for (const { outcome } of leftOut) assert.equal(outcome.resourceType, "OperationOutcome");
    const progress = told.filter(({ outcome, done }) => !outcome && !done).map(({ resources }) => resources);
    assert.ok(progress.length >= 1);
    assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
    await compare(importing, resources);
    console.log(`${basename(file)} by $import: ${resources.length} resources in ${((performance.now() - started) / 1000).toFixed(1)} s, progress ${progress.join(", ")}`);
  });

  test("again changes nothing", async () => {
    const file = files.find((file) => /michael_carter/.test(file)) ?? files[0];
    const [first] = importable(file);
    for (const round of [1, 2]) {
      const answer = await send(importing, "Alice", "POST", "/$import", textOf(file), { "content-type": FHIR_JSON });
      assert.equal(lines(answer).at(-1).done, true);
      assert.equal((await send(importing, "Bob", "GET", `/${key(first)}`)).header("etag"), 'W/"1"', `after round ${round}`);
    }
  });

  test("raises no alerts beyond the charts", async () => {
    const { events } = await importing.json("/rooms/facility:alerts/events");
    assert.deepEqual(events, []);
  });
});
