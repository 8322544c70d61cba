/** Observations in words: what was measured, what came out, when. */
import type { Resource } from "../chartroom";
import { codingsOf, conceptCode, conceptText } from "./concept";
import { shortened, unitText } from "./quantity";
import { asList, asObject, asObjects, asText } from "./read";

/** The value in words, whichever variant of `value[x]` is there; of a panel, of all its parts. */
export function observationValue(resource: Record<string, unknown>): string {
  const own = valueOf(resource);
  if (own) return own;
  const parts = asObjects(resource["component"]);
  return bloodPressure(parts) ?? parts.map((part) => [conceptText(part["code"]), valueOf(part)].filter(Boolean).join(" ")).join(", ");
}

/** When it was so: the FHIR dateTime. */
export function observedAt(resource: Resource): string {
  const period = asObject(resource["effectivePeriod"]);
  return asText(resource["effectiveDateTime"]) ?? asText(resource["effectiveInstant"]) ?? asText(period?.["start"]) ?? asText(resource["issued"]) ?? "";
}

/** Whether it counts: neither planned, nor withdrawn. */
export function isObserved(resource: Resource): boolean {
  return !["registered", "cancelled", "entered-in-error"].includes(asText(resource["status"]) ?? "");
}

/** Whether one of its categories has this code. */
export function hasCategory(resource: Record<string, unknown>, code: string): boolean {
  return asList(resource["category"]).some((category) => codingsOf(category).some((coding) => coding.code === code) || conceptCode(category) === code);
}

/** The latest of each kind, the kinds by name. Of two of one time, the one that is critical. */
export function latestOfEach(resources: readonly Resource[]): readonly Resource[] {
  const latest = new Map<string, Resource>();
  for (const resource of resources.filter(isObserved)) {
    const kind = kindOf(resource);
    const known = latest.get(kind);
    const later = known === undefined || observedAt(resource) > observedAt(known);
    if (later || (observedAt(resource) === observedAt(known) && isCritical(resource))) latest.set(kind, resource);
  }
  return [...latest.values()].sort((a, b) => conceptText(a["code"]).localeCompare(conceptText(b["code"])));
}

/** Whether the laboratory calls the value, or a part of it, critical: by any of its codes, or in words. */
export function isCritical(resource: Record<string, unknown>): boolean {
  const parts = [resource, ...asObjects(resource["component"])];
  return parts.flatMap((part) => asList(part["interpretation"])).some(saysCritical);
}

function saysCritical(interpretation: unknown): boolean {
  const codes = asObjects(asObject(interpretation)?.["coding"]).map(({ code }) => asText(code) ?? "");
  return codes.some((code) => CRITICAL.has(code)) || /^critical\b/i.test(conceptText(interpretation));
}

function kindOf(resource: Resource): string {
  const coding = codingsOf(resource["code"])[0];
  return coding ? `${coding.system}|${coding.code}` : conceptText(resource["code"]).toLowerCase();
}

function valueOf(part: Record<string, unknown>): string {
  const quantity = asObject(part["valueQuantity"]);
  if (quantity) return quantityText(quantity);
  for (const [name, value] of Object.entries(part)) {
    if (!name.startsWith("value")) continue;
    if (typeof value === "boolean") return value ? "Yes" : "No";
    const text = conceptText(value);
    if (text) return text;
  }
  return "";
}

function quantityText(quantity: Record<string, unknown>): string {
  const value = asText(quantity["value"]);
  const unit = unitText(asText(quantity["unit"]) ?? asText(quantity["code"]) ?? "");
  return value ? `${asText(quantity["comparator"]) ?? ""}${shortened(value)}${unit === "%" ? "" : " "}${unit}`.trim() : "";
}

/** 120/80, as everybody writes it. */
function bloodPressure(parts: readonly Record<string, unknown>[]): string | undefined {
  const find = (code: string) => asObject(parts.find((part) => conceptCode(part["code"]) === code)?.["valueQuantity"]);
  const systolic = find("8480-6");
  const diastolic = find("8462-4");
  if (!systolic || !diastolic) return undefined;
  const [high, low] = [asText(systolic["value"]), asText(diastolic["value"])];
  return high && low ? `${shortened(high)}/${quantityText(diastolic)}` : undefined;
}

/** HL7 v3 ObservationInterpretation; the last two are its older spelling. */
const CRITICAL = new Set(["AA", "HH", "LL", "H>", "L<"]);
