/**
 * The rooms that one connection has open, each with what the window knows beside it.
 *
 * A room outlives the page that opened it for a moment, and for as long as it has unsaved edits, so
 * that walking away from a chart never loses one.
 */
import { Activity } from "./activity";
import type { Client, Person, Room } from "./chartroom";
import { ConflictIndex } from "./conflictIndex";
import { EditLog } from "./edits";

/** A room with its window's own state. */
export interface OpenRoom {
  readonly room: Room;
  readonly edits: EditLog;
  readonly activity: Activity;
  readonly conflicts: ConflictIndex;
}

interface Held {
  users: number;
  readonly opening: Promise<OpenRoom>;
  open?: OpenRoom;
}

/** The resource types that a chart page lists. */
export const LISTED_TYPES = [
  "AllergyIntolerance",
  "CarePlan",
  "Communication",
  "Composition",
  "Condition",
  "DocumentReference",
  "Encounter",
  "Flag",
  "Immunization",
  "MedicationRequest",
  "Observation",
  "Procedure",
  "ServiceRequest",
] as const;

const LINGER_MS = 2_000;

export class Rooms {
  readonly #client: Client;
  readonly #person: Person;
  readonly #held = new Map<string, Held>();

  constructor(client: Client, person: Person) {
    this.#client = client;
    this.#person = person;
  }

  /** Opens a room, or joins those who have it open; every call needs one `release`. */
  acquire(name: string): Promise<OpenRoom> {
    const held = this.#held.get(name) ?? this.#hold(name);
    held.users += 1;
    return held.opening;
  }

  /** Gives a room back; it closes when nobody uses it and all its edits are saved. */
  release(name: string): void {
    const held = this.#held.get(name);
    if (!held) return;
    held.users -= 1;
    if (held.users === 0) setTimeout(() => this.#closeIfIdle(name, held), LINGER_MS);
  }

  /** Refused edits that nobody has made again or discarded; their forms are in this window alone. */
  refused(): number {
    let count = 0;
    for (const { open } of this.#held.values()) count += open?.edits.refusals().length ?? 0;
    return count;
  }

  #hold(name: string): Held {
    const opening = this.#client.open(name).then((room) => ({
      room,
      edits: new EditLog(room),
      activity: new Activity(room, this.#person, LISTED_TYPES),
      conflicts: new ConflictIndex(room),
    }));
    const held: Held = { users: 0, opening };
    this.#held.set(name, held);
    opening.then(
      (open) => void (held.open = open),
      () => void this.#held.delete(name),
    );
    return held;
  }

  #closeIfIdle(name: string, held: Held): void {
    if (held.users > 0 || this.#held.get(name) !== held) return;
    if (!held.open || held.open.room.unsaved > 0 || held.open.edits.refusals().length > 0) {
      setTimeout(() => this.#closeIfIdle(name, held), LINGER_MS);
      return;
    }
    this.#held.delete(name);
    held.open.room.close();
  }
}
