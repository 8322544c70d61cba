import { expect, it } from "vitest";
import type { Resource } from "../shared/chartroom";
import { textConcept } from "../shared/fhir/concept";
import { cautions } from "./cautions";

const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const drug = (text: string, code?: string) => ({ text, concept: textConcept(text, code ? { system: RXNORM, code, display: text } : undefined) });
const order = (text: string, status: string, code?: string): Resource => ({ resourceType: "MedicationRequest", id: text, status, medicationCodeableConcept: drug(text, code).concept });
const allergy = (text: string, more: object = {}): Resource => ({ resourceType: "AllergyIntolerance", id: text, code: { text }, ...more });

function warned(text: string, resources: readonly Resource[], code?: string, id?: string) {
  return cautions({ list: ((type: string) => resources.filter(({ resourceType }) => resourceType === type)) as never }, drug(text, code), id);
}

it.each([
  ["the same drug in another strength", "Aspirin 325 MG Oral Tablet", order("Aspirin 81 MG Oral Tablet", "active"), "Ordered already: Aspirin 81 MG Oral Tablet."],
  ["the same code under other words", "ASS 100", order("Aspirin 81 MG Oral Tablet", "active", "243670"), "Ordered already: Aspirin 81 MG Oral Tablet."],
  ["what is on hold", "apixaban 5 MG", order("Apixaban 2.5 MG Oral Tablet", "on-hold"), "Ordered already, on hold: Apixaban 2.5 MG Oral Tablet."],
  ["an allergy by its words", "Penicillin V Potassium 250 MG Oral Tablet", allergy("Allergy to penicillin", { criticality: "high" }), "Allergy recorded: Allergy to penicillin (high criticality)."],
])("warns of %s", (_, text, resource, warning) => {
  expect(warned(text, [resource], text === "ASS 100" ? "243670" : undefined)).toEqual([warning]);
});

it.each([
  ["another drug", "Simvastatin 10 MG Oral Tablet", order("Aspirin 81 MG Oral Tablet", "active")],
  ["what was stopped", "Aspirin 81 MG Oral Tablet", order("Aspirin 81 MG Oral Tablet", "stopped")],
  ["a refuted allergy", "Aspirin 81 MG", allergy("Aspirin", { verificationStatus: { coding: [{ code: "refuted" }] } })],
  ["an allergy without words", "Aspirin 81 MG", allergy("")],
  ["a drug without a name", "", allergy("Aspirin")],
])("does not warn of %s", (_, text, resource) => {
  expect(warned(text, [resource])).toEqual([]);
});

it("does not warn of the order itself", () => {
  expect(warned("Aspirin 81 MG", [order("Aspirin 81 MG", "active")], undefined, "Aspirin 81 MG")).toEqual([]);
});
