/** FHIR dates: year, month, day or instant, each shown only as precisely as it was recorded. */
import { asObject, asText } from "./read";

const PARTIAL = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A FHIR date or dateTime for reading: "15 Oct 1928", "Oct 1928" or "1928". */
export function formatDate(value: unknown): string {
  const text = asText(value);
  if (!text) return "";
  const match = PARTIAL.exec(text);
  const month = MONTHS[Number(match?.[2]) - 1];
  if (!match || (match[2] && !month)) return text;
  const [, year, , day] = match;
  if (!month) return year ?? text;
  return day ? `${Number(day)} ${month} ${year}` : `${month} ${year}`;
}

/** The date part of a FHIR dateTime, as a form shows it. */
export function datePart(value: unknown): string {
  const text = asText(value) ?? "";
  return text.split("T")[0] ?? text;
}

/** Age in whole years at `now`; undefined where the birth date does not allow one. */
export function ageInYears(birthDate: unknown, now: Date): number | undefined {
  const match = PARTIAL.exec(asText(birthDate) ?? "");
  if (!match) return undefined;
  const month = Number(match[2] ?? 1);
  const day = Number(match[3] ?? 1);
  let age = now.getFullYear() - Number(match[1]);
  if (now.getMonth() + 1 < month || (now.getMonth() + 1 === month && now.getDate() < day)) age -= 1;
  return age >= 0 && age <= 115 ? age : undefined;
}

/** A time in words a clinician scans: "14:03" today, else with its date. */
export function formatTime(ms: number, now: Date): string {
  const at = new Date(ms);
  if (!Number.isFinite(ms) || ms <= 0 || Number.isNaN(at.getTime())) return "time not known";
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return clock;
  return `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${clock}`;
}

/** A time by the second, with its date: "29 Nov 2026, 14:03:07". */
export function formatMoment(ms: number): string {
  const at = new Date(ms);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(pad).join(":");
  return `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${clock}`;
}

/** The reason why a typed FHIR date cannot stand, or null. Empty is allowed. */
export function dateProblem(text: string, now: Date): string | null {
  const value = text.trim();
  if (value === "") return null;
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(value);
  if (!match) return "Write the date as YYYY, YYYY-MM or YYYY-MM-DD.";
  const [, year, month = "01", day = "01"] = match;
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  if (date.getMonth() !== Number(month) - 1 || date.getDate() !== Number(day)) {
    return "There is no such day in the calendar.";
  }
  if (Number(year) < 1850) return "The year is too long ago.";
  return date > now ? "The date lies in the future." : null;
}

/** Today as a FHIR date in the reader's own time zone. */
export function today(now: Date): string {
  return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
}

/** When something began, whichever variant of `onset[x]` says so. */
export function onsetText(resource: Record<string, unknown>): string {
  const date = formatDate(resource["onsetDateTime"]);
  if (date) return date;
  const age = asObject(resource["onsetAge"]);
  if (asText(age?.["value"])) return `age ${asText(age?.["value"])}`;
  const period = asObject(resource["onsetPeriod"]);
  if (period) return [formatDate(period["start"]), formatDate(period["end"])].filter(Boolean).join(" – ");
  const range = asObject(resource["onsetRange"]);
  if (range) {
    const ends = [range["low"], range["high"]].map((end) => asText(asObject(end)?.["value"]));
    return ends.filter(Boolean).join(" – ");
  }
  return asText(resource["onsetString"]) ?? "";
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
