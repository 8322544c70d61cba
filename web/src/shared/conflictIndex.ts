/** The conflicts of a room by resource, for rows to look theirs up. */
import type { Conflict, Room } from "./chartroom";
import { sameJson } from "./fhir/read";
import { Listeners, resourceKey } from "./store";

export type ConflictsByResource = ReadonlyMap<string, readonly Conflict[]>;

export class ConflictIndex extends Listeners {
  #map: ConflictsByResource = new Map();
  readonly #room: Room;

  constructor(room: Room) {
    super();
    this.#room = room;
    this.#read();
    room.on("conflicts", () => this.#read());
  }

  /** Conflicts per `Type/id`; the same map, and the same list per resource, until they change. */
  readonly byResource = (): ConflictsByResource => this.#map;

  #read(): void {
    const grouped = new Map<string, Conflict[]>();
    for (const conflict of this.#room.conflicts()) {
      const key = resourceKey(conflict.resource_type, conflict.id);
      grouped.set(key, [...(grouped.get(key) ?? []), conflict]);
    }
    const next = new Map<string, readonly Conflict[]>();
    for (const [key, conflicts] of grouped) {
      const before = this.#map.get(key);
      next.set(key, before && sameJson(before, conflicts) ? before : conflicts);
    }
    this.#map = next;
    this.tell();
  }
}
