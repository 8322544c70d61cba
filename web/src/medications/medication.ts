/** MedicationRequest between FHIR and its form. */
import type { Json, Resource } from "../shared/chartroom";
import { conceptCode } from "../shared/fhir/concept";
import { dosageFreeText, dosageText, drugText, withDosage } from "../shared/fhir/dosage";
import { codeWord } from "../shared/fhir/words";
import { type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "../shared/panel/CodedText";
import type { Making } from "../shared/panel/definition";

export interface MedicationValues extends Record<string, unknown> {
  drug: CodedTextValue;
  dosage: string;
  status: string;
  intent: string;
}

export const STATUS = ["active", "on-hold", "draft", "completed", "stopped", "cancelled", "entered-in-error", "unknown"];
export const INTENT = [
  "order",
  "plan",
  "proposal",
  "original-order",
  "reflex-order",
  "filler-order",
  "instance-order",
  "option",
];

const ENDED = new Set(["completed", "stopped", "cancelled", "entered-in-error"]);

/** A new prescription as the form begins with it. */
export function blankMedication(): MedicationValues {
  return { drug: NO_TEXT, dosage: "", status: "active", intent: "order" };
}

export function readMedication(resource: Resource): MedicationValues {
  const concept = resource["medicationCodeableConcept"];
  return {
    drug: concept ? codedTextOf(concept) : { text: drugText(resource), concept: null },
    dosage: dosageFreeText(resource),
    status: conceptCode(resource["status"]) ?? "",
    intent: conceptCode(resource["intent"]) ?? "",
  };
}

export function validateMedication(
  values: MedicationValues,
): Partial<Record<keyof MedicationValues & string, string>> {
  const problems: Partial<Record<string, string>> = {};
  if (values.drug.text.trim() === "") problems["drug"] = "Name the drug.";
  if (values.status === "") problems["status"] = "Say whether the medication is active.";
  if (values.intent === "") problems["intent"] = "Say whether this is an order, a plan or a proposal.";
  return problems as Partial<Record<keyof MedicationValues & string, string>>;
}

/** The elements of the changed fields. */
export function medicationElements(
  values: MedicationValues,
  changed: ReadonlySet<string>,
  before: Resource | undefined,
): Record<string, Json> {
  const elements: Record<string, Json> = {};
  if (changed.has("drug")) {
    elements["medicationCodeableConcept"] = conceptOf(values.drug);
    if (before?.["medicationReference"] !== undefined) elements["medicationReference"] = null;
  }
  if (changed.has("dosage")) elements["dosageInstruction"] = withDosage(before, values.dosage);
  if (changed.has("status")) elements["status"] = values.status;
  if (changed.has("intent")) elements["intent"] = values.intent;
  return elements;
}

export function medicationFrame({ patientId, person, now }: Making): Record<string, Json> {
  return {
    subject: { reference: `Patient/${patientId}` },
    authoredOn: now.toISOString(),
    requester: { display: person.name },
  };
}

/** No longer to be taken. */
export function isPastMedication(resource: Resource): boolean {
  return ENDED.has(conceptCode(resource["status"]) ?? "");
}

/** The dosage where it is recorded in parts and not as text, which the form cannot show. */
export function structuredDosage(resource: Resource | undefined): string | undefined {
  if (!resource || dosageFreeText(resource) !== "") return undefined;
  return dosageText(resource) || undefined;
}

/** A field of the form in words. */
export function showMedication(field: keyof MedicationValues & string, values: MedicationValues): string {
  if (field === "drug") return values.drug.text;
  return field === "dosage" ? values.dosage : codeWord(values[field]);
}
