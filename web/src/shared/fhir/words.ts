/** Names of elements and of the codes of FHIR's own value sets, as a clinician reads them. */
import { capital } from "../capital";
import { conceptCode, conceptText } from "./concept";
import { formatDate } from "./date";
import { dosageText } from "./dosage";
import { asList, asObject, asText } from "./read";
import { reactionText } from "./reaction";

/** A status or other coded value in words. */
export function codeWord(value: unknown): string {
  const code = conceptCode(value);
  return (code && WORDS[code]) || capital((conceptText(value) || code || "").replaceAll("-", " "));
}

/** What an element of a resource is called on the page. */
export function elementName(resourceType: string, element: string): string {
  const own = NAMES[`${resourceType}.${element}`] ?? NAMES[element];
  return own ?? capital(element.replace(/([A-Z])/g, " $1").toLowerCase());
}

/** Any element's value in words; for a shape that nobody foresaw, its JSON. */
export function valueText(element: string, value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "boolean") return value ? "yes" : "no";
  // A side of a conflict may be one item of a list.
  const items = Array.isArray(value) ? value : [value];
  if (element === "dosageInstruction") return dosageText({ dosageInstruction: items }) || json(value);
  if (element === "reaction") return reactionText({ reaction: items }) || json(value);
  const plain = asText(value);
  if (plain) return WORDS[plain] ?? formatDate(plain);
  if (Array.isArray(value)) return value.map((item) => valueText(element, item)).join(", ") || "nothing";
  const object = asObject(value);
  const note = asText(object?.["text"]);
  if (object?.["coding"]) return codeWord(value) || json(value);
  return note ?? asText(object?.["display"]) ?? asText(object?.["reference"]) ?? json(value);
}

/** The text of all notes of a resource. */
export function noteText(resource: Record<string, unknown>): string {
  return asList(resource["note"])
    .flatMap((note) => asText(asObject(note)?.["text"]) ?? [])
    .join(" ");
}

function json(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

const WORDS: Record<string, string> = {
  active: "Active",
  recurrence: "Recurrence",
  relapse: "Relapse",
  inactive: "Inactive",
  remission: "Remission",
  resolved: "Resolved",
  unconfirmed: "Unconfirmed",
  provisional: "Provisional",
  differential: "Differential",
  confirmed: "Confirmed",
  refuted: "Refuted",
  "entered-in-error": "Entered in error",
  draft: "Draft",
  "on-hold": "On hold",
  stopped: "Stopped",
  cancelled: "Cancelled",
  completed: "Completed",
  unknown: "Unknown",
  revoked: "Cancelled",
  routine: "Routine",
  urgent: "Urgent",
  asap: "As soon as possible",
  stat: "STAT",
  low: "Low",
  high: "High",
  "unable-to-assess": "Unable to assess",
  food: "Food",
  medication: "Medication",
  environment: "Environment",
  biologic: "Biologic",
};

const NAMES: Record<string, string> = {
  "ServiceRequest.code": "Order",
  valueQuantity: "Value",
  reasonCode: "Reason",
  bodySite: "Body site",
  "AllergyIntolerance.code": "Substance",
  "Condition.code": "Problem",
  medicationCodeableConcept: "Drug",
  medicationReference: "Drug",
  dosageInstruction: "Dosage",
  onsetDateTime: "Onset",
  abatementDateTime: "Resolved on",
  "MedicationRequest.subject": "Patient",
};
