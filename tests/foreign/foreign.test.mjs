// automerge-repo's own client and WebSocket adapter, as published, against a real server:
// it opens a patient's room by its automerge: address and takes part like anybody else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { generateAutomergeUrl } from "@automerge/automerge-repo";
import { pause, until } from "../support/server.mjs";
import { meeting, plain, stockRepo } from "./people.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const PEANUT = "niamh-oyelaran-peanut";
const DUST = "niamh-oyelaran-dust-mite";
const SUBJECT = { reference: "Patient/niamh-oyelaran" };

let met, server, repo, handle, room;

before(async () => {
  met = await meeting("foreign", PATIENT);
  ({ server, repo, handle, room } = met);
});

after(() => met?.end());

const ours = (type, id, what, holds) => until(what, () => holds(room.get(type, id)));
const theirs = (what, holds) => until(what, () => holds(handle.doc()));

test("the address of a room opens it in automerge-repo, with every resource", async () => {
  const { resources, url } = await server.room(ROOM);
  assert.equal(url, handle.url);
  assert.equal(room.url, handle.url);
  const counts = Object.fromEntries(
    Object.entries(handle.doc())
      .filter(([key]) => /^[A-Z]/.test(key))
      .map(([type, collection]) => [type, Object.keys(collection).length])
      .filter(([, count]) => count > 0),
  );
  assert.deepEqual(counts, resources);
  assert.equal(plain(handle.doc().Patient["niamh-oyelaran"].birthDate), "2017-02-09");
});

test("both read one allergy in the same words", () => {
  const stock = plain(handle.doc().AllergyIntolerance[PEANUT]);
  const own = room.get("AllergyIntolerance", PEANUT);
  assert.equal(stock.criticality, own.criticality);
  assert.ok(stock.code.startsWith("="), "a compound element is one scalar of JSON text");
  assert.deepEqual(JSON.parse(stock.code.slice(1)), own.code);
});

test("an edit by automerge-repo is seen by our client", async () => {
  assert.equal(room.get("AllergyIntolerance", DUST).criticality, "low");
  const started = performance.now();
  handle.change((doc) => {
    doc.AllergyIntolerance[DUST].criticality = "high";
  });
  await ours("AllergyIntolerance", DUST, "our client sees the edit", (resource) => resource.criticality === "high");
  console.log(`automerge-repo to our client: ${(performance.now() - started).toFixed(0)} ms`);
  const { resources } = await server.document(ROOM);
  assert.equal(resources.AllergyIntolerance[DUST].criticality, "high");
});

test("an edit by our client is seen by automerge-repo, and is saved", async () => {
  const started = performance.now();
  const edit = room.patch("AllergyIntolerance", DUST, { criticality: "unable-to-assess", lastOccurrence: "2026-09-30" });
  await theirs("automerge-repo sees the edit", (doc) => plain(doc.AllergyIntolerance[DUST].criticality) === "unable-to-assess");
  console.log(`our client to automerge-repo: ${(performance.now() - started).toFixed(0)} ms`);
  assert.equal(plain(handle.doc().AllergyIntolerance[DUST].lastOccurrence), "2026-09-30");
  await edit.saved;
  assert.equal(edit.state, "saved");
});

test("a resource written in JavaScript's own way reads as FHIR", async () => {
  const written = {
    clinicalStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: "active" }] },
    code: { coding: [{ system: "http://snomed.info/sct", code: "367498001", display: "Seasonal allergic rhinitis" }], text: "Seasonal allergic rhinitis" },
    subject: SUBJECT,
    onsetAge: { value: 7.5, unit: "years", system: "http://unitsofmeasure.org", code: "a" },
    note: [{ text: "Grass pollen, \u00e9t\u00e9 \ud83c\udf3e" }, { text: "Since May" }],
  };
  handle.change((doc) => {
    doc.Condition["niamh-oyelaran-rhinitis"] = written;
  });
  const expected = { resourceType: "Condition", id: "niamh-oyelaran-rhinitis", ...written };
  const seen = await until("our client sees the resource", () => room.get("Condition", "niamh-oyelaran-rhinitis"));
  assert.deepEqual(seen, expected);
  assert.deepEqual((await server.document(ROOM)).resources.Condition["niamh-oyelaran-rhinitis"], expected);
});

test("our next write brings a foreign element to our form, and both go on reading it", async () => {
  const text = { text: "Hay fever" };
  room.patch("Condition", "niamh-oyelaran-rhinitis", { code: text });
  await theirs("automerge-repo sees a scalar", (doc) => plain(doc.Condition["niamh-oyelaran-rhinitis"].code) === `=${JSON.stringify(text)}`);
  assert.deepEqual(room.get("Condition", "niamh-oyelaran-rhinitis").code, text);
});

test("a resource's key that automerge-repo deletes is a deleted resource", async () => {
  handle.change((doc) => {
    delete doc.Condition["niamh-oyelaran-rhinitis"];
  });
  await until("our client sees it go", () => room.get("Condition", "niamh-oyelaran-rhinitis") === undefined);
  assert.equal((await server.document(ROOM)).resources.Condition["niamh-oyelaran-rhinitis"], undefined);
  assert.ok(room.get("Condition", "niamh-oyelaran-asthma"), "its neighbours stay");
});

test("an element's key that automerge-repo deletes is a removed element", async () => {
  handle.change((doc) => {
    delete doc.AllergyIntolerance[DUST].lastOccurrence;
  });
  await ours("AllergyIntolerance", DUST, "our client sees the element go", (resource) => !("lastOccurrence" in resource));
});

test("two stock clients see each other through the server", async () => {
  const other = await stockRepo(server);
  const opened = await other.find(handle.url);
  opened.change((doc) => {
    doc.AllergyIntolerance[PEANUT].lastOccurrence = "2026-11-01";
  });
  await theirs("the first stock client sees the second one's edit", (doc) => plain(doc.AllergyIntolerance[PEANUT].lastOccurrence) === "2026-11-01");
  await other.shutdown();
});

test("a change that puts another patient's resource into the chart reaches nobody", async () => {
  const stranger = await stockRepo(server);
  const opened = await stranger.find(handle.url);
  let frames = 0;
  stranger.networkSubsystem.adapters[0].on("message", () => (frames += 1));
  opened.change((doc) => {
    doc.Condition["of-somebody-else"] = { code: { text: "Gout" }, subject: { reference: "Patient/casimir-doyle" } };
  });
  await until("the server has refused it", async () => /^chartroom_changes_refused_total [1-9]/m.test(await server.text("/metrics")));
  // A stock client keeps the change and would offer it for ever; the two must not talk in circles.
  frames = 0;
  await pause(500);
  assert.ok(frames < 10, `the server sent ${frames} frames in half a second in which nobody wrote`);
  // The refused client stays connected and goes on receiving what others write.
  room.patch("AllergyIntolerance", PEANUT, { lastOccurrence: "2026-11-02" });
  await until("the refused client sees a colleague's edit", () => plain(opened.doc().AllergyIntolerance[PEANUT].lastOccurrence) === "2026-11-02");
  const { resources } = await server.document(ROOM);
  assert.equal(resources.Condition["of-somebody-else"], undefined);
  assert.equal(room.get("Condition", "of-somebody-else"), undefined);
  assert.equal(handle.doc().Condition["of-somebody-else"], undefined);
  await stranger.shutdown();
});

test("after a restart both come back by themselves, with what they wrote meanwhile", async () => {
  await server.end();
  handle.change((doc) => {
    doc.AllergyIntolerance[DUST].onsetDateTime = "2021-09";
  });
  const edit = room.patch("AllergyIntolerance", PEANUT, { criticality: "low" });
  assert.equal(edit.state, "new");
  await server.start();
  await edit.saved;
  await theirs("automerge-repo sees our edit", (doc) => plain(doc.AllergyIntolerance[PEANUT].criticality) === "low");
  await ours("AllergyIntolerance", DUST, "our client sees automerge-repo's edit", (resource) => resource.onsetDateTime === "2021-09");
  const { resources } = await server.document(ROOM);
  assert.equal(resources.AllergyIntolerance[DUST].onsetDateTime, "2021-09");
  assert.equal(resources.AllergyIntolerance[PEANUT].criticality, "low");
});

test("an address that the server does not know is unavailable", async () => {
  const asking = await stockRepo(server);
  await assert.rejects(asking.find(generateAutomergeUrl()), /unavailable/);
  await asking.shutdown();
});
