/** Drug and dosage of a MedicationRequest in words. */
import type { Json } from "../chartroom";
import { conceptText } from "./concept";
import { asList, asObject, asText } from "./read";

/** The drug's name, from whichever variant of `medication[x]` is there. */
export function drugText(resource: Record<string, unknown>): string {
  const reference = asObject(resource["medicationReference"]);
  return (
    conceptText(resource["medicationCodeableConcept"]) ||
    asText(reference?.["display"]) ||
    asText(reference?.["reference"]) ||
    ""
  );
}

/** All dosage instructions in words: the text where there is one, else put together from its parts. */
export function dosageText(resource: Record<string, unknown>): string {
  return asList(resource["dosageInstruction"]).map(oneDosage).filter(Boolean).join(THEN);
}

/** The dosage in a person's own words, which is what a form edits; nothing where it is recorded in parts alone. */
export function dosageFreeText(resource: Record<string, unknown>): string {
  const all = asList(resource["dosageInstruction"]);
  return all.some((one) => asText(asObject(one)?.["text"])) ? dosageText(resource) : "";
}

/**
 * The `dosageInstruction` element for words as `dosageText` gives them. An instruction whose words
 * stay keeps its parts; beside other words they would contradict them.
 */
export function withDosage(before: Record<string, unknown> | undefined, words: string): Json {
  const known = new Map(asList(before?.["dosageInstruction"]).map((one) => [oneDosage(one), one as Json]));
  const texts = words.split(THEN).map((text) => text.trim()).filter(Boolean);
  return texts.length === 0 ? null : texts.map((text) => known.get(text) ?? { text });
}

function oneDosage(value: unknown): string {
  const dosage = asObject(value);
  if (!dosage) return "";
  const text = asText(dosage["text"]);
  if (text) return text;
  const parts = [
    doseText(dosage),
    conceptText(dosage["route"]).replace(/ route$/i, "").toLowerCase(),
    timingText(dosage["timing"]),
    asNeededText(dosage),
  ];
  return parts.filter(Boolean).join(", ");
}

function doseText(dosage: Record<string, unknown>): string {
  const rate = asObject(asList(dosage["doseAndRate"])[0]);
  const quantity = asObject(rate?.["doseQuantity"]);
  if (quantity) return quantityText(quantity);
  const range = asObject(rate?.["doseRange"]);
  const ends = [range?.["low"], range?.["high"]].map((end) => quantityText(asObject(end)));
  return ends.filter(Boolean).join(" – ");
}

function quantityText(quantity: Record<string, unknown> | undefined): string {
  const value = asText(quantity?.["value"]);
  if (!value) return "";
  const unit = asText(quantity?.["unit"]) ?? asText(quantity?.["code"]);
  return unit ? `${value} ${unit}` : `dose ${value}`;
}

function timingText(value: unknown): string {
  const timing = asObject(value);
  const repeat = asObject(timing?.["repeat"]);
  const frequency = asText(repeat?.["frequency"]);
  const period = asText(repeat?.["period"]);
  const unit = UNITS[asText(repeat?.["periodUnit"]) ?? ""];
  if (!frequency || !period || !unit) return conceptText(timing?.["code"]);
  const times = frequency === "1" ? "once" : frequency === "2" ? "twice" : `${frequency} times`;
  return period === "1" ? `${times} a ${unit}` : `${times} every ${period} ${unit}s`;
}

function asNeededText(dosage: Record<string, unknown>): string {
  const reason = conceptText(dosage["asNeededCodeableConcept"]);
  if (reason) return `as needed for ${reason.toLowerCase()}`;
  return dosage["asNeededBoolean"] === true ? "as needed" : "";
}

const THEN = "; then ";
const UNITS: Record<string, string> = {
  s: "second",
  min: "minute",
  h: "hour",
  d: "day",
  wk: "week",
  mo: "month",
  a: "year",
};
