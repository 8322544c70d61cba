/** Which elements of which resources are events on the timeline. */
import { hasCategory, isCritical, observationValue, observedAt } from "../shared/fhir/observation";
import type { Resource } from "../shared/chartroom";
import { conceptText } from "../shared/fhir/concept";
import { dosageText } from "../shared/fhir/dosage";
import { asList, asObject, asObjects, asText } from "../shared/fhir/read";
import type { Kind } from "./kinds";
import { clinicalTime, withinDay } from "./time";

/** One event of a resource, before its time is read. */
export interface Told {
  readonly kind: Kind;
  /** What happened: `Began`, `Given`. */
  readonly what: string;
  readonly time: unknown;
  readonly label?: string | undefined;
  readonly detail?: string | undefined;
}

type Rule = (resource: Resource) => readonly Told[];

/** The beginning and the end of a stretch; one event where both are on one day. */
function stretch(kind: Kind, value: unknown, began: string, over: string, detail = ""): readonly Told[] {
  const { start, end } = asObject(value) ?? {};
  const isOneDay = end !== undefined && asText(start)?.slice(0, 10) === asText(end)?.slice(0, 10);
  const until = isOneDay ? withinDay(clinicalTime(end)) : "";
  return [
    ...(start === undefined ? [] : [{ kind, what: began, time: start, detail: joined(detail, until && `until ${until}`) }]),
    ...(end === undefined || isOneDay ? [] : [{ kind, what: over, time: end }]),
  ];
}

function period(value: unknown, which: "start" | "end" = "start"): unknown {
  return asObject(value)?.[which];
}

function display(value: unknown): string {
  return asText(asObject(value)?.["display"]) ?? "";
}

function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter(Boolean).join(" · ");
}

function concepts(value: unknown): string {
  return asList(value).map(conceptText).filter(Boolean).join(", ");
}

function noteLabel(resource: Resource): string | undefined {
  return asText(resource["title"]) ?? asText(resource["description"]) ?? (conceptText(resource["type"]) || undefined);
}

function isUpload(resource: Resource): boolean {
  const types = asObjects(resource["content"]).flatMap((one) => asText(asObject(one["attachment"])?.["contentType"]) ?? []);
  return types.length > 0 && !types.some((type) => type.startsWith("text/"));
}

const IMAGING = ["imaging", "RAD", "LP29684-5", "CT", "NMR", "NMS", "RUS", "RX", "VUS", "XRC"];
const LABORATORY = ["laboratory", "LAB", "LP29693-6", "CH", "HM", "MB", "MCB", "SR", "TX", "VR"];

function observationKind(resource: Resource): Kind {
  if (isCritical(resource)) return "critical";
  if (hasCategory(resource, "vital-signs")) return "vital";
  return LABORATORY.some((code) => hasCategory(resource, code)) ? "result" : "observation";
}

/** Types of resources whose events are told. */
export const RULES: Readonly<Record<string, Rule>> = {
  Patient: (one) => [
    { kind: "life", what: "Born", time: one["birthDate"], label: "Birth" },
    { kind: "life", what: "Died", time: one["deceasedDateTime"], label: "Death" },
  ],
  Encounter: (one) => {
    const label = concepts(one["type"]) || conceptText(one["class"]) || "Encounter";
    const places = asObjects(one["location"]).map((at) => display(at["location"]));
    const told = stretch("encounter", one["period"], "Began", "Ended", joined(concepts(one["reasonCode"]), ...places));
    return told.map((event) => ({ ...event, label }));
  },
  Appointment: (one) => [{ kind: "encounter", what: "Appointment", time: one["start"], label: asText(one["description"]) ?? concepts(one["serviceType"]) }],
  Condition: (one) => [
    { kind: "problem", what: "Began", time: one["onsetDateTime"] ?? period(one["onsetPeriod"]) ?? one["recordedDate"] },
    { kind: "problem", what: "Resolved", time: one["abatementDateTime"] ?? period(one["abatementPeriod"]) ?? period(one["onsetPeriod"], "end") },
  ],
  AllergyIntolerance: (one) => [{ kind: "allergy", what: "Recorded", time: one["recordedDate"] ?? one["onsetDateTime"] }],
  MedicationRequest: (one) => [
    { kind: "medication", what: one["status"] === "draft" ? "Drafted" : "Prescribed", time: one["authoredOn"], detail: dosageText(one) },
    { kind: "medication", what: "Ends", time: period(asObject(asObject(one["dispenseRequest"])?.["validityPeriod"]), "end") },
  ],
  MedicationStatement: (one) => [
    { kind: "medication", what: "Taken", time: one["effectiveDateTime"], detail: dosageText({ dosageInstruction: one["dosage"] }) },
    ...stretch("medication", one["effectivePeriod"], "Taken from", "Taken until"),
  ],
  MedicationDispense: (one) => [{ kind: "dose", what: "Dispensed", time: one["whenHandedOver"] ?? one["whenPrepared"], detail: quantity(one["quantity"]) }],
  MedicationAdministration: (one) => [
    { kind: "dose", what: "Given", time: one["effectiveDateTime"] ?? period(one["effectivePeriod"]), detail: quantity(asObject(one["dosage"])?.["dose"]) },
  ],
  ServiceRequest: (one) => [{ kind: "order", what: one["status"] === "draft" ? "Drafted" : "Ordered", time: one["authoredOn"] ?? one["occurrenceDateTime"], detail: concepts(one["reasonCode"]) }],
  DeviceRequest: (one) => [{ kind: "order", what: "Ordered", time: one["authoredOn"], label: conceptText(one["codeCodeableConcept"]) }],
  NutritionOrder: (one) => [{ kind: "order", what: "Ordered", time: one["dateTime"], label: concepts(asObject(one["oralDiet"])?.["type"]) || "Diet" }],
  Specimen: (one) => [{ kind: "result", what: "Collected", time: asObject(one["collection"])?.["collectedDateTime"], label: conceptText(one["type"]) || "Specimen" }],
  Observation: (one) => [{ kind: observationKind(one), what: "Measured", time: observedAt(one), detail: observationValue(one) }],
  RiskAssessment: (one) => [{ kind: "observation", what: "Assessed", time: one["occurrenceDateTime"] }],
  FamilyMemberHistory: (one) => [{ kind: "observation", what: "Recorded", time: one["date"], label: joined("Family history", conceptText(one["relationship"])) }],
  DiagnosticReport: (one) => {
    const isImaging = IMAGING.some((code) => hasCategory(one, code));
    const time = one["effectiveDateTime"] ?? period(one["effectivePeriod"]) ?? one["issued"];
    return [{ kind: isImaging ? "imaging" : "report", what: one["status"] === "final" ? "Reported" : "Report begun", time, detail: asText(one["conclusion"]) }];
  },
  ImagingStudy: (one) => [
    { kind: "imaging", what: "Taken", time: one["started"], label: asText(one["description"]) ?? (concepts(one["procedureCode"]) || concepts(one["modality"]) || "Imaging study"), detail: concepts(one["modality"]) },
  ],
  Media: (one) => [{ kind: "imaging", what: "Taken", time: one["createdDateTime"] ?? one["issued"], label: asText(asObject(one["content"])?.["title"]) ?? "Picture" }],
  Procedure: (one) => [{ kind: "procedure", what: "Done", time: one["performedDateTime"] ?? period(one["performedPeriod"]), detail: concepts(one["reasonCode"]) }],
  Immunization: (one) => [{ kind: "immunization", what: "Given", time: one["occurrenceDateTime"] }],
  DocumentReference: (one) => [{ kind: "note", what: isUpload(one) ? "Uploaded" : "Written", time: one["date"], label: noteLabel(one) ?? "Note" }],
  Composition: (one) => [{ kind: "note", what: "Written", time: one["date"], label: noteLabel(one) ?? "Note" }],
  ClinicalImpression: (one) => [{ kind: "note", what: "Assessed", time: one["date"] ?? one["effectiveDateTime"], label: asText(one["description"]) ?? "Clinical impression", detail: asText(one["summary"]) }],
  Consent: (one) => [{ kind: "note", what: "Given", time: one["dateTime"], label: concepts(one["category"]) || "Consent" }],
  CarePlan: (one) => {
    const label = asText(one["title"]) ?? (concepts(one["category"]) || "Care plan");
    return stretch("plan", one["period"], "Began", "Ended").map((event) => ({ ...event, label }));
  },
  CareTeam: (one) => stretch("plan", one["period"], "Began", "Ended").map((event) => ({ ...event, label: asText(one["name"]) ?? "Care team" })),
  Goal: (one) => [
    { kind: "plan", what: "Set", time: one["startDate"], label: conceptText(one["description"]) || "Goal" },
    ...(conceptText(one["achievementStatus"]).toLowerCase() === "achieved" ? [{ kind: "plan" as const, what: "Achieved", time: one["statusDate"], label: conceptText(one["description"]) || "Goal" }] : []),
  ],
  Flag: (one) => stretch("message", one["period"], "Raised", "Ended"),
  Communication: (one) => [{ kind: "message", what: "Sent", time: one["sent"], label: asText(asObject(asList(one["payload"])[0])?.["contentString"]) ?? (concepts(one["category"]) || "Message"), detail: display(one["sender"]) }],
};

function quantity(value: unknown): string {
  const said = asObject(value);
  return [asText(said?.["value"]), asText(said?.["unit"]) ?? asText(said?.["code"])].filter(Boolean).join(" ");
}
