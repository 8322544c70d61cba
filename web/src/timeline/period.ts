/** The stretch of time that the timeline shows, and the columns that its tracks have. */
import type { ClinicalTime, Precision } from "./time";

export type Unit = "all" | "year" | "month" | "day" | "hour";

/** What can be looked into beside all of it. */
export type Zoomed = Exclude<Unit, "all" | "hour">;

export interface Period {
  readonly unit: Unit;
  /** The first millisecond, and the first one behind. */
  readonly from: number;
  readonly to: number;
}

export interface Column extends Period {
  readonly label: string;
  /** In full, for a screen reader and a tooltip. */
  readonly title: string;
}

/** The year, month or day round a time. */
export function periodOf(unit: Zoomed, at: number): Period {
  const date = new Date(at);
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  if (unit === "year") return period(unit, new Date(year, 0), new Date(year + 1, 0));
  if (unit === "month") return period(unit, new Date(year, month), new Date(year, month + 1));
  return period(unit, new Date(year, month, day), new Date(year, month, day + 1));
}

/** From the year of the first to the year of the last. */
export function wholePeriod(times: readonly ClinicalTime[], now: number): Period {
  const first = times.reduce((least, { at }) => Math.min(least, at), now);
  const last = times.reduce((most, { at }) => Math.max(most, at), now);
  return period("all", new Date(new Date(first).getFullYear(), 0), new Date(new Date(last).getFullYear() + 1, 0));
}

/** The one before or behind. */
export function neighbour({ unit, from, to }: Period, direction: 1 | -1): Period {
  if (unit === "all" || unit === "hour") return { unit, from, to };
  return periodOf(unit, direction === 1 ? to : from - 1);
}

/** Whether something belongs to a period and is recorded precisely enough to say so. */
export function isWithin({ unit, from, to }: Period, { at, precision }: ClinicalTime): boolean {
  return at >= from && at < to && FINENESS[precision] >= FINENESS[unit];
}

const FINENESS: Record<Precision | Unit, number> = { all: 0, year: 1, month: 2, day: 3, hour: 4, time: 4 };

/** "March 2024". */
export function periodText({ unit, from, to }: Period): string {
  const date = new Date(from);
  if (unit === "all") return `${date.getFullYear()} to ${new Date(to - 1).getFullYear()}`;
  if (unit === "year") return String(date.getFullYear());
  const month = `${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
  return unit === "month" ? month : `${date.getDate()} ${month}`;
}

/** What the tracks are cut into: years or groups of years, months, days, hours. */
export function columnsOf(shown: Period): readonly Column[] {
  const { unit } = shown;
  if (unit === "all" || unit === "hour") return years(shown);
  const columns: Column[] = [];
  for (let from = shown.from; from < shown.to; ) {
    const column = columnAt(unit, from);
    columns.push(column);
    from = column.to;
  }
  return columns;
}

function columnAt(unit: Zoomed, from: number): Column {
  const date = new Date(from);
  if (unit === "year") {
    const month = periodOf("month", from);
    return { ...month, label: MONTHS[date.getMonth()]?.slice(0, 3) ?? "", title: periodText(month) };
  }
  if (unit === "month") {
    const day = periodOf("day", from);
    return { ...day, label: String(date.getDate()), title: periodText(day) };
  }
  const hour = new Date(date.getFullYear(), date.getMonth(), date.getDate(), date.getHours() + 1);
  const label = String(date.getHours()).padStart(2, "0");
  return { unit: "hour", from, to: hour.getTime(), label, title: `${label}:00` };
}

/** Single years, or as many together as leave a column wide enough to be pressed. */
function years({ from, to }: Period): readonly Column[] {
  const [first, behind] = [new Date(from).getFullYear(), new Date(to).getFullYear()];
  const step = [1, 2, 5, 10, 20].find((size) => (behind - first) / size <= COLUMNS_MAX) ?? 50;
  const columns: Column[] = [];
  for (let year = first - (first % step); year < behind; year += step) {
    const span = period(step === 1 ? "year" : "all", new Date(year, 0), new Date(year + step, 0));
    columns.push({ ...span, label: String(year), title: step > 1 ? `${year} to ${year + step - 1}` : String(year) });
  }
  return columns;
}

const COLUMNS_MAX = 26;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

function period(unit: Unit, from: Date, to: Date): Period {
  return { unit, from: from.getTime(), to: to.getTime() };
}
