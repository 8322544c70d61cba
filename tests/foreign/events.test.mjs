// One edit gives one list of events, however it is written: by HTTP as a whole or in part, in a
// batch, by our npm client, by automerge-repo's client in JavaScript's own way.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventIdentity } from "../../client-wasm/dist/node.js";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { ourClient, stockRepo } from "./people.mjs";

const ROOM = "patient:p1";
const subject = { reference: "Patient/p1" };
const coded = (code, system = "http://example.org/codes") => ({ coding: [{ system, code }] });
const clinical = (code) => coded(code, "http://terminology.hl7.org/CodeSystem/condition-clinical");
const laboratory = [coded("laboratory", "http://terminology.hl7.org/CodeSystem/observation-category")];
const pharmacy = (status) => [{ url: "http://wintehr.local/fhir/StructureDefinition/pharmacy-status", extension: [{ url: "status", valueCode: status }] }];

const condition = { resourceType: "Condition", subject, code: { ...coded("38341003"), text: "Hypertension" }, clinicalStatus: clinical("active") };
const prescription = { resourceType: "MedicationRequest", subject, status: "active", intent: "order", medicationCodeableConcept: { text: "Warfarin 5 mg" } };
const potassium = {
  resourceType: "Observation",
  subject,
  status: "preliminary",
  category: laboratory,
  code: coded("2823-3", "http://loinc.org"),
  valueQuantity: { value: 4.1, unit: "mmol/L", system: "http://unitsofmeasure.org", code: "mmol/L" },
};
const { valueQuantity, ...potassiumPending } = potassium;
const allergy = { resourceType: "AllergyIntolerance", patient: subject, code: { text: "Latex" }, clinicalStatus: clinical("active") };
const order = { resourceType: "ServiceRequest", subject, status: "draft", intent: "order", code: { text: "Chest X-ray" } };
const report = { resourceType: "DiagnosticReport", subject, status: "preliminary", category: [coded("RAD")], code: { text: "Chest X-ray" } };
const note = { resourceType: "DocumentReference", subject, status: "current", docStatus: "preliminary", content: [{ attachment: { contentType: "text/plain", data: "SGVsbG8=" } }] };
const procedure = { resourceType: "Procedure", subject, status: "in-progress", code: { text: "Appendectomy" } };
const encounter = { resourceType: "Encounter", subject, status: "in-progress", class: { code: "AMB" }, period: { start: "2026-10-01" } };
const goal = { resourceType: "Goal", subject, lifecycleStatus: "active", description: { text: "Walk" } };
const flag = { resourceType: "Flag", subject, status: "active", code: { text: "Falls" } };
const dispense = { resourceType: "MedicationDispense", subject, status: "completed", medicationCodeableConcept: { text: "Warfarin 5 mg" } };

// What happens; the resource before and after, without ids; its events in the order of docs/events.md.
const CASES = [
  ["a condition is diagnosed", undefined, condition, "RESOURCE_CREATED CONDITION_DIAGNOSED CONDITION_ADDED"],
  ["a condition gets a severity", condition, { ...condition, severity: coded("255604002") }, "RESOURCE_UPDATED CONDITION_UPDATED"],
  ["a condition loses an element", { ...condition, onsetDateTime: "2021" }, condition, "RESOURCE_UPDATED CONDITION_UPDATED"],
  ["a condition is resolved", condition, { ...condition, clinicalStatus: clinical("resolved") }, "RESOURCE_UPDATED CONDITION_UPDATED CONDITION_RESOLVED"],
  ["a condition is deleted", condition, undefined, "RESOURCE_DELETED CONDITION_DELETED"],
  ["a drug is prescribed", undefined, prescription, "RESOURCE_CREATED MEDICATION_PRESCRIBED ORDER_PLACED"],
  ["a draft of a prescription is signed", { ...prescription, status: "draft" }, prescription, "RESOURCE_UPDATED MEDICATION_PRESCRIBED ORDER_PLACED ORDER_SIGNED MEDICATION_UPDATED"],
  ["a drug is stopped", prescription, { ...prescription, status: "stopped" }, "RESOURCE_UPDATED MEDICATION_UPDATED MEDICATION_DISCONTINUED"],
  ["a prescription is verified", { ...prescription, extension: pharmacy("pending") }, { ...prescription, extension: pharmacy("verified") }, "RESOURCE_UPDATED MEDICATION_UPDATED PRESCRIPTION_VERIFIED"],
  ["a drug is dispensed", undefined, dispense, "RESOURCE_CREATED MEDICATION_DISPENSED"],
  ["a critical result arrives", potassiumPending, { ...potassium, status: "final", valueQuantity: { ...valueQuantity, value: 7.2 } }, "RESOURCE_UPDATED RESULT_AVAILABLE OBSERVATION_UPDATED CRITICAL_VALUE_ALERT"],
  ["a critical result is corrected", { ...potassium, status: "final", valueQuantity: { ...valueQuantity, value: 7.2 } }, { ...potassium, status: "corrected" }, "RESOURCE_UPDATED RESULT_AVAILABLE OBSERVATION_UPDATED"],
  ["an allergy was entered in error", allergy, { ...allergy, verificationStatus: coded("entered-in-error") }, "RESOURCE_UPDATED ALLERGY_UPDATED ALLERGY_REMOVED ALLERGY_DELETED"],
  ["an order is signed", order, { ...order, status: "active" }, "RESOURCE_UPDATED ORDER_UPDATED ORDER_SIGNED"],
  ["an imaging report is final", report, { ...report, status: "final" }, "RESOURCE_UPDATED DIAGNOSTIC_REPORT_UPDATED DIAGNOSTIC_REPORT_FINALIZED IMAGING_REPORT_READY"],
  ["a note is signed", note, { ...note, docStatus: "final" }, "RESOURCE_UPDATED NOTE_UPDATED DOCUMENT_UPDATED NOTE_SIGNED"],
  ["a procedure is completed", procedure, { ...procedure, status: "completed" }, "RESOURCE_UPDATED PROCEDURE_COMPLETED"],
  ["a visit ends", encounter, { ...encounter, status: "finished", period: { start: "2026-10-01", end: "2026-10-02" } }, "RESOURCE_UPDATED ENCOUNTER_UPDATED ENCOUNTER_FINISHED"],
  ["a goal is achieved", goal, { ...goal, achievementStatus: coded("achieved") }, "RESOURCE_UPDATED CARE_PLAN_GOAL_ACHIEVED"],
  ["a flag is taken down", flag, { ...flag, status: "inactive" }, "RESOURCE_UPDATED ALERT_UPDATED ALERT_REMOVED"],
];

let folder, server, repo, handle, client, room;
/** The server's numbered events, and those that our client derived. */
const log = [];
const derived = [];

// Each way takes the resource as it is to stand, or undefined, and as it stands.
const WAYS = {
  "HTTP put": (now, before) => server.command(ROOM, whole(now, before)),
  "HTTP patch": (now, before) => server.command(ROOM, part(now, before)),
  batch: (now, before) => server.command(ROOM, { kind: "batch", commands: [companion(now ?? before), whole(now, before)] }),
  "npm put": (now, before) => (now ? room.put(now) : room.remove(before.resourceType, before.id)).saved,
  "npm patch": (now, before) => (now && before ? room.patch(now.resourceType, now.id, differing(now, before)) : WAYS["npm put"](now, before)).saved,
  "automerge-repo, key by key": (now, before) =>
    handle.change((doc) => {
      const { resourceType, id } = now ?? before;
      if (!now) return void delete doc[resourceType][id];
      doc[resourceType][id] ??= {};
      const elements = doc[resourceType][id];
      for (const [key, value] of Object.entries(differing(now, before))) {
        if (value === null) delete elements[key];
        else elements[key] = value;
      }
    }),
  "automerge-repo, the whole map": (now, before) =>
    handle.change((doc) => {
      const { resourceType, id, ...elements } = now ?? before;
      if (now) doc[resourceType][id] = elements;
      else delete doc[resourceType][id];
    }),
};

const whole = (now, before) => (now ? { kind: "put", resource: now } : { kind: "delete", resourceType: before.resourceType, id: before.id });
const part = (now, before) =>
  now && before ? { kind: "patch", resourceType: now.resourceType, id: now.id, elements: differing(now, before) } : whole(now, before);
const companion = ({ id }) => ({ kind: "put", resource: { resourceType: "CarePlan", id: `${id}-plan`, subject, status: "active", intent: "plan" } });

/** Elements that are another value now; null for one that is gone. */
function differing(now, before = {}) {
  const names = new Set([...Object.keys(now), ...Object.keys(before)].filter((name) => name !== "id" && name !== "resourceType"));
  const entries = [...names].map((name) => [name, now[name] ?? null]);
  return Object.fromEntries(entries.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}

/** The cases by every way, each with resources of its own. */
const edits = CASES.map(([what, was, is, events], at) => ({
  what,
  events: events.split(" "),
  byWay: Object.keys(WAYS).map((way, number) => {
    const named = (resource) => resource && { ...resource, id: `case-${at}-${number}` };
    return { way, before: named(was), now: named(is) };
  }),
}));

before(async () => {
  folder = await temporaryFolder("foreign-events");
  server = await Server.start(join(folder.path, "store"));
  const standing = edits.flatMap(({ byWay }) => byWay.flatMap(({ before }) => before ?? []));
  await server.command(ROOM, standing.map((resource) => ({ kind: "put", resource })));
  const { url, heads } = await server.room(ROOM);
  repo = await stockRepo(server);
  handle = await repo.find(url);
  client = await ourClient(server);
  room = await client.open(ROOM);
  assert.deepEqual(room.heads(), heads);
  const { events } = await server.json(`/rooms/${ROOM}/events`);
  room.on("*", (event) => log.push(event), { after: events.at(-1).seq });
  room.on("*", (event) => derived.push(event));
});

after(async () => {
  await client?.close();
  await repo?.shutdown();
  await server?.end();
  await folder?.remove();
});

const of = (events, { resourceType, id }) => events.filter((event) => event.resource_type === resourceType && event.resource_id === id);

for (const { what, events, byWay } of edits) {
  test(`${what}: ${events.join(", ")}`, async () => {
    for (const { way, before, now } of byWay) {
      await WAYS[way](now, before);
      const resource = now ?? before;
      await until(`the log has it, by ${way}`, () => of(log, resource).length > 0);
      const logged = of(log, resource);
      assert.deepEqual(logged.map(({ event }) => event), events, way);
      const stands = now ?? { resourceType: before.resourceType, id: before.id };
      for (const event of logged) assert.deepEqual(event.resource, stands, way);
    }
  });
}

test("a batch tells of each of its resources", () => {
  for (const { byWay } of edits) {
    const { now, before } = byWay.find(({ way }) => way === "batch");
    const { resource } = companion(now ?? before);
    assert.deepEqual(of(log, resource).map(({ event }) => event), ["RESOURCE_CREATED", "CARE_PLAN_CREATED"]);
  }
});

test("our client derives the events that the server numbers, and no other", async () => {
  await until("our client has the last change too", () => derived.length >= log.length);
  assert.deepEqual(derived.map(eventIdentity).sort(), log.map(eventIdentity).sort());
  const numbers = log.map(({ seq }) => seq);
  assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index));
});
