/** Events of the list by day, or by the encounter that they belong to. */
import { formatDate } from "../shared/fhir/date";
import type { TimelineEvent } from "./events";

export interface EventGroup {
  readonly key: string;
  readonly title: string;
  /** Whether its events are of several days, and say of which. */
  readonly isDated: boolean;
  readonly events: readonly TimelineEvent[];
}

/** The groups in the order of their latest event. */
export function groupsOf(events: readonly TimelineEvent[], every: readonly TimelineEvent[], byEncounter: boolean): readonly EventGroup[] {
  const encounters = byEncounter ? titles(every) : undefined;
  const groups = new Map<string, TimelineEvent[]>();
  for (const event of events) {
    const isOfOne = event.encounter !== undefined && encounters?.has(event.encounter);
    const key = isOfOne ? `encounter ${event.encounter}` : dayKey(event);
    const known = groups.get(key);
    if (known) known.push(event);
    else groups.set(key, [event]);
  }
  return [...groups].map(([key, of]) => {
    const [first] = of;
    const encounter = encounters?.get(key.replace(/^encounter /, ""));
    return { key, title: encounter ?? formatDate(first?.time), isDated: encounter !== undefined, events: of };
  });
}

/** "Emergency room admission, 3 Mar 2024". */
function titles(every: readonly TimelineEvent[]): ReadonlyMap<string, string> {
  const began = every.filter(({ type }) => type === "Encounter").reverse();
  return new Map(began.map(({ encounter, label, time }) => [encounter ?? "", `${label}, ${formatDate(time)}`]));
}

/** A day as the reader has it; what is recorded less precisely is by itself. */
function dayKey({ at, precision }: TimelineEvent): string {
  return precision === "year" || precision === "month" ? `${precision} ${at}` : new Date(at).toDateString();
}
