// Several people write one resource at once, or without having seen each other's work.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryFolder, until } from "../support/server.mjs";
import { bare } from "./exact.mjs";
import { clientOf, idsIn, resourcesIn } from "./people.mjs";
import { JSON_PATCH, MERGE_PATCH, eventsOf, send, sent, startServer } from "./requests.mjs";
import { allergy, bundle, observation, patient, prescription } from "./resources.mjs";

const PATIENT = "niamh";
const ROOM = `patient:${PATIENT}`;
const MERGE = { prefer: "handling=merge" };

let folder, server;

before(async () => {
  folder = await temporaryFolder("fhir-together");
  server = await startServer(join(folder.path, "store"));
  await sent(201, server, "Alice", "PUT", `/Patient/${PATIENT}`, { ...patient(), id: PATIENT });
});

after(async () => {
  await server?.end();
  await folder?.remove();
});

const without = ({ meta: _, ...resource }) => resource;
const conflictsOf = async (id) => (await server.json(`/rooms/${encodeURIComponent(ROOM)}/conflicts`)).conflicts.filter((conflict) => JSON.stringify(conflict).includes(id));
const eventsAbout = async (name, id) => (await eventsOf(server, ROOM)).filter((event) => event.event === name && event.resource_id === id);

/** Creates a resource as Alice; gives it and a function that PUTs a variant of it on version 1. */
async function base(body) {
  const created = await sent(201, server, "Alice", "POST", `/${body.resourceType}`, body);
  const resource = without(created);
  const path = `/${resource.resourceType}/${resource.id}`;
  const put = (person, change, headers) => send(server, person, "PUT", path, { ...resource, ...change }, headers);
  const stands = async () => without(await sent(200, server, "Alice", "GET", path));
  return { resource, path, put, stands };
}

const warnings = ({ body }) => (body.resourceType === "OperationOutcome" ? body.issue : []).filter(({ severity }) => severity === "warning");
const onVersion = (version) => ({ "if-match": `W/"${version}"` });

describe("two updates of the same version", () => {
  test("to different elements both stand under handling=merge", async () => {
    const { resource, put, stands } = await base(prescription(`Patient/${PATIENT}`, "Amoxicillin"));
    const notes = { note: [{ text: "with food" }] };
    const [first, second] = [await put("Bob", { priority: "urgent" }, { ...MERGE, ...onVersion(1) }), await put("Alice", notes, { ...MERGE, ...onVersion(1) })];
    assert.equal(first.status, 200);
    assert.equal(second.status, 200);
    assert.equal(second.header("etag"), 'W/"3"');
    assert.deepEqual(warnings(second), []);
    assert.deepEqual(await stands(), { ...resource, priority: "urgent", ...notes });
    assert.deepEqual(without(second.body), { ...resource, priority: "urgent", ...notes });
    assert.deepEqual(await conflictsOf(resource.id), []);
  });

  test("are merged where the body says the version, too", async () => {
    const { resource, put, stands } = await base(prescription(`Patient/${PATIENT}`, "Doxycycline"));
    for (const change of [{ priority: "stat" }, { groupIdentifier: { value: "g" } }]) {
      assert.equal((await put("Bob", { ...change, meta: { versionId: "1" } }, MERGE)).status, 200);
    }
    assert.deepEqual(await stands(), { ...resource, priority: "stat", groupIdentifier: { value: "g" } });
  });

  test("to the same element are a conflict that both can see, and that one settles", async () => {
    const { resource, path, put, stands } = await base(allergy(`Patient/${PATIENT}`, "Penicillin", { criticality: "low" }));
    assert.equal((await put("Bob", { criticality: "high" }, { ...MERGE, ...onVersion(1) })).status, 200);
    const second = await put("Alice", { criticality: "unable-to-assess" }, { ...MERGE, ...onVersion(1) });
    assert.equal(second.status, 200);
    assert.equal(second.body.resourceType, "OperationOutcome");
    assert.deepEqual(warnings(second).map(({ code, expression }) => [code, expression]), [["conflict", ["AllergyIntolerance.criticality"]]]);
    const conflicts = await conflictsOf(resource.id);
    assert.equal(conflicts.length, 1);
    assert.deepEqual(conflicts[0].elements, ["criticality"]);
    const sides = conflicts[0].values.map((side) => [side.author.name, JSON.stringify(side).match(/"(high|unable-to-assess)"/)?.[1]]);
    assert.deepEqual(sides.sort(), [["Alice", "unable-to-assess"], ["Bob", "high"]]);
    const [detected] = await eventsAbout("CONFLICT_DETECTED", resource.id);
    assert.deepEqual(detected.details.elements, ["criticality"]);
    assert.ok(["high", "unable-to-assess"].includes((await stands()).criticality));
    await sent(200, server, "Bob", "PATCH", path, { criticality: "low" }, { "content-type": MERGE_PATCH });
    assert.deepEqual(await conflictsOf(resource.id), []);
    assert.equal((await eventsAbout("CONFLICT_RESOLVED", resource.id)).length, 1);
    assert.equal((await stands()).criticality, "low");
  });

  test("to elements that only make sense together are a conflict of both", async () => {
    const { resource, put, stands } = await base(prescription(`Patient/${PATIENT}`, "Methotrexate", { dosageInstruction: [{ text: "weekly" }] }));
    assert.equal((await put("Bob", { dosageInstruction: [{ text: "daily" }] }, { ...MERGE, ...onVersion(1) })).status, 200);
    const second = await put("Alice", { doNotPerform: true }, { ...MERGE, ...onVersion(1) });
    assert.deepEqual(warnings(second).map(({ expression }) => expression[0]).sort(), ["MedicationRequest.doNotPerform", "MedicationRequest.dosageInstruction"]);
    const [conflict] = await conflictsOf(resource.id);
    assert.deepEqual(conflict.elements.toSorted(), ["doNotPerform", "dosageInstruction"]);
    const shown = await stands();
    assert.ok((shown.doNotPerform === true) !== (shown.dosageInstruction[0].text === "daily"), "as one of them had it");
  });

  test("that say the same make no conflict", async () => {
    const { resource, put } = await base(allergy(`Patient/${PATIENT}`, "Latex", { criticality: "low" }));
    for (const person of ["Bob", "Alice"]) {
      const answer = await put(person, { criticality: "high" }, { ...MERGE, ...onVersion(1) });
      assert.equal(answer.status, 200);
      assert.deepEqual(warnings(answer), []);
    }
    assert.deepEqual(await conflictsOf(resource.id), []);
  });

  test("are refused without handling=merge", async () => {
    const { resource, put, stands } = await base(prescription(`Patient/${PATIENT}`, "Warfarin"));
    assert.equal((await put("Bob", { priority: "urgent" }, onVersion(1))).status, 200);
    for (const [change, headers] of [[{ note: [{ text: "x" }] }, onVersion(1)], [{ note: [{ text: "x" }], meta: { versionId: "1" } }, {}]]) {
      const answer = await put("Alice", change, headers);
      assert.equal(answer.status, 412);
      assert.equal(answer.body.issue[0].code, "conflict");
    }
    assert.deepEqual(await stands(), { ...resource, priority: "urgent" });
  });

  test("on a version that never was are refused under handling=merge, too", async () => {
    const { put } = await base(prescription(`Patient/${PATIENT}`, "Heparin"));
    assert.equal((await put("Bob", { priority: "urgent" }, { ...MERGE, ...onVersion(9) })).status, 412);
  });
});

describe("a blind update", () => {
  let answer, resource, stands;

  before(async () => {
    const made = await base(observation(`Patient/${PATIENT}`, { value: 80 }));
    ({ resource, stands } = made);
    await sent(200, server, "Bob", "PATCH", made.path, [{ op: "replace", path: "/status", value: "amended" }], { "content-type": JSON_PATCH });
    answer = await made.put("Alice", { note: [{ text: "seen" }] });
  });

  test("that puts back what another wrote stands, and says so", async () => {
    assert.equal(answer.status, 200);
    assert.deepEqual(warnings(answer).map(({ expression }) => expression), [["Observation.status"]]);
    assert.deepEqual(await stands(), { ...resource, note: [{ text: "seen" }] });
  });

  test("is an event of the chart", async () => {
    const [reverted] = await eventsAbout("EDIT_REVERTED", resource.id);
    assert.deepEqual(reverted.details.elements, ["status"]);
    assert.equal(reverted.author.name, "Alice");
  });

  test("is audited, and the audit can be searched and only read", async () => {
    const reference = `Observation/${resource.id}`;
    const found = (parameters) => sent(200, server, "Charlie", "GET", `/AuditEvent?${new URLSearchParams(parameters)}`);
    const [audited] = resourcesIn(await found({ entity: reference, subtype: "edit-reverted" }));
    assert.equal(audited.subtype[0].code, "edit-reverted");
    assert.deepEqual(audited.entity[0].what, { reference });
    assert.deepEqual(audited.entity[0].detail, [{ type: "element", valueString: "status" }]);
    assert.equal(audited.agent[0].who.display, "Alice");
    for (const parameters of [{ subtype: "edit-reverted", entity: reference }, { subtype: "edit-reverted", action: "U", date: `ge${audited.recorded}` }, { type: "rest", _id: audited.id }, { subtype: "edit-reverted", "agent:identifier": "alice" }]) {
      assert.deepEqual(idsIn(await found(parameters)), [audited.id], JSON.stringify(parameters));
    }
    assert.deepEqual(idsIn(await found({ entity: "Observation/other" })), []);
    assert.deepEqual(await sent(200, server, "Charlie", "GET", `/AuditEvent/${audited.id}`), audited);
    await sent(405, server, "Mallory", "PUT", `/AuditEvent/${audited.id}`, audited);
    await sent(405, server, "Mallory", "DELETE", `/AuditEvent/${audited.id}`);
  });

  test("of what nobody else wrote warns of nothing", async () => {
    const { resource, put } = await base(observation(`Patient/${PATIENT}`));
    for (const status of ["preliminary", "final"]) assert.deepEqual(warnings(await put("Alice", { status })), []);
    assert.deepEqual(await eventsAbout("EDIT_REVERTED", resource.id), []);
  });
});

// Forty elements of a prescription, one for each person.
const reference = (name) => ({ reference: name });
const concept = (text) => ({ text });
const quantity = (value) => ({ value, unit: "d" });
const ELEMENTS = {
  identifier: [{ value: "i" }],
  statusReason: concept("a"),
  category: [concept("b")],
  priority: "urgent",
  doNotPerform: false,
  reportedBoolean: false,
  encounter: reference("Encounter/e"),
  supportingInformation: [reference("Observation/o")],
  authoredOn: "2024-05-01",
  requester: reference("Practitioner/p"),
  performer: reference("Practitioner/q"),
  performerType: concept("c"),
  recorder: reference("Practitioner/r"),
  reasonCode: [concept("d")],
  reasonReference: [reference("Condition/c")],
  instantiatesCanonical: ["http://example.org/c"],
  instantiatesUri: ["http://example.org/u"],
  basedOn: [reference("CarePlan/c")],
  groupIdentifier: { value: "g" },
  courseOfTherapyType: concept("e"),
  insurance: [reference("Coverage/c")],
  note: [{ text: "n" }],
  dosageInstruction: [{ text: "d" }],
  substitution: { allowedBoolean: true },
  priorPrescription: reference("MedicationRequest/m"),
  detectedIssue: [reference("DetectedIssue/d")],
  eventHistory: [reference("Provenance/p")],
  language: "en",
  implicitRules: "http://example.org/rules",
  text: { status: "generated", div: '<div xmlns="http://www.w3.org/1999/xhtml">t</div>' },
  extension: [{ url: "http://example.org/x", valueString: "x" }],
  dispenseRequest: { numberOfRepeatsAllowed: 3 },
};
const NESTED = {
  "dispenseRequest.quantity": quantity(30),
  "dispenseRequest.expectedSupplyDuration": quantity(10),
  "dispenseRequest.performer": reference("Organization/o"),
  "dispenseRequest.validityPeriod": { start: "2024-05-01" },
  "dispenseRequest.dispenseInterval": quantity(5),
  "dispenseRequest.initialFill": { duration: quantity(2) },
  "meta.tag": [{ system: "http://example.org/tags", code: "t" }],
  "meta.source": "http://example.org/source",
};

describe("forty people at once", () => {
  const people = Array.from({ length: 40 }, (_, n) => `Person${n}`);
  const changes = [...Object.entries(ELEMENTS), ...Object.entries(NESTED).map(([path, value]) => path.split(".").reduceRight((inner, name) => [name, inner[0] === undefined ? value : { [inner[0]]: inner[1] }], []))].map(([name, value]) => ({ [name]: value }));

  const merged = (resource, change) => {
    const result = { ...resource };
    for (const [name, value] of Object.entries(change)) {
      const both = value !== null && typeof value === "object" && !Array.isArray(value) && typeof result[name] === "object";
      result[name] = both ? merged(result[name], value) : value;
    }
    return result;
  };

  test("lose nothing by merge patches of different elements", async () => {
    assert.equal(changes.length, 40);
    const { resource, path } = await base(prescription(`Patient/${PATIENT}`, "Forty merge patches"));
    const answers = await Promise.all(changes.map((change, at) => send(server, people[at], "PATCH", path, change, { "content-type": MERGE_PATCH })));
    await check(answers, resource, path, changes.reduce(merged, resource));
  });

  test("lose nothing by JSON patches of different elements", async () => {
    const own = Object.entries(ELEMENTS);
    const { resource, path } = await base(prescription(`Patient/${PATIENT}`, "Forty JSON patches"));
    const answers = await Promise.all(own.map(([name, value], at) => send(server, people[at], "PATCH", path, [{ op: "add", path: `/${name}`, value }], { "content-type": JSON_PATCH })));
    await check(answers, resource, path, { ...resource, ...ELEMENTS });
  });

  test("lose nothing by updates of one old version under handling=merge", async () => {
    // Of a safety group one alone: two would be a conflict.
    const { doNotPerform: _, substitution: __, ...elements } = ELEMENTS;
    const { resource, path, put } = await base(prescription(`Patient/${PATIENT}`, "Forty merges"));
    const answers = await Promise.all(Object.entries(elements).map(([name, value], at) => put(people[at], { [name]: value }, { ...MERGE, ...onVersion(1) })));
    assert.deepEqual(answers.flatMap(warnings), []);
    await check(answers, resource, path, { ...resource, ...elements });
  });

  test("have a version each by blind updates of one resource, and the last one stands", async () => {
    const { path, put, stands } = await base(observation(`Patient/${PATIENT}`));
    const answers = await Promise.all(people.map((person) => put(person, { note: [{ text: person }] })));
    assert.deepEqual(answers.filter(({ status }) => status !== 200).map(({ status, body }) => `${status} ${body.issue[0].diagnostics}`), []);
    const history = await sent(200, server, "Alice", "GET", `${path}/_history?_count=100`);
    assert.deepEqual(history.entry.slice(0, -1).map(({ resource }) => resource.note[0].text).sort(), people.toSorted());
    assert.deepEqual(await stands(), without(history.entry[0].resource));
  });

  test("have one of them win where all go on the same version", async () => {
    const { put, stands } = await base(observation(`Patient/${PATIENT}`));
    const answers = await Promise.all(people.map((person) => put(person, { note: [{ text: person }] }, onVersion(1))));
    const won = people.filter((_, at) => answers[at].status === 200);
    assert.deepEqual(won, [(await stands()).note[0].text]);
    assert.equal(answers.filter(({ status }) => status === 412).length, 39);
  });

  test("lose nothing by creates in one chart", async () => {
    const answers = await Promise.all(people.map((person, n) => send(server, person, "POST", "/Observation", observation(`Patient/${PATIENT}`, { code: "forty", value: n }))));
    assert.deepEqual(answers.filter(({ status }) => status !== 201).map(({ text }) => text), []);
    const found = await clientOf(server, "Alice").search({ resourceType: "Observation", searchParams: { patient: PATIENT, code: "forty", _count: 100 } });
    assert.equal(found.total, 40);
  });

  test("win one transaction over two charts, whole, where all go on the same versions", async () => {
    for (let round = 0; round < 8; round++) {
      const ids = [`left-${round}`, `right-${round}`];
      for (const id of ids) {
        await sent(201, server, "Alice", "PUT", `/Patient/${id}`, { ...patient(), id });
        await sent(201, server, "Alice", "PUT", `/Flag/${id}`, flag(id, "nobody"));
      }
      const transaction = (person) => bundle("transaction", ids.map((id) => ["PUT", `/Flag/${id}`, flag(id, person), undefined, { ifMatch: 'W/"1"' }]));
      const answers = await Promise.all(people.map((person) => send(server, person, "POST", "", transaction(person))));
      const won = people.filter((_, at) => answers[at].status === 200);
      const stands = await Promise.all(ids.map(async (id) => (await sent(200, server, "Alice", "GET", `/Flag/${id}`)).code.text));
      const told = stands.map((person) => `${person} was answered ${answers[people.indexOf(person)]?.text}`).join("\n");
      assert.equal(new Set(stands).size, 1, `round ${round}: one chart is ${stands[0]}'s, the other ${stands[1]}'s\n${told}`);
      assert.deepEqual(won, [stands[0]]);
      assert.ok(answers.every(({ status }) => [200, 409, 412].includes(status)));
    }
  });

  const flag = (id, text) => ({ resourceType: "Flag", id, status: "active", code: { text }, subject: { reference: `Patient/${id}` } });

  /** Nobody was refused, all that was written stands, and the history names everybody once. */
  async function check(answers, resource, path, expected) {
    const refused = answers.filter(({ status }) => status !== 200);
    assert.deepEqual(refused.map(({ status, body }) => `${status} ${body.issue[0].diagnostics}`), [], `${refused.length} of ${answers.length} were refused`);
    assert.deepEqual(bare(await sent(200, server, "Alice", "GET", path)), expected);
    const history = await sent(200, server, "Alice", "GET", `${path}/_history?_count=100`);
    assert.equal(history.total, answers.length + 1);
    const authors = history.entry.slice(0, -1).map(({ extension }) => extension[0].valueReference.display);
    assert.deepEqual(authors.sort(), people.slice(0, answers.length).sort());
    assert.deepEqual(new Set(answers.map(({ header }) => header("etag"))).size, answers.length);
    await until("every event of it is logged", async () => (await eventsAbout("RESOURCE_UPDATED", resource.id)).length === answers.length);
    assert.deepEqual(await conflictsOf(resource.id), []);
  }
});
