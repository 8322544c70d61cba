/** The kinds of note and of document, by LOINC code, and the headings that a note of each begins with. */
import type { Coding } from "../shared/fhir/concept";

export interface Kind extends Coding {
  /** What a clinician calls it. */
  readonly label: string;
  /** What a new note begins with. */
  readonly headings: readonly string[];
}

const LOINC = "http://loinc.org";

export const NOTE_KINDS: readonly Kind[] = [
  kind("11506-3", "Progress note", "Progress note", "Subjective", "Objective", "Assessment", "Plan"),
  kind("34117-2", "History and physical note", "Admission note", "Reason for admission", "History", "Examination", "Assessment", "Plan"),
  kind("18842-5", "Discharge summary", "Discharge summary", "Course in hospital", "Condition at discharge", "Medications at discharge", "Follow-up"),
  kind("11488-4", "Consult note", "Consult note", "Question", "Findings", "Impression", "Recommendations"),
  kind("28570-0", "Procedure note", "Procedure note", "Indication", "Procedure", "Findings", "Complications", "Plan"),
];

export const ADDENDUM = kind("55107-7", "Addendum Document", "Addendum");

export const DOCUMENT_KINDS: readonly Kind[] = [
  kind("11503-0", "Medical records", "Outside record"),
  kind("57133-1", "Referral note", "Referral letter"),
  kind("59284-0", "Consent Document", "Consent form"),
  kind("72170-4", "Photographic image", "Photograph"),
];

/** The kind with this code, where it is one of these. */
export function kindOf(code: string | undefined): Kind | undefined {
  return [...NOTE_KINDS, ...DOCUMENT_KINDS, ADDENDUM].find((one) => one.code === code);
}

/** The text that a new note of a kind begins with. */
export function template({ headings }: Kind): string {
  return headings.map((heading) => `${heading}:\n`).join("\n");
}

/** Whether there is nothing in a text but headings. */
export function isBlank(text: string): boolean {
  return text.split("\n").every((line) => line.trim() === "" || HEADINGS.has(line.trim()));
}

function kind(code: string, display: string, label: string, ...headings: string[]): Kind {
  return { system: LOINC, code, display, label, headings };
}

const HEADINGS = new Set(NOTE_KINDS.flatMap(({ headings }) => headings.map((heading) => `${heading}:`)));
