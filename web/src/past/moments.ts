/** The moments at which a chart changed, by what the room's log tells; a moment is one second, as changes claim theirs. */
import { eventWording } from "chartroom";
import type { ChartEvent } from "../shared/chartroom";
import { formatMoment } from "../shared/fhir/date";

/** One second in which something was done. */
export interface Moment {
  readonly ms: number;
  /** One event for each entry that a change wrote, the latest last. */
  readonly done: readonly ChartEvent[];
}

/** The oldest first. */
export function momentsOf(events: readonly ChartEvent[]): readonly Moment[] {
  const bySecond = new Map<number, Map<string, ChartEvent>>();
  for (const event of events) {
    const ms = wholeSecond(Date.parse(event.authored));
    if (Number.isNaN(ms)) continue;
    const told = bySecond.get(ms) ?? new Map<string, ChartEvent>();
    bySecond.set(ms, told);
    // Several events tell of one change; the clinical ones say more.
    const key = `${event.changes.join()} ${event.resource_type}/${event.resource_id}`;
    if (!event.event.startsWith("RESOURCE_") || !told.has(key)) told.set(key, event);
  }
  return [...bySecond].sort(([a], [b]) => a - b).map(([ms, told]) => ({ ms, done: [...told.values()] }));
}

/** The place of the last moment that is not after a time; the first where all are. */
export function placeOf(moments: readonly Moment[], ms: number): number {
  return Math.max(0, moments.findLastIndex((moment) => moment.ms <= ms));
}

/** "29 Nov 2026, 14:05:07 · Bob Diaz added result Potassium, and 2 more". */
export function momentText({ ms, done }: Moment): string {
  const people = done.filter((event) => !event.import);
  const imported = done.length - people.length;
  const latest = people.at(-1);
  const what = latest ? `${latest.author?.name ?? "Somebody"} ${eventWording(latest)}` : imported === 1 ? "1 entry imported" : `${imported} entries imported`;
  return `${formatMoment(ms)} · ${what}${people.length > 1 ? `, and ${people.length - 1} more` : ""}`;
}

/** The room knows its past by the second. */
export function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
