import type { ChartEvent, Person, Resource } from "../types.js";
import { eventWording } from "../wording.js";

/** What somebody did in a room, as a colleague would tell it. */
export interface Activity {
  /** `Dr. Jones added allergy Penicillin`. */
  readonly text: string;
  /** Who, where known. */
  readonly author: Person | null;
  /** When, in RFC 3339. */
  readonly time: string;
  /** Whether it was done in this window. */
  readonly local: boolean;
  /** Whether it stands in the server's log. */
  readonly saved: boolean;
  /** The event that tells most about it. */
  readonly event: ChartEvent;
}

/** One entry for each change of a resource, the latest first. Several events tell of a change; the one that says most counts. */
export function activityOf(events: readonly ChartEvent[]): Activity[] {
  const told = new Map<string, ChartEvent>();
  // What is deleted comes without its name: it is called as it last was.
  const named = new Map<string, Resource>();
  for (const event of events) {
    if (event.action !== "deleted") named.set(reference(event), event.resource);
    const key = `${event.changes.join()} ${reference(event)}`;
    const known = told.get(key);
    if (!known || weight(event) >= weight(known)) told.set(key, event);
  }
  return [...told.values()].reverse().map((event) => entry(event, named.get(reference(event)))).sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
}

function entry(event: ChartEvent, last: Resource | undefined): Activity {
  const who = event.author?.name ?? "Somebody";
  const { author, time, local } = event;
  const resource = event.action === "deleted" && last ? last : event.resource;
  return { text: `${who} ${eventWording({ ...event, resource })}`, author, time, local, saved: (event.seq ?? 0) > 0, event };
}

/** Numbered before derived, clinical before general. */
function weight({ event, seq }: ChartEvent): number {
  return (event.startsWith("RESOURCE_") ? 0 : 2) + ((seq ?? 0) > 0 ? 1 : 0);
}

function reference({ resource_type: type, resource_id: id }: ChartEvent): string {
  return `${type}/${id}`;
}
