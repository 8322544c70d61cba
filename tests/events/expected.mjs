// How many events of which name an import of FHIR bundles into an empty store must give, room by
// room. Written from the rules as clinicians read them (docs/events.md) and from FHIR alone: it has
// no line and no table in common with the engine, so that the two can be held against each other.
//
//   node expected.mjs FILE…      the counts as JSON; files may be gzipped
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { pathToFileURL } from "node:url";

/** The resources of one file in its order, each with its id and with relative references. */
export function resourcesOf(file) {
  const bytes = readFileSync(file);
  const { entry } = JSON.parse(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  const named = entry.map(({ fullUrl, resource }) => ({ fullUrl, resource: { ...resource, id: resource.id ?? fullUrl.replace("urn:uuid:", "") } }));
  const relative = new Map(named.map(({ fullUrl, resource }) => [fullUrl, `${resource.resourceType}/${resource.id}`]));
  const rewrite = (key, value) => (key === "reference" && value.startsWith("urn:uuid:") ? (relative.get(value) ?? value) : value);
  return named.map(({ resource }) => JSON.parse(JSON.stringify(resource), rewrite));
}

/** The room that a resource lives in: its patient's, or the directory of what belongs to no patient. */
export function roomOf(resource) {
  const owner = resource.subject ?? resource.patient ?? resource.beneficiary;
  const id = resource.resourceType === "Patient" ? resource.id : /(?:^|\/)Patient\/([^/]+)/.exec(owner?.reference ?? "")?.[1];
  return id === undefined ? "facility:directory" : `patient:${id}`;
}

/** Counts by room and event name: `{"patient:1": {RESOURCE_CREATED: 12, …}, …}`. */
export function expectedCounts(files) {
  const stored = new Map();
  const counts = {};
  for (const now of files.flatMap(resourcesOf)) {
    const [room, key] = [roomOf(now), `${now.resourceType}/${now.id}`];
    const before = stored.get(key);
    stored.set(key, now);
    if (before && canonical(before) === canonical(now)) continue;
    const names = [before ? "RESOURCE_UPDATED" : "RESOURCE_CREATED", ...clinicalEvents(before, now)];
    for (const name of names) {
      counts[room] ??= {};
      counts[room][name] = (counts[room][name] ?? 0) + 1;
    }
  }
  return counts;
}

const COLUMNS = { none: "newOrders", pending: "verification", verified: "dispensing", dispensed: "ready", ready: "ready" };

/** How many open prescriptions stand in which column of the pharmacy's queue. */
export function expectedQueue(files) {
  const prescriptions = files.flatMap(resourcesOf).filter(({ resourceType }) => resourceType === "MedicationRequest");
  const latest = new Map(prescriptions.map((prescription) => [prescription.id, prescription])).values();
  const columns = { newOrders: 0, verification: 0, dispensing: 0, ready: 0 };
  for (const prescription of latest) {
    const column = COLUMNS[pharmacyStatus(prescription)[0] ?? "none"];
    if (prescription.status === "active" && column) columns[column] += 1;
  }
  return columns;
}

function canonical(value) {
  const sorted = (_, item) => (item && typeof item === "object" && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort()) : item);
  return JSON.stringify(value, sorted);
}

/** The clinical events of a resource that stands as `now` and stood as `before`, if at all. */
function clinicalEvents(before, now) {
  const created = before === undefined;
  const becomes = (read, ...values) => values.some((value) => read(now).includes(value) && !(before && read(before).includes(value)));
  const tell = (when, ...names) => (when ? names : []);
  const rule = RULES[now.resourceType];
  return rule ? rule({ before, now, created, updated: !created, becomes, tell }) : [];
}

const status = (resource) => [resource.status];
const codesOf = (concepts) => [concepts ?? []].flat().flatMap((concept) => (concept.coding ?? []).map(({ code }) => code));
const at = (element) => (resource) => codesOf(resource[element]);
const clinicalStatus = at("clinicalStatus");
const verificationStatus = at("verificationStatus");
const category = at("category");
const isAny = (list, ...values) => values.some((value) => list.includes(value));
// Of the diagnostic service sections (v2-0074) those that make pictures, and LOINC's class of them.
const IMAGING = ["RAD", "LP29684-5", "imaging", "RUS", "CUS", "OUS", "VUS", "CT", "NMR", "NMS", "RX", "XRC"];
const LABORATORY = ["laboratory", "LAB", "LP29693-6"];

const RULES = {
  Condition: ({ created, updated, becomes, tell }) => [
    ...tell(created, "CONDITION_DIAGNOSED", "CONDITION_ADDED"),
    ...tell(updated, "CONDITION_UPDATED"),
    ...tell(becomes(clinicalStatus, "resolved", "remission", "inactive"), "CONDITION_RESOLVED"),
    ...tell(becomes(verificationStatus, "entered-in-error"), "CONDITION_DELETED"),
  ],
  MedicationRequest: ({ before, now, created, updated, becomes, tell }) => {
    const ordered = created && now.status === "active" && isAny([now.intent], "order", "original-order", "reflex-order", "filler-order", "instance-order");
    const signed = before?.status === "draft" && now.status === "active";
    return [
      ...tell(ordered || signed, "MEDICATION_PRESCRIBED", "ORDER_PLACED"),
      ...tell(signed, "ORDER_SIGNED"),
      ...tell(updated, "MEDICATION_UPDATED"),
      ...tell(becomes(status, "stopped", "cancelled", "completed", "entered-in-error"), "MEDICATION_DISCONTINUED"),
      ...tell(becomes(pharmacyStatus, "verified"), "PRESCRIPTION_VERIFIED"),
    ];
  },
  MedicationDispense: ({ becomes, tell }) => tell(becomes(status, "completed"), "MEDICATION_DISPENSED"),
  MedicationAdministration: ({ becomes, tell }) => tell(becomes(status, "completed"), "MEDICATION_ADMINISTERED"),
  AllergyIntolerance: ({ created, becomes, tell }) => [
    ...tell(true, created ? "ALLERGY_ADDED" : "ALLERGY_UPDATED"),
    ...tell(becomes(clinicalStatus, "resolved", "inactive"), "ALLERGY_RESOLVED"),
    ...tell(becomes(verificationStatus, "entered-in-error"), "ALLERGY_REMOVED", "ALLERGY_DELETED"),
  ],
  ServiceRequest: ({ before, now, created, becomes, tell }) => [
    ...tell(true, created ? "ORDER_PLACED" : "ORDER_UPDATED"),
    ...tell(before?.status === "draft" && now.status === "active", "ORDER_SIGNED"),
    ...tell(becomes(status, "completed"), "ORDER_COMPLETED"),
    ...tell(becomes(status, "revoked", "entered-in-error"), "ORDER_CANCELLED"),
  ],
  Observation: ({ before, now, created, updated, becomes, tell }) => [
    ...tell(created, "OBSERVATION_RECORDED"),
    ...tell(isAny(category(now), ...LABORATORY) && becomes(status, "final", "amended", "corrected"), "RESULT_AVAILABLE"),
    ...tell(created && isAny(category(now), "vital-signs"), "VITAL_SIGNS_RECORDED"),
    ...tell(updated, "OBSERVATION_UPDATED"),
    ...criticalSides(now).filter((side) => !before || !criticalSides(before).includes(side)).map(() => "CRITICAL_VALUE_ALERT"),
  ],
  DiagnosticReport: ({ now, created, becomes, tell }) => {
    const final = becomes(status, "final");
    return [
      ...tell(true, created ? "DIAGNOSTIC_REPORT_CREATED" : "DIAGNOSTIC_REPORT_UPDATED"),
      ...tell(final, "DIAGNOSTIC_REPORT_FINALIZED"),
      ...tell(final && isAny(category(now), ...IMAGING), "IMAGING_REPORT_READY"),
      ...tell(final && isAny(category(now), ...LABORATORY), "RESULT_AVAILABLE"),
    ];
  },
  ImagingStudy: ({ updated, becomes, tell }) => [
    ...tell(becomes(status, "available"), "IMAGING_STUDY_AVAILABLE"),
    ...tell(updated, "IMAGING_STUDY_UPDATED"),
  ],
  DocumentReference: (change) => documentEvents(change, (resource) => [resource.docStatus]),
  Composition: (change) => documentEvents(change, status),
  Immunization: ({ now, created, updated, tell }) => [
    ...tell(created && now.status === "completed", "IMMUNIZATION_ADMINISTERED"),
    ...tell(updated, "IMMUNIZATION_UPDATED"),
  ],
  Procedure: ({ updated, becomes, tell }) => {
    const steps = [
      ...tell(becomes(status, "preparation"), "PROCEDURE_SCHEDULED"),
      ...tell(becomes(status, "in-progress"), "PROCEDURE_STARTED"),
      ...tell(becomes(status, "completed"), "PROCEDURE_COMPLETED"),
      ...tell(becomes(status, "not-done", "stopped", "entered-in-error"), "PROCEDURE_CANCELLED"),
    ];
    return steps.length === 0 && updated ? ["PROCEDURE_UPDATED"] : steps;
  },
  Encounter: ({ created, updated, becomes, tell }) => [
    ...tell(created || becomes(status, "in-progress"), "ENCOUNTER_STARTED"),
    ...tell(updated, "ENCOUNTER_UPDATED"),
    ...tell(becomes(status, "finished"), "ENCOUNTER_FINISHED"),
  ],
  CarePlan: ({ created }) => [created ? "CARE_PLAN_CREATED" : "CARE_PLAN_UPDATED"],
  Goal: ({ becomes, tell }) => tell(becomes(at("achievementStatus"), "achieved"), "CARE_PLAN_GOAL_ACHIEVED"),
  Flag: ({ now, created, updated, becomes, tell }) => [
    ...tell(created && now.status === "active", "ALERT_ADDED"),
    ...tell(updated, "ALERT_UPDATED"),
    ...tell(becomes(status, "inactive"), "ALERT_REMOVED"),
  ],
  Communication: ({ now, becomes, tell }) => tell(isAny(category(now), "result-acknowledgement") && becomes(status, "completed"), "RESULT_ACKNOWLEDGED"),
  Patient: ({ updated, tell }) => tell(updated, "PATIENT_UPDATED"),
};

function documentEvents({ now, created, updated, becomes, tell }, signature) {
  const types = (now.content ?? []).map(({ attachment }) => attachment?.contentType ?? "text/plain");
  const uploaded = types.some((type) => !type.startsWith("text/"));
  const relates = (code) => (resource) => (resource.relatesTo ?? []).map((relation) => relation.code).filter((found) => found === code);
  return [
    ...tell(created && !uploaded, "NOTE_CREATED", "DOCUMENT_CREATED"),
    ...tell(created && uploaded, "DOCUMENT_UPLOADED"),
    ...tell(updated, "NOTE_UPDATED", "DOCUMENT_UPDATED"),
    ...tell(becomes(signature, "final"), "NOTE_SIGNED"),
    ...tell(becomes(signature, "amended") || becomes(relates("replaces"), "replaces"), "NOTE_AMENDED"),
    ...tell(becomes(signature, "appended") || becomes(relates("appends"), "appends"), "NOTE_ADDENDUM"),
  ];
}

function pharmacyStatus(resource) {
  const outer = (resource.extension ?? []).filter(({ url }) => /wintehr\.(local|com)\/fhir\/StructureDefinition\/pharmacy-status$/.test(url));
  return outer.flatMap(({ extension }) => extension ?? []).filter(({ url }) => url === "status").map((inner) => inner.valueCode ?? inner.valueString);
}

// LOINC codes, then by unit the lowest and the highest value that is not critical.
const mgdl = "mg/dl", mmoll = "mmol/l", gdl = "g/dl", count = "10*3/ul", none = "";
const CRITICAL = [
  [["2951-2", "2947-0"], { [mmoll]: [120, 160] }],
  [["2823-3", "6298-4"], { [mmoll]: [2.5, 6.5] }],
  [["2075-0"], { [mmoll]: [80, 120] }],
  [["2160-0", "38483-4"], { [mgdl]: [-Infinity, 4.0], "umol/l": [-Infinity, 353.68] }],
  [["2345-7", "2339-0"], { [mgdl]: [40, 500], [mmoll]: [2.22, 27.75] }],
  [["6598-7"], { "ng/ml": [-Infinity, 0.04] }],
  [["33762-6"], { "pg/ml": [-Infinity, 900] }],
  [["718-7"], { [gdl]: [7.0, 20.0], "g/l": [70, 200] }],
  [["777-3"], { [count]: [20, 1000] }],
  [["6690-2"], { [count]: [1.0, 30.0] }],
  [["5902-2"], { s: [-Infinity, 40] }],
  [["6301-6"], { [none]: [-Infinity, 5.0], 1: [-Infinity, 5.0], "{inr}": [-Infinity, 5.0] }],
  [["2744-1"], { [none]: [7.2, 7.6], "[ph]": [7.2, 7.6] }],
  [["2019-8"], { mmhg: [20, 70] }],
  [["2703-7"], { mmhg: [50, Infinity] }],
  [["10535-3"], { "ng/ml": [-Infinity, 2.0] }],
  [["4049-3"], { "ug/ml": [-Infinity, 20] }],
];
const SYNONYMS = { "meq/l": mmoll, "10^3/ul": count, "10e3/ul": count, "k/ul": count, "thousand/ul": count, "x10^3/ul": count, "mm[hg]": "mmhg", sec: "s" };

/** Which values of an Observation are critical, and on which side. */
function criticalSides(observation) {
  if (!isAny([observation.status], "preliminary", "final", "amended", "corrected")) return [];
  return [observation, ...(observation.component ?? [])].flatMap((part, index) => {
    const side = sideOf(part);
    return side ? [`${index} ${side}`] : [];
  });
}

function sideOf({ code, valueQuantity: quantity, interpretation }) {
  const interpreted = codesOf(interpretation);
  if (isAny(interpreted, "HH", "H>")) return "high";
  if (isAny(interpreted, "LL", "L<")) return "low";
  if (isAny(interpreted, "AA")) return "abnormal";
  if (quantity?.value === undefined) return undefined;
  const units = CRITICAL.find(([codes]) => isAny(codesOf(code), ...codes))?.[1] ?? {};
  const spelled = [quantity.code, quantity.unit].filter((unit) => unit !== undefined).map((unit) => unit.toLowerCase()).map((unit) => SYNONYMS[unit] ?? unit);
  const unit = spelled.length === 0 ? none : spelled.find((known) => known in units);
  if (!(unit in units)) return undefined;
  const [low, high] = units[unit];
  const { value, comparator = "" } = quantity;
  if (value > high || (comparator.startsWith(">") && value >= high)) return "high";
  if (value < low || (comparator.startsWith("<") && value <= low)) return "low";
  return undefined;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(expectedCounts(process.argv.slice(2)), undefined, 2));
}
