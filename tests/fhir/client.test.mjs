// A published FHIR client does everything that it can on one server.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder } from "../support/server.mjs";
import { answered, clientOf, idsIn, pagesOf, refused, resourcesIn } from "./people.mjs";
import { startServer } from "./requests.mjs";
import { MRN, bundle, encounter, observation, patient } from "./resources.mjs";

let folder, server, alice, bob;

before(async () => {
  folder = await temporaryFolder("fhir-client");
  server = await startServer(join(folder.path, "store"));
  [alice, bob] = [clientOf(server, "Alice"), clientOf(server, "Bob")];
});

after(async () => {
  await server?.end();
  await folder?.remove();
});

const create = (client, body, headers) => client.create({ resourceType: body.resourceType, body, options: { headers } });
const update = (client, body, headers) => client.update({ resourceType: body.resourceType, id: body.id, body, options: { headers } });
const read = (client, { resourceType, id }) => client.read({ resourceType, id });
const search = (resourceType, searchParams, options) => alice.search({ resourceType, searchParams, options });
const without = ({ meta: _, ...resource }) => resource;

test("the capability statement says what the client needs to know", async () => {
  const statement = await alice.capabilityStatement();
  assert.equal(statement.resourceType, "CapabilityStatement");
  assert.equal(statement.fhirVersion, "4.0.1");
  assert.equal(statement.implementation.url, alice.baseUrl);
  const [{ mode, resource, interaction }] = statement.rest;
  assert.equal(mode, "server");
  assert.deepEqual(interaction.map(({ code }) => code).sort(), ["batch", "transaction"]);
  const observations = resource.find(({ type }) => type === "Observation");
  for (const code of ["read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"]) {
    assert.ok(observations.interaction.some((listed) => listed.code === code), code);
  }
  for (const name of ["code", "category", "date", "patient", "subject"]) assert.ok(observations.searchParam.some((listed) => listed.name === name), name);
  assert.ok(observations.searchInclude.includes("Observation:subject"));
});

describe("one resource", () => {
  let niamh, first;

  test("is created under an id of the server's, with version, time and place", async () => {
    const body = patient({ mrn: "1" });
    niamh = await create(alice, { ...body, id: "mine" });
    const { status, header } = answered(niamh);
    assert.equal(status, 201);
    assert.notEqual(niamh.id, "mine");
    assert.equal(header("location"), `${alice.baseUrl}/Patient/${niamh.id}/_history/1`);
    assert.equal(header("etag"), 'W/"1"');
    assert.ok(Math.abs(Date.parse(header("last-modified")) - Date.now()) < 60_000);
    assert.equal(niamh.meta.versionId, "1");
    assert.deepEqual(without(niamh), { ...body, id: niamh.id });
    first = niamh;
  });

  test("is read with its version", async () => {
    const found = await read(bob, niamh);
    assert.deepEqual(found, { ...niamh });
    assert.equal(answered(found).header("etag"), 'W/"1"');
    assert.match(answered(found).header("content-type"), /^application\/fhir\+json/);
  });

  test("is created once under If-None-Exist", async () => {
    const body = patient({ family: "Brandt", given: ["Jorunn"], birthDate: "1955-07-14", mrn: "2" });
    const once = { "If-None-Exist": `identifier=${MRN}|2` };
    const made = await create(alice, body, once);
    assert.equal(answered(made).status, 201);
    const again = await create(bob, body, once);
    assert.equal(answered(again).status, 200);
    assert.equal(again.id, made.id);
    assert.equal(again.meta.versionId, "1");
    const both = await Promise.all([1, 2, 3, 4].map(() => create(alice, patient({ mrn: "3", family: "Ferreira", birthDate: "1990" }), { "If-None-Exist": `identifier=${MRN}|3` })));
    assert.equal(new Set(both.map(({ id }) => id)).size, 1);
    const outcome = await refused(412, create(alice, body, { "If-None-Exist": `identifier=${MRN}|1,${MRN}|2` }));
    assert.equal(outcome.issue[0].code, "multiple-matches");
  });

  test("is updated where If-Match names what stands", async () => {
    const changed = { ...without(niamh), gender: "female" };
    const stood = await update(bob, changed, { "If-Match": 'W/"1"' });
    assert.equal(answered(stood).status, 200);
    assert.equal(answered(stood).header("etag"), 'W/"2"');
    assert.deepEqual(without(stood), changed);
    niamh = stood;
  });

  test("is not updated on an older version, by header or by body", async () => {
    const stale = { ...without(first), active: false };
    for (const [body, headers] of [[stale, { "If-Match": 'W/"1"' }], [{ ...stale, meta: first.meta }], [stale, { "If-Match": 'W/"77"' }]]) {
      const { issue } = await refused(412, update(alice, body, headers));
      assert.equal(issue[0].severity, "error");
      assert.equal(issue[0].code, "conflict");
    }
    assert.deepEqual(await read(alice, niamh), { ...niamh });
  });

  test("is answered as Prefer: return asks, also where there is something to warn of", async () => {
    // A time without a zone is taken, with a warning.
    const body = { resourceType: "Basic", code: { text: "x" }, extension: [{ url: "http://example.org/at", valueDateTime: "2025-12-14T09:18:00" }] };
    const asked = (kind) => create(alice, body, { Prefer: `return=${kind}` });
    assert.equal((await asked("OperationOutcome")).resourceType, "OperationOutcome");
    assert.equal((await asked("representation")).resourceType, "Basic");
  });

  test("is not made anew where nothing differs", async () => {
    const same = await update(alice, without(niamh));
    assert.equal(answered(same).status, 200);
    assert.equal(same.meta.versionId, "2");
  });

  test("is patched by JSON Patch, whole or not at all", async () => {
    const { resourceType, id } = niamh;
    const patch = (jsonPatch, headers) => bob.patch({ resourceType, id, jsonPatch, options: { headers } });
    const patched = await patch([
      { op: "test", path: "/gender", value: "female" },
      { op: "add", path: "/telecom", value: [{ system: "phone", value: "555-0100" }] },
      { op: "replace", path: "/name/0/given/0", value: "Niamh Mary" },
    ]);
    assert.equal(answered(patched).status, 200);
    assert.equal(patched.meta.versionId, "3");
    assert.equal(patched.telecom[0].value, "555-0100");
    assert.equal(patched.name[0].given[0], "Niamh Mary");
    await refused(422, patch([{ op: "remove", path: "/telecom" }, { op: "test", path: "/gender", value: "male" }]));
    await refused(422, patch([{ op: "replace", path: "/gender", value: "purple" }]));
    await refused(412, patch([{ op: "remove", path: "/telecom" }], { "If-Match": 'W/"2"' }));
    assert.deepEqual(await read(alice, niamh), { ...patched });
    niamh = patched;
  });

  test("is read as it was at each version", async () => {
    const at = (version) => alice.vread({ resourceType: "Patient", id: niamh.id, version });
    assert.deepEqual(await at("1"), { ...first });
    assert.equal((await at("2")).telecom, undefined);
    assert.deepEqual(await at("3"), { ...niamh });
    await refused(404, at("4"));
    await refused(404, at("x"));
  });

  test("is gone once it is deleted, keeps its history, and is brought back by a PUT", async () => {
    const { resourceType, id } = niamh;
    const deleted = await bob.delete({ resourceType, id });
    assert.equal(answered(deleted).status, 204);
    const { issue } = await refused(410, read(alice, niamh));
    assert.equal(issue[0].code, "deleted");
    assert.equal((await search("Patient", { identifier: `${MRN}|1` })).total, 0);
    assert.equal(answered(await bob.delete({ resourceType, id })).status, 204);
    assert.deepEqual(await alice.vread({ resourceType, id, version: "3" }), { ...niamh });
    await refused(410, alice.vread({ resourceType, id, version: "4" }));
    const back = await update(alice, without(niamh));
    assert.equal(back.meta.versionId, "5");
    assert.deepEqual(without(await read(bob, niamh)), without(niamh));
  });

  test("has a history, the newest first, with who made each version", async () => {
    const history = await alice.history({ resourceType: "Patient", id: niamh.id });
    assert.equal(history.type, "history");
    assert.equal(history.total, 5);
    assert.deepEqual(history.entry.map(({ request }) => request.method), ["PUT", "DELETE", "PUT", "PUT", "POST"]);
    assert.deepEqual(history.entry.map(({ response }) => response.etag), [5, 4, 3, 2, 1].map((version) => `W/"${version}"`));
    assert.deepEqual(history.entry.map(({ extension }) => extension[0].valueReference.display), ["Alice", "Bob", "Bob", "Bob", "Alice"]);
    assert.equal(history.entry[1].resource, undefined);
    const since = await alice.request(`Patient/${niamh.id}/_history?_since=${encodeURIComponent(niamh.meta.lastUpdated)}`);
    assert.deepEqual(since.entry.map(({ response }) => response.etag), ['W/"5"', 'W/"4"', 'W/"3"']);
    const pages = await pagesOf(alice, await alice.request(`Patient/${niamh.id}/_history?_count=2`));
    assert.deepEqual(pages.map(({ entry }) => entry.length), [2, 2, 1]);
  });

  test("is not found where it never was, and what is asked wrongly is said", async () => {
    await refused(404, read(alice, { resourceType: "Patient", id: "nobody" }));
    await refused(404, read(alice, { resourceType: "Pateint", id: niamh.id }));
    const { issue } = await refused(422, create(alice, { resourceType: "Observation", subject: { reference: `Patient/${niamh.id}` } }));
    assert.ok(issue.some(({ expression }) => expression?.[0].startsWith("Observation")));
    await refused(400, alice.update({ resourceType: "Patient", id: "other", body: without(niamh) }));
    await refused(400, alice.update({ resourceType: "Observation", id: niamh.id, body: without(niamh) }));
    await refused(422, create(alice, observation("Patient/nobody")));
    await refused(405, alice.update({ resourceType: "Patient", searchParams: { identifier: "x" }, body: patient() }));
  });
});

describe("a search", () => {
  const people = {};
  let visit;

  before(async () => {
    for (const [key, given] of Object.entries({ ada: { family: "Quist", given: ["Ada", "Louise"], birthDate: "1931-12-31", mrn: "q1" }, ben: { family: "Quistgaard", given: ["Ben"], birthDate: "1932-01-01", mrn: "q2" }, cho: { family: "Cho", given: ["Adele"], birthDate: "1932-06", mrn: "q3" } })) {
      people[key] = await create(alice, patient(given));
    }
    visit = await create(alice, encounter(`Patient/${people.ada.id}`, { period: { start: "2024-03-01T08:00:00Z", end: "2024-03-01T09:00:00Z" } }));
    const subject = `Patient/${people.ada.id}`;
    const day = (n) => `2024-03-${String(n).padStart(2, "0")}T08:00:00Z`;
    const rates = Array.from({ length: 25 }, (_, n) => observation(subject, { time: day(n + 1), value: 60 + ((n * 7) % 25), encounter: { reference: `Encounter/${visit.id}` } }));
    const glucose = observation(subject, { code: "2345-7", display: "Glucose", category: "laboratory", time: "2024-03-10", value: 95, unit: "mg/dL" });
    const other = observation(`Patient/${people.ben.id}`, { time: day(3) });
    const answer = await alice.transaction({ body: bundle("transaction", [...rates, glucose, other].map((resource) => ["POST", "Observation", resource])) });
    assert.equal(answer.entry.length, 27);
  });

  const found = async (resourceType, parameters) => idsIn(await search(resourceType, parameters), "match").sort();
  const ids = (...names) => names.map((name) => people[name].id).sort();

  test("finds patients by their names, from the beginning and exactly", async () => {
    assert.deepEqual(await found("Patient", { name: "quist" }), ids("ada", "ben"));
    assert.deepEqual(await found("Patient", { name: "ADE" }), ids("cho"));
    assert.deepEqual(await found("Patient", { "family:exact": "Quist" }), ids("ada"));
    assert.deepEqual(await found("Patient", { "family:exact": "quist" }), []);
    assert.deepEqual(await found("Patient", { "given:contains": "oui" }), ids("ada"));
    assert.deepEqual(await found("Patient", { family: "quist", given: "ben" }), ids("ben"));
    assert.deepEqual(await found("Patient", { family: "cho,quistg" }), ids("ben", "cho"));
  });

  test("finds patients by identifier", async () => {
    assert.deepEqual(await found("Patient", { identifier: `${MRN}|q1` }), ids("ada"));
    assert.deepEqual(await found("Patient", { identifier: "q2" }), ids("ben"));
    assert.deepEqual(await found("Patient", { identifier: "|q2" }), []);
    assert.deepEqual(await found("Patient", { identifier: "urn:oid:2.999.2|q1" }), []);
    assert.deepEqual(await found("Patient", { identifier: `${MRN}|q1,${MRN}|q3` }), ids("ada", "cho"));
  });

  test("finds patients by birth date with each prefix", async () => {
    const born = (...dates) => found("Patient", { birthdate: dates, identifier: `${MRN}|q1,${MRN}|q2,${MRN}|q3` });
    assert.deepEqual(await born("1931-12-31"), ids("ada"));
    assert.deepEqual(await born("1932"), ids("ben", "cho"));
    assert.deepEqual(await born("ne1932"), ids("ada"));
    assert.deepEqual(await born("lt1932-01-01"), ids("ada"));
    assert.deepEqual(await born("le1932-01-01"), ids("ada", "ben"));
    assert.deepEqual(await born("gt1932-01-01"), ids("cho"));
    assert.deepEqual(await born("ge1932-01-01"), ids("ben", "cho"));
    assert.deepEqual(await born("sa1931"), ids("ben", "cho"));
    assert.deepEqual(await born("eb1932"), ids("ada"));
    assert.deepEqual(await born("ge1932", "lt1932-02"), ids("ben"));
  });

  test("finds observations by code and category", async () => {
    const count = async (parameters) => (await search("Observation", { patient: people.ada.id, _summary: "count", ...parameters })).total;
    assert.equal(await count({}), 26);
    assert.equal(await count({ code: "http://loinc.org|2345-7" }), 1);
    assert.equal(await count({ code: "2345-7" }), 1);
    assert.equal(await count({ code: "http://loinc.org|" }), 26);
    assert.equal(await count({ code: "http://snomed.info/sct|2345-7" }), 0);
    assert.equal(await count({ code: "http://loinc.org|2345-7,http://loinc.org|8867-4" }), 26);
    assert.equal(await count({ category: "laboratory" }), 1);
    assert.equal(await count({ category: "vital-signs", code: "2345-7" }), 0);
    assert.equal(await count({ "code:text": "glu" }), 1);
    assert.equal(await count({ "code:not": "8867-4" }), 1);
    assert.equal(await count({ encounter: `Encounter/${visit.id}` }), 25);
    assert.equal(await count({ "value-quantity": "gt90" }), 1);
  });

  test("finds observations in a range of days", async () => {
    const dated = async (...dates) => (await search("Observation", { subject: `Patient/${people.ada.id}`, code: "8867-4", date: dates })).total;
    assert.equal(await dated("2024-03-05"), 1);
    assert.equal(await dated("2024-03"), 25);
    assert.equal(await dated("ge2024-03-05", "lt2024-03-08"), 3);
    assert.equal(await dated("gt2024-03-24"), 1);
    assert.equal(await dated("ge2024-03-25T08:00:01Z"), 0);
    assert.equal(await dated("2024-03-05T10:00:00+02:00"), 1);
  });

  // FHIR R4, search.html#count: as _summary=count.
  test("with a _count of 0 is a total and no entries", async () => {
    for (const parameters of [{ patient: people.ada.id, code: "8867-4" }, { code: "8867-4" }]) {
      const counted = await search("Observation", { ...parameters, _count: 0 });
      assert.equal(counted.entry, undefined);
      assert.equal(counted.total, parameters.patient ? 25 : 26);
    }
  });

  test("comes page by page, each match once", async () => {
    const whole = await found("Observation", { patient: people.ada.id, _count: 1000 });
    const pages = await pagesOf(alice, await search("Observation", { patient: people.ada.id, _count: 10 }));
    assert.deepEqual(pages.map((page) => page.entry.length), [10, 10, 6]);
    assert.deepEqual(pages.map(({ total }) => total), [26, 26, 26]);
    assert.deepEqual(pages.flatMap((page) => idsIn(page)).sort(), whole);
    const all = await pagesOf(alice, await search("Observation", { _count: 10 }));
    assert.deepEqual(new Set(all.flatMap((page) => idsIn(page))).size, 27);
  });

  test("comes in the order that is asked for, across pages", async () => {
    const ordered = async (sort, key) => {
      const pages = await pagesOf(alice, await search("Observation", { patient: people.ada.id, code: "8867-4", _sort: sort, _count: 7 }));
      return pages.flatMap((page) => resourcesIn(page).map(key));
    };
    const times = await ordered("date", ({ effectiveDateTime }) => effectiveDateTime);
    assert.equal(times.length, 25);
    assert.deepEqual(times, [...times].sort());
    assert.deepEqual(await ordered("-date", ({ effectiveDateTime }) => effectiveDateTime), times.toReversed());
    const values = await ordered("value-quantity,-date", ({ valueQuantity }) => valueQuantity.value);
    assert.deepEqual(values, [...values].sort((a, b) => a - b));
    const families = resourcesIn(await search("Patient", { _sort: "-family", identifier: `${MRN}|q1,${MRN}|q2,${MRN}|q3` })).map(({ name }) => name[0].family);
    assert.deepEqual(families, ["Quistgaard", "Quist", "Cho"]);
  });

  test("brings what its matches refer to, and what refers to them", async () => {
    const included = await search("Observation", { patient: people.ada.id, _count: 3, _include: ["Observation:subject", "Observation:encounter"] });
    assert.equal(idsIn(included, "match").length, 3);
    assert.ok(idsIn(included, "include").includes(people.ada.id));
    assert.deepEqual(new Set(resourcesIn(included, "include").map(({ resourceType }) => resourceType)), new Set(["Patient", "Encounter"]));
    const back = await search("Patient", { _id: people.ada.id, _revinclude: ["Observation:subject", "Encounter:patient"] });
    assert.deepEqual(idsIn(back, "match"), [people.ada.id]);
    assert.equal(resourcesIn(back, "include").filter(({ resourceType }) => resourceType === "Observation").length, 26);
    assert.ok(idsIn(back, "include").includes(visit.id));
    const all = new Set(back.entry.map(({ fullUrl }) => fullUrl));
    assert.equal(all.size, back.entry.length);
  });

  test("brings the provenance of its matches", async () => {
    const told = await search("Provenance", { target: `Encounter/${visit.id}` });
    assert.deepEqual(resourcesIn(told).map(({ agent }) => agent[0].who.display), ["Alice"]);
    const back = await search("Encounter", { _id: visit.id, _revinclude: "Provenance:target" });
    assert.deepEqual(resourcesIn(back, "include").map(({ resourceType }) => resourceType), ["Provenance"]);
  });

  test("is posted as a form, too", async () => {
    const parameters = { patient: people.ada.id, category: "laboratory" };
    const posted = await search("Observation", parameters, { postSearch: true });
    assert.deepEqual(idsIn(posted), idsIn(await search("Observation", parameters)));
    const pages = await pagesOf(alice, await search("Observation", { patient: people.ada.id, _count: 20 }, { postSearch: true }));
    assert.deepEqual(pages.map((page) => page.entry.length), [20, 6]);
  });

  test("says what it did not understand, or refuses it under handling=strict", async () => {
    const lenient = await search("Patient", { "favourite-colour": "red", family: "cho" });
    assert.deepEqual(idsIn(lenient, "match"), ids("cho"));
    assert.deepEqual(resourcesIn(lenient, "outcome").map(({ issue }) => issue[0].severity), ["warning"]);
    assert.ok(!lenient.link.find(({ relation }) => relation === "self").url.includes("colour"));
    await refused(400, search("Patient", { "favourite-colour": "red" }, { headers: { Prefer: "handling=strict" } }));
    await refused(400, search("Patient", { birthdate: "yesterday" }));
  });

  test("goes through the history of a type", async () => {
    const pages = await pagesOf(alice, await alice.request("Observation/_history?_count=10"));
    const entries = pages.flatMap(({ entry }) => entry);
    assert.equal(entries.length, 27);
    assert.equal(new Set(entries.map(({ fullUrl }) => fullUrl)).size, 27);
    const history = await alice.history({ resourceType: "Patient" });
    assert.equal(history.type, "history");
    const times = history.entry.map(({ response }) => response.lastModified);
    assert.deepEqual(times, [...times].sort().reverse());
    assert.ok(history.entry.some(({ request }) => request.method === "DELETE"));
  });
});

describe("a transaction", () => {
  const urn = (n) => `urn:uuid:00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const counts = async () => {
    const { rooms } = await server.json("/rooms");
    const logs = await Promise.all(rooms.map(({ room }) => server.json(`/rooms/${encodeURIComponent(room)}/events?limit=1000`)));
    return Object.fromEntries(rooms.map(({ room }, at) => [room, logs[at].events.length]));
  };

  test("resolves what its entries refer to by urn:uuid", async () => {
    const body = bundle("transaction", [
      ["POST", "Observation", { ...observation(urn(1)), encounter: { reference: urn(2) } }, urn(3)],
      ["POST", "Encounter", encounter(urn(1)), urn(2)],
      ["POST", "Patient", patient({ family: "Nakamura", mrn: "t1" }), urn(1)],
      ["GET", `Patient?identifier=${MRN}|t1`],
    ]);
    const answer = await alice.transaction({ body });
    assert.equal(answer.type, "transaction-response");
    assert.deepEqual(answer.entry.map(({ response }) => response.status.slice(0, 3)), ["201", "201", "201", "200"]);
    const [rate, visit, person] = answer.entry.map(({ response }) => response.location?.match(/([A-Z]\w+\/[^/]+)\/_history\/1$/)?.[1]);
    const stored = await alice.request(rate);
    assert.equal(stored.subject.reference, person);
    assert.equal(stored.encounter.reference, visit);
    assert.deepEqual(idsIn(answer.entry[3].resource), [person.split("/")[1]]);
    for (const { response } of answer.entry.slice(0, 3)) {
      assert.equal(response.etag, 'W/"1"');
      assert.ok(Date.parse(response.lastModified));
    }
  });

  // FHIR R4, http.html#trules: references, elements of type uri, url, oid and uuid, and links of the narrative.
  describe("that has an entry's urn:uuid elsewhere", () => {
    let stored, visit;
    const sees = (valueName) => ({ url: `http://example.org/${valueName}`, [valueName]: urn(12) });
    const own = { system: "urn:ietf:rfc3986", value: urn(11) };

    before(async () => {
      const person = {
        ...patient({ family: "Okafor" }),
        text: { status: "generated", div: `<div xmlns="http://www.w3.org/1999/xhtml"><a href="${urn(12)}">a visit</a></div>` },
        identifier: [own],
        extension: ["valueUri", "valueUrl", "valueCanonical", "valueString"].map(sees),
      };
      const answer = await alice.transaction({ body: bundle("transaction", [["POST", "Patient", person, urn(11)], ["POST", "Encounter", encounter(urn(11)), urn(12)]]) });
      const [at, seen] = answer.entry.map(({ response }) => response.location.match(/([A-Z]\w+\/[^/]+)\/_history\/1$/)[1]);
      [stored, visit] = [await alice.request(at), seen];
    });

    const extension = (valueName) => stored.extension.find(({ url }) => url.endsWith(valueName))[valueName];

    test("resolves it in uris", () => assert.deepEqual([extension("valueUri"), extension("valueUrl")], [visit, visit]));
    test("resolves it in links of the narrative", () => assert.ok(stored.text.div.includes(`<a href="${visit}">`), stored.text.div));
    test("leaves it in an identifier's value", () => assert.deepEqual(stored.identifier, [own]));
    test("leaves it in strings and canonicals", () => assert.deepEqual([extension("valueString"), extension("valueCanonical")], [urn(12), urn(12)]));
  });

  // FHIR R4, bundle.html#references: relative to the base of the entry's own fullUrl.
  test("takes a relative reference for what the sender's server has there, not for another patient here", async () => {
    await update(alice, { ...patient({ family: "Stranger" }), id: "77" });
    const elsewhere = "http://elsewhere.example.org/fhir";
    const body = bundle("transaction", [
      ["POST", "Patient", { ...patient({ family: "Sent" }), id: "77" }, `${elsewhere}/Patient/77`],
      ["POST", "Observation", observation("Patient/77"), `${elsewhere}/Observation/1`],
    ]);
    const answer = await alice.transaction({ body });
    const [person, rate] = answer.entry.map(({ response }) => response.location.match(/([A-Z]\w+\/[^/]+)\/_history\/1$/)[1]);
    assert.equal((await alice.request(rate)).subject.reference, person);
  });

  // FHIR R4, http.html#trules: deletes come first, whatever the order of the entries.
  test("creates what is not there once its deletes are done", async () => {
    await update(alice, { ...patient({ mrn: "d1" }), id: "replaced" });
    const body = bundle("transaction", [
      ["POST", "Patient", patient({ mrn: "d1" }), undefined, { ifNoneExist: `identifier=${MRN}|d1` }],
      ["DELETE", "Patient/replaced"],
    ]);
    const taken = await alice.transaction({ body }).catch((error) => error.response.status);
    const { total } = await search("Patient", { identifier: `${MRN}|d1` });
    assert.equal(total, 1, `answered ${taken.entry?.map(({ response }) => response.status) ?? taken}`);
  });

  test("creates one resource for two entries with the same ifNoneExist, or is refused", async () => {
    const once = ["POST", "Patient", patient({ mrn: "d2" }), undefined, { ifNoneExist: `identifier=${MRN}|d2` }];
    const taken = await alice.transaction({ body: bundle("transaction", [once, once]) }).then(() => 1, () => 0);
    assert.equal((await search("Patient", { identifier: `${MRN}|d2` })).total, taken);
  });

  test("finds what a conditional reference searches for", async () => {
    const body = bundle("transaction", [["POST", "Observation", observation(`Patient?identifier=${MRN}|t1`)]]);
    const answer = await alice.transaction({ body });
    const stored = await alice.request(answer.entry[0].response.location);
    const [niamh] = idsIn(await search("Patient", { identifier: `${MRN}|t1` }));
    assert.equal(stored.subject.reference, `Patient/${niamh}`);
  });

  test("updates, patches, deletes and creates what is not there yet, together", async () => {
    const niamh = resourcesIn(await search("Patient", { identifier: `${MRN}|t1` }))[0];
    const [visit] = resourcesIn(await search("Encounter", { patient: niamh.id }));
    const rates = resourcesIn(await search("Observation", { patient: niamh.id }));
    const jsonPatch = Buffer.from(JSON.stringify([{ op: "replace", path: "/status", value: "amended" }])).toString("base64");
    const body = bundle("transaction", [
      ["PUT", `Patient/${niamh.id}`, { ...without(niamh), active: true }, undefined, { ifMatch: 'W/"1"' }],
      ["DELETE", `Encounter/${visit.id}`],
      ["PATCH", `Observation/${rates[0].id}`, { resourceType: "Binary", contentType: "application/json-patch+json", data: jsonPatch }],
      ["POST", "Patient", patient({ mrn: "t1" }), undefined, { ifNoneExist: `identifier=${MRN}|t1` }],
      ["PUT", "Patient/given-by-client", { ...patient({ family: "Given" }), id: "given-by-client" }],
    ]);
    const { entry } = await bob.transaction({ body });
    assert.deepEqual(entry.map(({ response }) => response.status.slice(0, 3)), ["200", "204", "200", "200", "201"]);
    assert.ok(entry[3].response.location.includes(`/Patient/${niamh.id}/`));
    assert.equal((await read(alice, niamh)).active, true);
    await refused(410, read(alice, visit));
    assert.equal((await read(alice, rates[0])).status, "amended");
  });

  const wrong = {
    "that is not valid": (entries) => entries.splice(39, 1, ["POST", "Observation", { ...observation(urn(100)), status: "finished" }]),
    "that lacks what is required": (entries) => entries.splice(39, 1, ["POST", "Observation", { resourceType: "Observation", status: "final", subject: { reference: urn(100) } }]),
    "on an older version": (entries) => entries.splice(39, 1, ["PUT", "Patient/given-by-client", { ...patient(), id: "given-by-client" }, undefined, { ifMatch: 'W/"9"' }]),
    "of a patient who is not there": (entries) => entries.splice(39, 1, ["POST", "Observation", observation("Patient/nobody")]),
    "whose conditional reference finds nothing": (entries) => entries.splice(39, 1, ["POST", "Observation", observation("Patient?identifier=none")]),
    "of an unknown type": (entries) => entries.splice(39, 1, ["POST", "Observatoin", observation(urn(100))]),
    "without a request": (entries) => entries.splice(39, 1, "no request"),
    "that patches what is not there": (entries) => entries.splice(39, 1, ["PATCH", "Observation/nothing", { resourceType: "Binary", contentType: "application/json-patch+json", data: Buffer.from("[]").toString("base64") }]),
  };
  for (const [what, make] of Object.entries(wrong)) {
    test(`writes nothing for a fortieth entry ${what}, and names it`, async () => {
      const before = await counts();
      const entries = [
        ["POST", "Patient", patient({ family: "Unwritten", mrn: "t40" }), urn(100)],
        ["POST", "Practitioner", { resourceType: "Practitioner", name: [{ family: "Unwritten" }] }, urn(101)],
        ...Array.from({ length: 43 }, () => ["POST", "Observation", observation(urn(100))]),
      ];
      make(entries);
      const body = bundle("transaction", entries.map((entry) => (entry === "no request" ? ["POST", ""] : entry)));
      if (entries[39] === "no request") delete body.entry[39].request;
      const error = await alice.transaction({ body }).then(() => assert.fail("the transaction was taken"), (error) => error);
      assert.ok(error.response?.status >= 400 && error.response.status < 500, error.message);
      const { issue } = error.response.data;
      const named = issue.filter(({ severity }) => ["error", "fatal"].includes(severity)).flatMap(({ expression }) => expression ?? []);
      assert.ok(named.some((expression) => /^Bundle\.entry\[39\](\.|$)/.test(expression)), JSON.stringify(issue));
      assert.ok(named.every((expression) => /^Bundle\.entry\[39\](\.|$)/.test(expression)), JSON.stringify(issue));
      assert.equal((await search("Patient", { identifier: `${MRN}|t40` })).total, 0);
      assert.equal((await search("Practitioner", { family: "Unwritten", _total: "accurate" })).total, 0);
      assert.deepEqual(await counts(), before);
    });
  }

  test("refuses two entries for one resource", async () => {
    const one = ["PUT", "Patient/twice", { ...patient(), id: "twice" }];
    const { issue } = await refused(400, alice.transaction({ body: bundle("transaction", [one, one]) }));
    assert.match(issue[0].expression[0], /^Bundle\.entry\[1\]/);
    await refused(404, read(alice, { resourceType: "Patient", id: "twice" }));
  });

  test("is not needed for a batch, whose entries each stand for themselves", async () => {
    const body = bundle("batch", [
      ["PUT", "Patient/batched", { ...patient({ mrn: "b1" }), id: "batched" }],
      ["POST", "Observation", { resourceType: "Observation" }],
      ["GET", "Patient/batched"],
      ["POST", "Observation", observation("Patient/batched")],
      ["GET", "Patient/nobody"],
      ["GET", "Observation?patient=batched&_summary=count"],
      ["DELETE", "Patient/batched", undefined, undefined, { ifMatch: 'W/"7"' }],
    ]);
    const answer = await alice.batch({ body });
    assert.equal(answer.type, "batch-response");
    assert.deepEqual(answer.entry.map(({ response }) => response.status.slice(0, 3)), ["201", "422", "200", "201", "404", "200", "412"]);
    assert.equal(answer.entry[2].resource.id, "batched");
    assert.equal(answer.entry[5].resource.total, 1);
    for (const at of [1, 4, 6]) assert.equal(answer.entry[at].response.outcome.resourceType, "OperationOutcome");
  });
});

test("$everything brings a chart page by page, each resource once, with the staff that it names", async () => {
  const doctor = await create(alice, { resourceType: "Practitioner", name: [{ family: "Adeyemi" }] });
  const zoe = await create(alice, patient({ family: "Zimmer", mrn: "e1" }));
  const subject = `Patient/${zoe.id}`;
  const written = await alice.transaction({
    body: bundle("transaction", [
      ...Array.from({ length: 22 }, (_, n) => ["POST", "Observation", observation(subject, { value: n, performer: [{ reference: `Practitioner/${doctor.id}` }] })]),
      ...Array.from({ length: 3 }, () => ["POST", "Encounter", encounter(subject)]),
    ]),
  });
  const expected = [subject, ...written.entry.map(({ response }) => response.location.match(/(\w+\/[^/]+)\/_history/)[1])].sort();
  const everything = (input) => alice.operation({ name: "everything", resourceType: "Patient", id: zoe.id, method: "GET", input });
  const keys = (page, mode) => resourcesIn(page, mode).map(({ resourceType, id }) => `${resourceType}/${id}`);
  const pages = await pagesOf(alice, await everything({ _count: 10 }));
  assert.deepEqual(pages.map((page) => keys(page, "match").length), [10, 10, 6]);
  assert.deepEqual(pages.flatMap((page) => keys(page, "match")).sort(), expected);
  assert.deepEqual(new Set(pages.flatMap((page) => keys(page, "include"))), new Set([`Practitioner/${doctor.id}`]));
  assert.equal(resourcesIn(pages[0])[0].id, zoe.id);
  const typed = await everything({ _type: "Encounter" });
  assert.deepEqual(new Set(resourcesIn(typed).map(({ resourceType }) => resourceType)), new Set(["Encounter"]));
  await refused(404, alice.operation({ name: "everything", resourceType: "Patient", id: "nobody", method: "GET" }));
});
