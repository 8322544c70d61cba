/** What to know before a drug is ordered: it is ordered already, or the patient is allergic to it. */
import { isPastAllergy } from "../allergies/allergy";
import type { Resource, Room } from "../shared/chartroom";
import { codingsOf, conceptText } from "../shared/fhir/concept";
import { drugText } from "../shared/fhir/dosage";
import { asText } from "../shared/fhir/read";
import type { CodedTextValue } from "../shared/panel/CodedText";

/** Warnings in words, by code or by the same words; it knows nothing of classes of drugs. */
export function cautions(room: Pick<Room, "list">, drug: CodedTextValue, id: string | undefined): readonly string[] {
  const name = ingredient(drug.text);
  if (name === "") return [];
  const orders = room.list("MedicationRequest").filter((order) => order.id !== id && STANDS.has(asText(order["status"]) ?? "") && isSame(drug, order));
  const allergies = room.list("AllergyIntolerance").filter((allergy) => !isPastAllergy(allergy) && names(drug, allergy["code"]));
  return [
    ...allergies.map((allergy) => `Allergy recorded: ${conceptText(allergy["code"])}${allergy["criticality"] === "high" ? " (high criticality)" : ""}.`),
    ...orders.map((order) => `${order["status"] === "on-hold" ? "Ordered already, on hold" : "Ordered already"}: ${drugText(order)}.`),
  ];
}

const STANDS = new Set(["active", "on-hold"]);

function isSame(drug: CodedTextValue, order: Resource): boolean {
  return sharesCode(drug.concept, order["medicationCodeableConcept"]) || ingredient(drug.text) === ingredient(drugText(order));
}

function names(drug: CodedTextValue, substance: unknown): boolean {
  if (sharesCode(drug.concept, substance)) return true;
  const sought = words(conceptText(substance).replace(/^(allergy|intolerance|allergic reaction) to /i, ""));
  const there = new Set(words(drug.text));
  return sought.length > 0 && sought.every((word) => there.has(word));
}

function sharesCode(a: unknown, b: unknown): boolean {
  const there = new Set(codingsOf(b).map(({ system, code }) => `${system}|${code}`));
  return codingsOf(a).some(({ system, code }) => there.has(`${system}|${code}`));
}

/** The words before the strength: "24 HR metoprolol succinate 100 MG" is "metoprolol succinate". */
function ingredient(text: string): string {
  return text.toLowerCase().replace(/^\d+ hr /, "").split(/\s\d/)[0]?.trim() ?? "";
}

function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
