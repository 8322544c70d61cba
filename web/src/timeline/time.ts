/** FHIR's partial dates as points in the reader's time, each as precise as it was recorded. */
import { asText } from "../shared/fhir/read";

export type Precision = "year" | "month" | "day" | "time";

export interface ClinicalTime {
  /** The beginning of what was recorded, in milliseconds since 1970. */
  readonly at: number;
  readonly precision: Precision;
}

/** A date, dateTime or instant; `undefined` where it is none. */
export function clinicalTime(value: unknown): ClinicalTime | undefined {
  const text = asText(value);
  const [, year, month, day, time] = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(T.+)?)?)?$/.exec(text ?? "") ?? [];
  if (!text || !year) return undefined;
  // A day has no time zone: it is the reader's own, not Greenwich's.
  const at = time ? Date.parse(text) : new Date(Number(year), Number(month ?? 1) - 1, Number(day ?? 1)).getTime();
  if (Number.isNaN(at)) return undefined;
  return { at, precision: time ? "time" : day ? "day" : month ? "month" : "year" };
}

/** "14:05"; empty where no time of day was recorded. */
export function withinDay(time: ClinicalTime | undefined): string {
  if (time?.precision !== "time") return "";
  const date = new Date(time.at);
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}
