/** The reference range of an observation. */
import { conceptCode } from "../shared/fhir/concept";
import { asList, asObject, asText } from "../shared/fhir/read";

export interface Range {
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** The code or name of the unit of the limits, for comparison. */
  readonly units: readonly string[];
  /** For reading: "3.5 – 5.1", "below 5", or the laboratory's words. */
  readonly text: string;
}

/**
 * The range that holds for the patient: the one that is called normal, or the only one. Of several
 * for different people, as children and adults, none is chosen; their words are shown.
 */
export function rangeOf(value: unknown): Range | undefined {
  const all = asList(value).flatMap((item) => {
    const range = asObject(item);
    return range ? [range] : [];
  });
  const normal = all.filter((range) => (conceptCode(range["type"]) ?? "normal") === "normal");
  if (normal.length === 0) return undefined;
  const read = normal.map(readRange);
  const [only] = read;
  if (read.length === 1 && only) return only.text === "" ? undefined : only;
  const text = read.map((range) => range.text).filter(Boolean).join("; ");
  return text === "" ? undefined : { low: undefined, high: undefined, units: [], text };
}

function readRange(range: Record<string, unknown>): Range {
  const ends = [asObject(range["low"]), asObject(range["high"])];
  const [low, high] = ends.map((end) => {
    const number = Number(asText(end?.["value"]) ?? Number.NaN);
    return Number.isFinite(number) ? number : undefined;
  });
  const units = ends.flatMap((end) => [asText(end?.["unit"]), asText(end?.["code"])].filter((unit) => unit !== undefined));
  return { low, high, units, text: asText(range["text"]) ?? limits(low, high) };
}

function limits(low: number | undefined, high: number | undefined): string {
  if (low !== undefined && high !== undefined) return `${low} – ${high}`;
  if (low !== undefined) return `from ${low}`;
  return high !== undefined ? `up to ${high}` : "";
}
