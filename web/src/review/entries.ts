/** Immunizations, procedures, encounters and care plans. */
import type { Coding } from "../shared/fhir/concept";
import { conceptText } from "../shared/fhir/concept";
import { formatDate } from "../shared/fhir/date";
import { asList, asObject, asObjects, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { codedEntry } from "../shared/panel/codedEntry";
import { readOnly } from "../shared/panel/definition";

export const IMMUNIZATIONS = codedEntry({
  type: "Immunization",
  title: "Immunizations",
  noun: "immunization",
  column: "Vaccine",
  pastTitle: "Not given or entered in error",
  emptyText: "No immunizations recorded.",
  detail: (resource) => {
    const lot = asText(resource["lotNumber"]);
    return [conceptText(resource["statusReason"]), lot && `Lot ${lot}`, conceptText(resource["site"])].filter(Boolean).join(" · ");
  },
  name: { element: "vaccineCode", label: "Vaccine", placeholder: "Vaccine or product", suggestions: vaccines() },
  when: { element: "occurrenceDateTime", others: ["occurrenceString"], label: "Given on" },
  statuses: ["completed", "not-done", "entered-in-error"],
  void: ["not-done", "entered-in-error"],
  patient: "patient",
});

export const PROCEDURES = codedEntry({
  type: "Procedure",
  title: "Procedures",
  noun: "procedure",
  column: "Procedure",
  pastTitle: "Not done or entered in error",
  emptyText: "No procedures recorded.",
  detail: (resource) => {
    const reasons = asList(resource["reasonCode"]).map(conceptText);
    return [asList(resource["bodySite"]).map(conceptText).join(", "), reasons.length > 0 ? `for ${reasons.join(", ")}` : ""].filter(Boolean).join(" · ");
  },
  name: { element: "code", label: "Procedure", placeholder: "What was done", suggestions: [] },
  when: { element: "performedDateTime", others: ["performedPeriod", "performedString", "performedAge", "performedRange"], label: "Done on" },
  statuses: ["preparation", "in-progress", "on-hold", "completed", "stopped", "not-done", "entered-in-error"],
  void: ["not-done", "entered-in-error"],
  patient: "subject",
});

const ENCOUNTER_OVER = new Set(["finished", "cancelled", "entered-in-error"]);

export const ENCOUNTERS = readOnly({
  type: "Encounter",
  title: "Encounters",
  noun: "encounter",
  column: "Encounter",
  pastTitle: "Past encounters",
  emptyText: "The patient is in no encounter now.",
  label: (resource) => asList(resource["type"]).map(conceptText).find(Boolean) || conceptText(resource["class"]) || "Encounter",
  detail: (resource) => {
    const people = asObjects(resource["participant"]).flatMap((one) => asText(asObject(one["individual"])?.["display"]) ?? []);
    const places = asObjects(resource["location"]).flatMap((one) => asText(asObject(one["location"])?.["display"]) ?? []);
    const reasons = asList(resource["reasonCode"]).map(conceptText).filter(Boolean);
    const end = formatDate(asObject(resource["period"])?.["end"]);
    return [reasons.length > 0 && `for ${reasons.join(", ")}`, places.join(", "), people.join(", "), end && `until ${end}`].filter(Boolean).join(" · ");
  },
  badge: (resource) => {
    const status = asText(resource["status"]) ?? "";
    return { text: codeWord(status) || "Not stated", tone: ENCOUNTER_OVER.has(status) ? "quiet" : "active" };
  },
  isPast: (resource) => ENCOUNTER_OVER.has(asText(resource["status"]) ?? ""),
  date: (resource) => asText(asObject(resource["period"])?.["start"]) ?? "",
});

const PLAN_OVER = new Set(["completed", "revoked", "entered-in-error"]);

export const CARE_PLANS = readOnly({
  type: "CarePlan",
  title: "Care plans",
  noun: "care plan",
  column: "Plan and what it asks for",
  pastTitle: "Past care plans",
  emptyText: "No care plans in force.",
  label: (resource) => asText(resource["title"]) || asList(resource["category"]).map(conceptText).filter(Boolean).at(-1) || "Care plan",
  detail: (resource) => {
    const acts = asObjects(resource["activity"]).flatMap((one) => conceptText(asObject(one["detail"])?.["code"]) || []);
    return [asText(resource["description"]), acts.join(", ")].filter(Boolean).join(" · ");
  },
  badge: (resource) => {
    const status = asText(resource["status"]) ?? "";
    return { text: codeWord(status) || "Not stated", tone: PLAN_OVER.has(status) ? "quiet" : status === "active" ? "active" : "alert" };
  },
  isPast: (resource) => PLAN_OVER.has(asText(resource["status"]) ?? ""),
  date: (resource) => asText(asObject(resource["period"])?.["start"]) ?? asText(resource["created"]) ?? "",
});

/** Vaccines offered while typing, in CVX; any other words may be typed. */
function vaccines(): readonly Coding[] {
  const names: readonly (readonly [code: string, display: string])[] = [
    ["03", "MMR"],
    ["20", "DTaP"],
    ["21", "varicella"],
    ["115", "Tdap"],
    ["121", "zoster"],
    ["140", "Influenza, seasonal, injectable, preservative free"],
  ];
  return names.map(([code, display]) => ({ system: "http://hl7.org/fhir/sid/cvx", code, display }));
}
