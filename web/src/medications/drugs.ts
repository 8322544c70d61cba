/** Drugs offered while typing, in RxNorm; any other words may be typed. */
import type { Coding } from "../shared/fhir/concept";

const NAMES: readonly (readonly [code: string, display: string])[] = [
  ["313782", "Acetaminophen 325 MG Oral Tablet"],
  ["308136", "Amlodipine 2.5 MG Oral Tablet"],
  ["562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet"],
  ["308182", "Amoxicillin 250 MG Oral Capsule"],
  ["243670", "Aspirin 81 MG Oral Tablet"],
  ["310965", "Ibuprofen 200 MG Oral Tablet"],
  ["314076", "Lisinopril 10 MG Oral Tablet"],
  ["834061", "Penicillin V Potassium 250 MG Oral Tablet"],
  ["314231", "Simvastatin 10 MG Oral Tablet"],
];

export const DRUGS: readonly Coding[] = NAMES.map(([code, display]) => ({
  system: "http://www.nlm.nih.gov/research/umls/rxnorm",
  code,
  display,
}));
