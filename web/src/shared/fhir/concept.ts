/** CodeableConcept and Coding: what they say, and how to write one. */
import type { Json } from "../chartroom";
import { asList, asObject, asText } from "./read";

/** One code of a code system. */
export interface Coding {
  system: string;
  code: string;
  display: string;
}

/** What a CodeableConcept says to a person: its text, else a display, else a code, else nothing. */
export function conceptText(value: unknown): string {
  const bare = asText(value);
  if (bare) return bare;
  const concept = asObject(value);
  if (!concept) return "";
  const codings = asList(concept["coding"]).map(asObject);
  return (
    asText(concept["text"]) ??
    first(codings, "display") ??
    first(codings, "code") ??
    asText(concept["display"]) ??
    asText(concept["code"]) ??
    ""
  );
}

/** The first code of a CodeableConcept that has one. */
export function conceptCode(value: unknown): string | undefined {
  const concept = asObject(value);
  if (!concept) return asText(value);
  return first(asList(concept["coding"]).map(asObject), "code");
}

/** The codings that have a system and a code. */
export function codingsOf(value: unknown): Coding[] {
  return asList(asObject(value)?.["coding"]).flatMap((item) => {
    const coding = asObject(item);
    const system = asText(coding?.["system"]);
    const code = asText(coding?.["code"]);
    return system && code ? [{ system, code, display: asText(coding?.["display"]) ?? "" }] : [];
  });
}

/** A CodeableConcept of one code of a fixed system, as FHIR's status elements want it. */
export function codedConcept(system: string, code: string, display?: string): Json {
  return { coding: [display ? { system, code, display } : { system, code }] };
}

/** A CodeableConcept of a person's own words, with a coding where the words are a known one's. */
export function textConcept(text: string, coding: Coding | undefined): Json {
  return coding ? { coding: [{ ...coding }], text } : { text };
}

/** The short name of a code system that clinicians know. */
export function systemName(system: string): string {
  return SYSTEMS[system] ?? "Code";
}

function first(
  codings: readonly (Record<string, unknown> | undefined)[],
  field: string,
): string | undefined {
  for (const coding of codings) {
    const text = asText(coding?.[field]);
    if (text) return text;
  }
  return undefined;
}

const SYSTEMS: Record<string, string> = {
  "http://snomed.info/sct": "SNOMED CT",
  "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
  "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
  "http://hl7.org/fhir/sid/icd-10": "ICD-10",
  "http://loinc.org": "LOINC",
};
