import { ChartroomError } from "../errors.js";
import { roomOf } from "../labels.js";
import type { Room } from "./room.js";
import type { ChartEvent, Conflict, Edit, Json, Resource, RoomEvents, Unsubscribe } from "../types.js";

/** How a chart stands in all its rooms together. */
export interface ChartStatus {
  /** Whether all of them have what the server had. */
  synced: boolean;
  /** Edits that the server has not made durable yet. */
  unsaved: number;
  /** Whether this person may change nothing in the chart's own room. */
  readOnly: boolean;
  /** What is wrong with the chart's own room; a compartment that is refused is left out. */
  error: ChartroomError | null;
}

/**
 * A patient's chart and those of its restricted compartments that the person may see, read and
 * written as one. Compartments that come to be are joined when the server names them, which is at the
 * next connection, or when this client writes into one. Made by `client.openChart`.
 */
export class Chart {
  /** The chart's own room, `patient:1` for example. */
  readonly name: string;
  readonly #hold: (room: string) => Room;
  readonly #onClose: () => void;
  readonly #rooms = new Map<string, Room>();
  readonly #listeners = new Set<(room: Room) => void>();
  readonly #lists = new Map<string, { parts: (readonly Resource[])[]; list: readonly Resource[] }>();

  /** @internal */
  constructor(room: Room, hold: (room: string) => Room, onClose: () => void) {
    this.name = room.name;
    this.#rooms.set(room.name, room);
    this.#hold = hold;
    this.#onClose = onClose;
  }

  /** The open rooms: the chart's own first. */
  get rooms(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  /** How it stands in all its rooms together. */
  get status(): ChartStatus {
    const { readOnly, error } = this.#own().status;
    const open = this.rooms.filter((room) => room.name === this.name || !room.status.error);
    return {
      synced: open.every((room) => room.synced),
      unsaved: open.reduce((sum, room) => sum + room.unsaved, 0),
      readOnly,
      error,
    };
  }

  /** One resource, from whichever room has it. */
  get(type: string, id: string): Resource | undefined {
    return this.#with(type, id)?.get(type, id);
  }

  /** Every resource of a type, the chart's own first. The same array until one of them changes. */
  list(type: string): readonly Resource[] {
    const parts = this.rooms.map((room) => room.list(type));
    const known = this.#lists.get(type);
    if (known && known.parts.length === parts.length && parts.every((part, at) => part === known.parts[at])) return known.list;
    const list = parts.length === 1 ? parts[0]! : Object.freeze(parts.flat());
    this.#lists.set(type, { parts, list });
    return list;
  }

  /**
   * Makes a resource stand as given, in the room of its security labels. One that stands in another
   * room is not moved: that takes `$relabel`, since the room that it leaves is founded anew.
   */
  put(resource: Resource): Edit {
    const name = roomOf(this.name, resource);
    const standing = this.#with(resource.resourceType, resource.id);
    if (standing && standing.name !== name) throw new ChartroomError("restricted", "other security labels take $relabel");
    return this.#room(name).put(resource);
  }

  /** Sets elements of a resource; `null` or `undefined` removes one. */
  patch(type: string, id: string, elements: Record<string, Json | undefined>): Edit {
    return (this.#with(type, id) ?? this.#own()).patch(type, id, elements);
  }

  /** Deletes a resource. */
  remove(type: string, id: string): Edit {
    return (this.#with(type, id) ?? this.#own()).remove(type, id);
  }

  /** Edits of all rooms that wait for a person to choose. */
  conflicts(): readonly Conflict[] {
    return this.rooms.flatMap((room) => room.conflicts());
  }

  /** Subscribes in all rooms, those that are joined later included. */
  on<K extends keyof RoomEvents>(event: K, listener: (value: RoomEvents[K]) => void): Unsubscribe;
  /** The same to clinical events by name, or to all with `*`, as this client derives them. */
  on(event: string, listener: (event: ChartEvent) => void): Unsubscribe;
  on(event: string, listener: (value: never) => void): Unsubscribe {
    const ends: Unsubscribe[] = [];
    const listen = (room: Room) => void ends.push(room.on(event, listener as (event: ChartEvent) => void));
    this.rooms.forEach(listen);
    this.#listeners.add(listen);
    return () => {
      this.#listeners.delete(listen);
      ends.splice(0).forEach((end) => end());
    };
  }

  /** Closes all rooms; what is unsaved is kept as {@link Room.close} says. */
  close(): void {
    this.#onClose();
    this.rooms.forEach((room) => room.close());
  }

  /** @internal The server has named the compartments that are open to this person. */
  joins(compartments: readonly string[]): void {
    compartments.forEach((name) => this.#room(name));
  }

  #own(): Room {
    return this.#rooms.get(this.name)!;
  }

  #with(type: string, id: string): Room | undefined {
    return this.rooms.find((room) => room.get(type, id) !== undefined);
  }

  #room(name: string): Room {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = this.#hold(name);
    this.#rooms.set(name, room);
    this.#listeners.forEach((listen) => listen(room));
    return room;
  }
}
