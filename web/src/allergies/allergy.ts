/** AllergyIntolerance between FHIR and its form. */
import type { Json, Resource } from "../shared/chartroom";
import { codedConcept, conceptCode } from "../shared/fhir/concept";
import { today } from "../shared/fhir/date";
import { firstReactionText, withFirstReaction } from "../shared/fhir/reaction";
import { asList, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "../shared/panel/CodedText";
import type { Making } from "../shared/panel/definition";

export interface AllergyValues extends Record<string, unknown> {
  substance: CodedTextValue;
  clinicalStatus: string;
  verificationStatus: string;
  criticality: string;
  category: string[];
  reaction: string;
}

export const CLINICAL = ["active", "inactive", "resolved"];
export const VERIFICATION = ["unconfirmed", "confirmed", "refuted", "entered-in-error"];
export const CRITICALITY = ["low", "high", "unable-to-assess"];
export const CATEGORY = ["food", "medication", "environment", "biologic"];

const CLINICAL_SYSTEM = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/** A new allergy as the form begins with it. */
export function blankAllergy(): AllergyValues {
  return {
    substance: NO_TEXT,
    clinicalStatus: "active",
    verificationStatus: "unconfirmed",
    criticality: "",
    category: [],
    reaction: "",
  };
}

export function readAllergy(resource: Resource): AllergyValues {
  return {
    substance: codedTextOf(resource["code"]),
    clinicalStatus: conceptCode(resource["clinicalStatus"]) ?? "",
    verificationStatus: conceptCode(resource["verificationStatus"]) ?? "",
    criticality: asText(resource["criticality"]) ?? "",
    category: asList(resource["category"]).flatMap((item) => asText(item) ?? []),
    reaction: firstReactionText(resource),
  };
}

export function validateAllergy(values: AllergyValues): Partial<Record<keyof AllergyValues & string, string>> {
  const problems: Partial<Record<string, string>> = {};
  if (values.substance.text.trim() === "") problems["substance"] = "Name the substance the patient reacts to.";
  if (values.clinicalStatus === "" && values.verificationStatus !== "entered-in-error") {
    problems["clinicalStatus"] = "Say whether the allergy is active.";
  }
  if (values.verificationStatus === "refuted" && values.clinicalStatus === "active") {
    problems["clinicalStatus"] = "A refuted allergy is not active: choose inactive or resolved.";
  }
  return problems as Partial<Record<keyof AllergyValues & string, string>>;
}

/** The elements of the changed fields. An entry made in error carries no clinical status (rule ait-2). */
export function allergyElements(
  values: AllergyValues,
  changed: ReadonlySet<string>,
  before: Resource | undefined,
): Record<string, Json> {
  const elements: Record<string, Json> = {};
  const voided = values.verificationStatus === "entered-in-error";
  if (changed.has("substance")) elements["code"] = conceptOf(values.substance);
  if (changed.has("clinicalStatus") || changed.has("verificationStatus")) {
    const status = voided || !values.clinicalStatus ? null : codedConcept(CLINICAL_SYSTEM, values.clinicalStatus);
    if (changed.has("clinicalStatus") || (status === null) !== (before?.["clinicalStatus"] === undefined)) {
      elements["clinicalStatus"] = status;
    }
  }
  if (changed.has("verificationStatus")) {
    elements["verificationStatus"] = values.verificationStatus
      ? codedConcept(VERIFICATION_SYSTEM, values.verificationStatus)
      : null;
  }
  if (changed.has("criticality")) elements["criticality"] = values.criticality || null;
  if (changed.has("category")) elements["category"] = values.category.length > 0 ? values.category : null;
  if (changed.has("reaction")) elements["reaction"] = withFirstReaction(before, values.reaction);
  return elements;
}

export function allergyFrame({ patientId, person, now }: Making): Record<string, Json> {
  return {
    type: "allergy",
    patient: { reference: `Patient/${patientId}` },
    recordedDate: today(now),
    recorder: { display: person.name },
  };
}

/** No longer to be heeded: inactive, resolved, refuted or entered in error. */
export function isPastAllergy(resource: Resource): boolean {
  const status = conceptCode(resource["clinicalStatus"]);
  const verification = conceptCode(resource["verificationStatus"]);
  return (
    status === "inactive" || status === "resolved" || verification === "refuted" || verification === "entered-in-error"
  );
}

/** A field of the form in words. */
export function showAllergy(field: keyof AllergyValues & string, values: AllergyValues): string {
  if (field === "substance") return values.substance.text;
  if (field === "reaction") return values.reaction;
  const value = values[field];
  return (Array.isArray(value) ? value : [value]).map(codeWord).filter(Boolean).join(", ");
}
