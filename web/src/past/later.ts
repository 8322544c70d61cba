/** What was changed behind a state of a chart: which entries, by whom, when, and what of them. */
import type { ChartEvent, Person, Room } from "../shared/chartroom";
import { entryLabel } from "../shared/activity";
import { resourceKey } from "../shared/store";

/** All that was done to one entry since. */
export interface LaterChange {
  readonly key: string;
  readonly type: string;
  readonly id: string;
  /** What the entry is called now; empty where it is gone. */
  readonly label: string;
  /** Those who wrote, the latest first. */
  readonly people: readonly Person[];
  /** When it was last written; undefined where nobody can tell. */
  readonly ms: number | undefined;
  readonly action: "created" | "updated" | "deleted";
  readonly changed: readonly string[];
}

/** What the log does not tell of is asked for by itself, up to so many entries. */
const ASKED_MAX = 60;

/** What was written since the room had `heads`, which was at `ms`, the latest first; `events` are what is known of its log. */
export async function changesSince(room: Room, heads: readonly string[], ms: number, events: readonly ChartEvent[]): Promise<readonly LaterChange[]> {
  const keys = await room.changedSince(heads);
  const told = grouped(events, ms);
  let asked = 0;
  const changes: LaterChange[] = [];
  for (const [type, id] of keys) {
    const known = told.get(resourceKey(type, id));
    const acts = known ?? (asked++ < ASKED_MAX ? await fromHistory(room, type, id, ms) : []);
    changes.push(summed(room, type, id, acts));
  }
  return changes.sort((a, b) => (b.ms ?? 0) - (a.ms ?? 0) || (a.key < b.key ? -1 : 1));
}

/** One writing of an entry. */
interface Act {
  readonly person: Person | null;
  readonly ms: number;
  readonly action: LaterChange["action"];
  readonly changed: readonly string[];
}

/** The latest first. */
function grouped(events: readonly ChartEvent[], ms: number): ReadonlyMap<string, readonly Act[]> {
  const byKey = new Map<string, Act[]>();
  for (const event of events) {
    const [authored, heard] = [Date.parse(event.authored), Date.parse(event.time)];
    // What was made on a device without a connection may have been made before, and come since.
    if (Math.max(authored, heard) <= ms) continue;
    const key = resourceKey(event.resource_type, event.resource_id);
    const act = { person: event.author, ms: authored, action: event.action, changed: event.changed };
    byKey.set(key, [...(byKey.get(key) ?? []), act]);
  }
  for (const acts of byKey.values()) acts.sort((a, b) => b.ms - a.ms);
  return byKey;
}

async function fromHistory(room: Room, type: string, id: string, ms: number): Promise<readonly Act[]> {
  const all = (await room.history(type, id)).map(({ author, authored_ms, action, changed }) => ({ person: author, ms: authored_ms, action, changed }));
  const since = all.filter((act) => act.ms > ms);
  return (since.length > 0 ? since : all.slice(-1)).reverse();
}

function summed(room: Room, type: string, id: string, acts: readonly Act[]): LaterChange {
  const [latest] = acts;
  const people = new Map(acts.flatMap(({ person }) => (person ? [[person.id, person] as const] : [])));
  const wasMade = acts.some(({ action }) => action === "created");
  const resource = room.get(type, id);
  const action = !resource ? "deleted" : wasMade ? "created" : "updated";
  const changed = [...new Set(acts.flatMap((act) => act.changed))].filter((name) => !name.startsWith("$"));
  return { key: resourceKey(type, id), type, id, label: resource ? entryLabel(resource) : "", people: [...people.values()], ms: latest?.ms, action, changed };
}
