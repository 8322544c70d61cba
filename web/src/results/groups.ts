/** Observations by what they measure, and the lines to draw of them. */
import type { Resource } from "../shared/chartroom";
import { type Kind, type Reading, readingOf, VITALS } from "./reading";

export interface ResultGroup {
  readonly key: string;
  readonly kind: Kind;
  readonly label: string;
  /** Latest first; withdrawn ones stand among them. */
  readonly readings: readonly Reading[];
  /** The latest that counts; the latest of all where none does. */
  readonly latest: Reading;
}

/** Groups one room's observations. A group whose readings did not change stays the same object. */
export class Grouping {
  #groups: ReadonlyMap<string, ResultGroup> = new Map();

  of(observations: readonly Resource[]): readonly ResultGroup[] {
    const byKey = new Map<string, Reading[]>();
    for (const resource of observations) {
      const reading = readingOf(resource);
      const key = `${reading.kind} ${reading.key}`;
      const readings = byKey.get(key);
      if (readings) readings.push(reading);
      else byKey.set(key, [reading]);
    }
    const next = new Map<string, ResultGroup>();
    for (const [key, readings] of byKey) {
      readings.sort(latestFirst);
      const before = this.#groups.get(key);
      next.set(key, before && same(before.readings, readings) ? before : grouped(key, readings));
    }
    this.#groups = next;
    return [...next.values()];
  }
}

/** Groups of one part of the page in the order of the page. */
export function ofKind(groups: readonly ResultGroup[], kind: Kind): readonly ResultGroup[] {
  const chosen = groups.filter((group) => group.kind === kind);
  if (kind === "vital") {
    const place = ({ latest }: ResultGroup) => (VITALS.indexOf(latest.key) + VITALS.length + 1) % (VITALS.length + 1);
    return chosen.sort((a, b) => place(a) - place(b) || a.label.localeCompare(b.label));
  }
  return chosen.sort((a, b) => day(b) - day(a) || a.label.localeCompare(b.label));
}

/** One line per measure, and the points through which they go, oldest first. */
export interface Lines {
  readonly series: readonly { readonly key: string; readonly label: string }[];
  readonly points: readonly Point[];
  readonly unit: string;
  /** Values that are not drawn: in another unit, without a time, or no plain number. */
  readonly leftOut: number;
}

export interface Point {
  readonly at: number;
  readonly [key: string]: number;
}

/** The values of a group as lines, in the unit of the latest. */
export function linesOf({ readings, latest }: ResultGroup): Lines {
  const measures = latest.parts.length > 0 ? latest.parts : [latest];
  const units = new Map(measures.map(({ key, unit }) => [key, unit]));
  const points: Point[] = [];
  let leftOut = 0;
  for (let index = readings.length - 1; index >= 0; index -= 1) {
    const reading = readings[index];
    if (!reading?.counts) continue;
    const of = latest.parts.length > 0 ? reading.parts : [reading];
    const drawn = of.filter(({ key, number, unit }) => number !== undefined && units.get(key) === unit);
    if (reading.at === undefined || drawn.length === 0) leftOut += 1;
    else points.push({ at: reading.at, ...Object.fromEntries(drawn.map(({ key, number }) => [field(key), number as number])) });
  }
  const series = measures.filter(({ key }) => points.some((point) => field(key) in point)).map(({ key, label }) => ({ key: field(key), label: shortLabel(label, latest.label) }));
  return { series, points, unit: measures[0]?.unit ?? "", leftOut };
}

/** At most about `most` points, with every high and low kept: a chart has no more pixels. */
export function thinned(points: readonly Point[], key: string, most: number): readonly Point[] {
  if (points.length <= most) return points;
  const size = Math.ceil(points.length / (most / 2));
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const bucket = points.slice(start, start + size).filter((point) => point[key] !== undefined);
    if (bucket.length === 0) continue;
    const value = (point: Point) => point[key] as number;
    const low = bucket.reduce((a, b) => (value(b) < value(a) ? b : a));
    const high = bucket.reduce((a, b) => (value(b) > value(a) ? b : a));
    kept.push(...(low === high ? [low] : low.at < high.at ? [low, high] : [high, low]));
  }
  const last = points[points.length - 1];
  if (last && kept[kept.length - 1] !== last) kept.push(last);
  return kept;
}

/** "Potassium: 5 values from 4 to 4.8 mmol/L, between 4 and 4.8": what a picture of them shows. */
export function linesText(label: string, { series, points, unit }: Lines): string {
  const values = valuesOf(points, series[0]?.key ?? "");
  const [first = 0, last = 0] = [values[0], values[values.length - 1]];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${label}: ${values.length} values from ${shortNumber(first)} to ${shortNumber(last)} ${unit}, between ${shortNumber(low)} and ${shortNumber(high)}`;
}

/** The values of one line, oldest first. */
export function valuesOf(points: readonly Point[], key: string): number[] {
  return points.flatMap((point) => point[key] ?? []);
}

/** A number with four digits at most that are not zero. */
export function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** A name that the chart library does not take for a path. */
function field(key: string): string {
  return `v${key.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
}

/** The names that a catalogue gives to vital signs say more than anybody reads. */
export function shortName({ kind, key, label }: Reading): string {
  return (kind === "vital" && SHORT[key]) || label;
}

function shortLabel(label: string, panel: string): string {
  const short = label.replace(/ blood pressure$/i, "");
  return short === "" ? panel : short;
}

function grouped(key: string, readings: readonly Reading[]): ResultGroup {
  const latest = readings.find(({ counts }) => counts) ?? (readings[0] as Reading);
  return { key, kind: latest.kind, label: shortName(latest), readings, latest };
}

/** Vital signs whose LOINC names are longer than what they are called. */
const SHORT: Record<string, string> = {
  "59408-5": "Oxygen saturation",
  "2708-6": "Oxygen saturation, arterial",
  "39156-5": "Body mass index",
  "85354-9": "Blood pressure",
};

function latestFirst(a: Reading, b: Reading): number {
  return (b.at ?? -Infinity) - (a.at ?? -Infinity) || (a.id < b.id ? 1 : -1);
}

function day({ latest }: ResultGroup): number {
  return Math.floor((latest.at ?? 0) / 86_400_000);
}

function same(a: readonly Reading[], b: readonly Reading[]): boolean {
  return a.length === b.length && a.every((reading, index) => reading === b[index]);
}
