/**
 * One Observation as a clinician reads it: what, how much, when, and whether that is all right.
 *
 * Numbers are shortened for reading in `value` alone; `exact` keeps what was recorded.
 */
import type { Resource } from "../shared/chartroom";
import { codingsOf, conceptCode, conceptText } from "../shared/fhir/concept";
import { formatDate, formatTime } from "../shared/fhir/date";
import { shortened, unitText } from "../shared/fhir/quantity";
import { asList, asObject, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { flagByRange, flagBySaying, type Flag } from "./flag";
import { rangeOf, type Range } from "./range";

/** Which part of the page an observation belongs to. */
export type Kind = "laboratory" | "vital" | "other";

/** A measured value: of an observation, or of one component of a panel. */
export interface Measure {
  /** What it is, by LOINC code where there is one. */
  readonly key: string;
  readonly label: string;
  /** For reading, with its unit; "Not recorded" or the reason where there is none. */
  readonly value: string;
  /** As recorded, with its unit. */
  readonly exact: string;
  /** Absent where the value is no plain number, such as ">500". */
  readonly number: number | undefined;
  readonly unit: string;
  readonly range: Range | undefined;
  readonly flag: Flag | undefined;
}

export interface Reading extends Measure {
  readonly id: string;
  readonly resource: Resource;
  readonly kind: Kind;
  /** Milliseconds since 1970; undefined where no time was recorded. */
  readonly at: number | undefined;
  /** Whether it may be taken as a value: not withdrawn, not cancelled. */
  readonly counts: boolean;
  /** What its status adds, such as "Preliminary"; empty for a final one. */
  readonly stage: string;
  readonly parts: readonly Measure[];
}

const read = new WeakMap<Resource, Reading>();

/** Reads an observation; the same object for the same resource. */
export function readingOf(resource: Resource): Reading {
  const known = read.get(resource);
  if (known) return known;
  const reading = make(resource);
  read.set(resource, reading);
  return reading;
}

/** When a reading was taken, in words. */
export function whenText(reading: Reading, now: Date): string {
  const text = timeOf(reading.resource);
  if (!text) return "Time not recorded";
  const { at } = reading;
  if (at === undefined || at <= 0 || !text.includes("T")) return formatDate(text);
  const words = formatTime(at, now);
  return words.includes(",") ? words : `Today ${words}`;
}

function make(resource: Resource): Reading {
  const status = conceptCode(resource["status"]) ?? "";
  const parts = asList(resource["component"]).flatMap((item) => {
    const component = asObject(item);
    return component ? [measure(component)] : [];
  });
  parts.sort((a, b) => Number(b.key === SYSTOLIC) - Number(a.key === SYSTOLIC));
  const own = measure(resource);
  const ofParts = own.exact === "" && parts.length > 0;
  const at = Date.parse(timeOf(resource) ?? "");
  return {
    ...own,
    ...(ofParts && { value: together(parts, "value"), exact: together(parts, "exact"), flag: worst(own.flag, parts) }),
    ...(!ofParts && own.exact === "" && { value: missing(resource) }),
    id: resource.id,
    resource,
    kind: kindOf(resource),
    at: Number.isNaN(at) ? undefined : at,
    counts: !VOID.has(status),
    stage: status === "final" ? "" : codeWord(status),
    parts,
  };
}

function measure(holder: Record<string, unknown>): Measure {
  const quantity = asObject(holder["valueQuantity"]);
  const value = quantity ? quantityOf(quantity) : { text: otherValue(holder), exact: otherValue(holder), unit: "", number: numberOf(holder["valueInteger"]), comparator: "" };
  const range = rangeOf(holder["referenceRange"]);
  const flag = flagBySaying(holder["interpretation"]) ?? flagByRange(value.number, value.comparator, value.unit, range);
  return {
    key: keyOf(holder["code"]),
    label: conceptText(holder["code"]) || "Unnamed observation",
    value: value.text,
    exact: value.exact,
    number: value.comparator === "" ? value.number : undefined,
    unit: value.unit,
    range,
    flag,
  };
}

function quantityOf(quantity: Record<string, unknown>) {
  const recorded = asText(quantity["value"]) ?? "";
  const number = numberOf(recorded);
  const comparator = asText(quantity["comparator"]) ?? "";
  const unit = unitText(asText(quantity["unit"]) ?? asText(quantity["code"]) ?? "");
  const withUnit = (value: string) => (value === "" ? "" : [comparator + value, unit].filter(Boolean).join(unit === "%" ? "" : " "));
  return { text: withUnit(shortened(recorded)), exact: withUnit(recorded), unit, number, comparator };
}

function otherValue(holder: Record<string, unknown>): string {
  const flag = holder["valueBoolean"];
  if (typeof flag === "boolean") return flag ? "Yes" : "No";
  const ratio = asObject(holder["valueRatio"]);
  const range = asObject(holder["valueRange"]);
  const period = asObject(holder["valuePeriod"]);
  const ends = ratio ? [ratio["numerator"], ratio["denominator"]] : range ? [range["low"], range["high"]] : [];
  const quantities = ends.map((end) => quantityOf(asObject(end) ?? {}).exact).filter(Boolean);
  return (
    conceptText(holder["valueCodeableConcept"]) ||
    asText(holder["valueString"]) ||
    asText(holder["valueInteger"]) ||
    quantities.join(ratio ? " : " : " – ") ||
    formatDate(holder["valueDateTime"]) ||
    asText(holder["valueTime"]) ||
    [period?.["start"], period?.["end"]].map(formatDate).filter(Boolean).join(" – ") ||
    (holder["valueSampledData"] ? "Recorded curve" : "")
  );
}

function together(parts: readonly Measure[], which: "value" | "exact"): string {
  const units = new Set(parts.map(({ unit }) => unit));
  const unit = [...units][0] ?? "";
  // 142/88 mmHg, as it is spoken.
  if (parts.length === 2 && units.size === 1 && isPressure(parts)) {
    const [systolic, diastolic] = parts.map((part) => (which === "value" && part.number !== undefined ? String(Math.round(part.number)) : part[which].replace(` ${unit}`, "")));
    return `${systolic || "–"}/${diastolic || "–"} ${unit}`;
  }
  return parts.map((part) => `${part.label} ${part[which] || "not recorded"}`).join("; ");
}

function isPressure(parts: readonly Measure[]): boolean {
  return parts.every(({ key }) => key === SYSTOLIC || key === DIASTOLIC);
}

function worst(own: Flag | undefined, parts: readonly Measure[]): Flag | undefined {
  const flags = [own, ...parts.map((part) => part.flag)];
  return flags.find((flag) => flag?.tone === "critical") ?? flags.find((flag) => flag?.tone === "abnormal") ?? flags.find(Boolean);
}

function missing(resource: Resource): string {
  return conceptText(resource["dataAbsentReason"]) || "No value recorded";
}

function kindOf(resource: Resource): Kind {
  const codes = asList(resource["category"]).flatMap((category) => codingsOf(category).map(({ code }) => code));
  if (codes.includes("vital-signs")) return "vital";
  if (codes.some((code) => LABORATORY.has(code))) return "laboratory";
  const isVital = codingsOf(resource["code"]).some(({ system, code }) => system === LOINC && VITALS.includes(code));
  return codes.length === 0 && isVital ? "vital" : "other";
}

function keyOf(code: unknown): string {
  const codings = codingsOf(code);
  const chosen = codings.find(({ system }) => system === LOINC) ?? codings[0];
  if (!chosen) return `text:${conceptText(code).toLowerCase()}`;
  return chosen.system === LOINC ? chosen.code : `${chosen.system}|${chosen.code}`;
}

function timeOf(resource: Resource): string | undefined {
  const period = asObject(resource["effectivePeriod"]);
  return (
    asText(resource["effectiveDateTime"]) ??
    asText(resource["effectiveInstant"]) ??
    asText(period?.["end"]) ??
    asText(period?.["start"]) ??
    asText(resource["issued"])
  );
}

function numberOf(value: unknown): number | undefined {
  const text = asText(value);
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

const LOINC = "http://loinc.org";
export const SYSTOLIC = "8480-6";
export const DIASTOLIC = "8462-4";

/** Vital signs in the order in which they are looked at. */
export const VITALS: readonly string[] = [
  "85354-9", "55284-4", SYSTOLIC, DIASTOLIC, "8867-4", "59408-5", "2708-6", "9279-1", "8310-5", "8331-1",
  "29463-7", "3141-9", "8302-2", "39156-5",
];

const VOID = new Set(["entered-in-error", "cancelled"]);

/** The categories that docs/events.md counts as the laboratory's. */
const LABORATORY = new Set([
  "laboratory", "LAB", "LP29693-6", "BG", "BLB", "CG", "CH", "CP", "GE", "HM", "IMM", "MB", "MCB", "MYC", "SP", "SR", "TX", "VR",
]);
