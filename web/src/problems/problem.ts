/** Condition between FHIR and its form. */
import type { Json, Resource } from "../shared/chartroom";
import { codedConcept, conceptCode } from "../shared/fhir/concept";
import { datePart, dateProblem, onsetText, today } from "../shared/fhir/date";
import { asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "../shared/panel/CodedText";
import type { Making } from "../shared/panel/definition";

export interface ProblemValues extends Record<string, unknown> {
  problem: CodedTextValue;
  clinicalStatus: string;
  verificationStatus: string;
  onset: string;
  abatement: string;
}

export const CLINICAL = ["active", "recurrence", "relapse", "inactive", "remission", "resolved"];
export const VERIFICATION = ["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"];

const CLINICAL_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-category";
const ENDED = new Set(["inactive", "remission", "resolved"]);
const ONSETS = ["onsetDateTime", "onsetAge", "onsetPeriod", "onsetRange", "onsetString"];
const ABATEMENTS = ["abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString"];

/** A new problem as the form begins with it. */
export function blankProblem(): ProblemValues {
  return { problem: NO_TEXT, clinicalStatus: "active", verificationStatus: "confirmed", onset: "", abatement: "" };
}

export function readProblem(resource: Resource): ProblemValues {
  return {
    problem: codedTextOf(resource["code"]),
    clinicalStatus: conceptCode(resource["clinicalStatus"]) ?? "",
    verificationStatus: conceptCode(resource["verificationStatus"]) ?? "",
    onset: datePart(resource["onsetDateTime"]),
    abatement: datePart(resource["abatementDateTime"]),
  };
}

/** Whether the clinical status says that the problem is over, so that it may have an end. */
export function isOver(clinicalStatus: string): boolean {
  return ENDED.has(clinicalStatus);
}

export function validateProblem(values: ProblemValues, now: Date): Partial<Record<keyof ProblemValues & string, string>> {
  const problems: Partial<Record<string, string>> = {};
  if (values.problem.text.trim() === "") problems["problem"] = "Name the problem.";
  if (values.clinicalStatus === "" && values.verificationStatus !== "entered-in-error") {
    problems["clinicalStatus"] = "Say whether the problem is active.";
  }
  const onset = dateProblem(values.onset, now);
  if (onset) problems["onset"] = onset;
  if (isOver(values.clinicalStatus)) {
    const abatement = dateProblem(values.abatement, now);
    if (abatement) problems["abatement"] = abatement;
    else if (!onset && endsBefore(values.abatement, values.onset)) {
      problems["abatement"] = "The problem cannot end before its onset.";
    }
  }
  return problems as Partial<Record<keyof ProblemValues & string, string>>;
}

/**
 * The elements of the changed fields. An entry made in error carries no clinical status (rule con-5),
 * a problem that is not over has no end (rule con-4), and one variant of a choice ousts the others.
 */
export function problemElements(
  values: ProblemValues,
  changed: ReadonlySet<string>,
  before: Resource | undefined,
): Record<string, Json> {
  const elements: Record<string, Json> = {};
  const voided = values.verificationStatus === "entered-in-error";
  if (changed.has("problem")) elements["code"] = conceptOf(values.problem);
  if (changed.has("clinicalStatus") || (changed.has("verificationStatus") && voided)) {
    elements["clinicalStatus"] =
      voided || !values.clinicalStatus ? null : codedConcept(CLINICAL_SYSTEM, values.clinicalStatus);
  } else if (changed.has("verificationStatus") && values.clinicalStatus && !before?.["clinicalStatus"]) {
    elements["clinicalStatus"] = codedConcept(CLINICAL_SYSTEM, values.clinicalStatus);
  }
  if (changed.has("verificationStatus")) {
    elements["verificationStatus"] = values.verificationStatus
      ? codedConcept(VERIFICATION_SYSTEM, values.verificationStatus)
      : null;
  }
  if (changed.has("onset")) writeChoice(elements, before, ONSETS, values.onset);
  const over = isOver(values.clinicalStatus);
  if (changed.has("clinicalStatus") && !over) writeChoice(elements, before, ABATEMENTS, "");
  else if (changed.has("abatement") && over) writeChoice(elements, before, ABATEMENTS, values.abatement);
  return elements;
}

export function problemFrame({ patientId, person, now }: Making): Record<string, Json> {
  return {
    category: [codedConcept(CATEGORY_SYSTEM, "problem-list-item", "Problem List Item")],
    subject: { reference: `Patient/${patientId}` },
    recordedDate: today(now),
    recorder: { display: person.name },
  };
}

/** Over, refuted or entered in error. */
export function isPastProblem(resource: Resource): boolean {
  const verification = conceptCode(resource["verificationStatus"]);
  return (
    isOver(conceptCode(resource["clinicalStatus"]) ?? "") ||
    verification === "refuted" ||
    verification === "entered-in-error"
  );
}

/** The onset where it is recorded otherwise than as a date, which the form cannot show. */
export function otherOnset(resource: Resource | undefined): string | undefined {
  if (!resource || asText(resource["onsetDateTime"])) return undefined;
  return onsetText(resource) || undefined;
}

/** A field of the form in words. */
export function showProblem(field: keyof ProblemValues & string, values: ProblemValues): string {
  if (field === "problem") return values.problem.text;
  return field === "onset" || field === "abatement" ? values[field] : codeWord(values[field]);
}

/** Writes the date variant of a choice element and removes whichever other variant stands. */
function writeChoice(
  elements: Record<string, Json>,
  before: Resource | undefined,
  variants: readonly string[],
  date: string,
): void {
  for (const variant of variants) {
    if (before?.[variant] !== undefined) elements[variant] = null;
  }
  const [dateVariant] = variants;
  if (dateVariant && date.trim() !== "") elements[dateVariant] = date.trim();
}

/** Whether a partial date lies before another, as far as both are known. */
function endsBefore(end: string, start: string): boolean {
  const length = Math.min(end.trim().length, start.trim().length);
  return length > 0 && end.trim().slice(0, length) < start.trim().slice(0, length);
}
