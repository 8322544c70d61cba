/**
 * When a person last looked through a chart on this device, and what the chart was then: hashes and
 * a time, nothing clinical.
 */
export interface Visit {
  readonly heads: readonly string[];
  /** When, in milliseconds since 1970. */
  readonly ms: number;
}

/** The last visit; `undefined` for the first one, and where what is kept cannot be read. */
export function lastVisit(storage: Storage, person: string, room: string): Visit | undefined {
  try {
    const kept = JSON.parse(storage.getItem(keyOf(person, room)) ?? "null") as Partial<Visit> | null;
    const isVisit = kept !== null && Array.isArray(kept.heads) && kept.heads.every((head) => typeof head === "string") && typeof kept.ms === "number";
    return isVisit ? (kept as Visit) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a visit. A device that keeps nothing tells of no changes. */
export function keepVisit(storage: Storage, person: string, room: string, visit: Visit): void {
  try {
    storage.setItem(keyOf(person, room), JSON.stringify(visit));
  } catch {
    // The browser gives no room for it.
  }
}

function keyOf(person: string, room: string): string {
  return `chartroom-visit ${person} ${room}`;
}
