// Real charts go in over FHIR as whole transactions and come back to the digit.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../support/server.mjs";
import { bundleFiles, each, key, textOf } from "./bundles.mjs";
import { bare, mapTexts, read } from "./exact.mjs";
import { send, startServer } from "./requests.mjs";

const files = bundleFiles();
const absent = files.length === 0 && "../shared/data is absent";

describe("transactions of whole bundles", { skip: absent }, () => {
  let folder, server;
  const sum = { resources: 0, written: 0, compared: 0 };

  before(async () => {
    folder = await temporaryFolder("fhir-transactions");
    server = await startServer(join(folder.path, "store"));
  });

  after(async () => {
    console.log(`${files.length} bundles: ${sum.resources} resources written in ${sum.written.toFixed(1)} s, read and compared in ${sum.compared.toFixed(1)} s`);
    await server?.end();
    await folder?.remove();
  });

  for (const file of files) {
    test(`${basename(file)} comes back to the digit`, async () => {
      const text = textOf(file);
      const { entry } = read(text);
      const [began, started] = [Date.now(), performance.now()];
      const answer = await send(server, "Alice", "POST", "", text);
      const posted = performance.now();
      assert.equal(answer.status, 200, answer.text.slice(0, 2000));
      const { type, entry: answers } = answer.body;
      assert.equal(type, "transaction-response");
      assert.equal(answers.length, entry.length);
      const stored = new Map(entry.map(({ fullUrl, resource }, at) => [fullUrl, placeOf(answers[at].response, resource, began)]));
      const expected = entry.map(({ fullUrl, resource }) => {
        const relative = mapTexts(resource, (text, name) => (name === "reference" ? (stored.get(text) ?? text) : text));
        return { ...relative, id: stored.get(fullUrl).split("/")[1] };
      });
      await compareAll(expected);
      const [written, compared] = [(posted - started) / 1000, (performance.now() - posted) / 1000];
      sum.resources += entry.length;
      sum.written += written;
      sum.compared += compared;
      console.log(`${basename(file)}: ${entry.length} resources written in ${written.toFixed(1)} s, read and compared in ${compared.toFixed(1)} s`);
    });
  }

  /** Where an entry's resource is, as its answer says, which was written since then. */
  function placeOf({ status, location, etag, lastModified }, { resourceType }, began) {
    assert.match(status, /^20[01]/);
    const [, place, version] = /\/fhir\/R4\/(\w+\/[^/]+)\/_history\/(\d+)$/.exec(location);
    assert.equal(place.split("/")[0], resourceType);
    assert.equal(etag, `W/"${version}"`);
    // Changes say the second in which they were made.
    assert.ok(Date.parse(lastModified) > began - 1000 && Date.parse(lastModified) <= Date.now(), lastModified);
    return place;
  }

  /** Holds what the server has against what was written: charts by $everything, the rest one by one. */
  async function compareAll(expected) {
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
