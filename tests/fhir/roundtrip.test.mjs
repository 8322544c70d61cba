// Real charts go in over FHIR and come back to the digit.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Server, temporaryFolder } from "../support/server.mjs";
import { bundleFiles, importable, textOf } from "./bundles.mjs";
import { bare, mapTexts, read, write } from "./exact.mjs";
import { FHIR_JSON, send } from "./requests.mjs";

const AT_ONCE = 8;
const files = bundleFiles();
const absent = files.length === 0 && "../shared/data is absent";
const key = ({ resourceType, id }) => `${resourceType}/${id}`;

let folder, server;

before(async () => {
  folder = await temporaryFolder("fhir-roundtrip");
  server = await Server.start(join(folder.path, "store"));
});

after(async () => {
  await server?.end();
  await folder?.remove();
});

/** Does something to each item, some at a time. */
async function each(items, act) {
  const waiting = items.values();
  const work = async () => {
    for (const item of waiting) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function timed(what, act) {
  const started = performance.now();
  const count = await act();
  console.log(`${what}: ${count} resources in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Reads every resource and holds it against what was written. */
async function compare(resources) {
  await each(resources, async (resource) => {
    const answer = await send(server, "Bob", "GET", `/${key(resource)}`);
    assert.equal(answer.status, 200, key(resource));
    assert.deepEqual(bare(read(answer.text)), bare(resource), key(resource));
  });
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
  await compare(observations);
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
      await compare(resources);
      return resources.length;
    });
  }
});

describe("transactions of whole bundles", { skip: absent }, () => {
  let whole;

  before(async () => {
    whole = await Server.start(join(folder.path, "whole"));
  });

  after(() => whole?.end());

  for (const file of files) {
    test(`${basename(file)} comes back to the digit`, async () => {
      const text = textOf(file);
      const { entry } = read(text);
      const started = performance.now();
      const answer = await send(whole, "Alice", "POST", "", text);
      const posted = performance.now();
      assert.equal(answer.status, 200, answer.text.slice(0, 2000));
      const { type, entry: answers } = answer.body;
      assert.equal(type, "transaction-response");
      assert.equal(answers.length, entry.length);
      const stored = new Map(entry.map(({ fullUrl, resource }, at) => [fullUrl, placeOf(answers[at].response, resource)]));
      const expected = entry.map(({ fullUrl, resource }) => {
        const relative = mapTexts(resource, (text, name) => (name === "reference" ? (stored.get(text) ?? text) : text));
        return { ...relative, id: stored.get(fullUrl).split("/")[1] };
      });
      await compareIn(whole, expected);
      const seconds = (from, to) => ((to - from) / 1000).toFixed(1);
      console.log(`${basename(file)}: ${entry.length} resources written in ${seconds(started, posted)} s, read and compared in ${seconds(posted, performance.now())} s`);
    });
  }

  /** Where an entry's resource is, as its answer says. */
  function placeOf({ status, location, etag, lastModified }, { resourceType, id }) {
    assert.match(status, /^20[01]/);
    const [, place, version] = /\/fhir\/R4\/(\w+\/[^/]+)\/_history\/(\d+)$/.exec(location);
    assert.equal(place.split("/")[0], resourceType);
    assert.equal(etag, `W/"${version}"`);
    assert.ok(Math.abs(Date.parse(lastModified) - Date.now()) < 60_000);
    return place;
  }

  /** Holds what the server has against what was written: charts by $everything, the rest one by one. */
  async function compareIn(server, expected) {
    const found = new Map();
    for (const patient of expected.filter(({ resourceType }) => resourceType === "Patient")) {
      for (let url = `${server.http}/fhir/R4/${key(patient)}/$everything?_count=1000`; url; ) {
        const page = read(await (await fetch(url)).text());
        for (const { resource } of page.entry) found.set(key(resource), resource);
        url = page.link.find(({ relation }) => relation === "next")?.url;
      }
    }
    const missing = expected.filter((resource) => !found.has(key(resource)));
    await each(missing, async (resource) => found.set(key(resource), read((await send(server, "Bob", "GET", `/${key(resource)}`)).text)));
    for (const resource of expected) assert.deepEqual(bare(found.get(key(resource))), bare(resource), key(resource));
  }
});

describe("$import", { skip: absent }, () => {
  let importing;

  before(async () => {
    importing = await Server.start(join(folder.path, "importing"));
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
    await each(resources, async (resource) => {
      const { text } = await send(importing, "Bob", "GET", `/${key(resource)}`);
      assert.deepEqual(bare(read(text)), bare(resource), key(resource));
    });
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
