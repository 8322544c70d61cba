import { ChartroomError } from "./errors.js";
import type { RoomSession } from "./session.js";
import type { ChartEvent, Conflict, Edit, FollowOptions, Json, Resource, RoomEvents, RoomStatus, Unsubscribe } from "./types.js";

/**
 * An open room: a patient's chart, read and written as FHIR resources. Every edit shows at once and
 * travels when there is a connection. Close it when nobody looks any more.
 */
export class Room {
  /** The room's name, `patient:1` for example. */
  readonly name: string;
  readonly #session: RoomSession;
  readonly #onClose: () => void;
  readonly #subscriptions = new Set<Unsubscribe>();
  #closed = false;

  /** @internal */
  constructor(session: RoomSession, onClose: () => void) {
    this.name = session.name;
    this.#session = session;
    this.#onClose = onClose;
  }

  /** The address of the room's document for automerge-repo clients, `automerge:…`. */
  get url(): string {
    return `automerge:${this.#session.documentId}`;
  }

  /** Whether what the server had when the connection came up is here, and the connection still is. */
  get synced(): boolean {
    return this.#session.status.synced;
  }

  /** How many edits of this client the server has not made durable yet. */
  get unsaved(): number {
    return this.#session.status.unsaved;
  }

  /** `synced`, `unsaved`, `progress` and what is wrong, as one object that stays the same until one of them changes. */
  get status(): RoomStatus {
    return this.#session.status;
  }

  /** One resource; `undefined` if it is absent or deleted. The same object until it changes. */
  get(type: string, id: string): Resource | undefined {
    return this.#open().resource(type, id);
  }

  /** Every resource of a type, by id. The same array until one of them changes. */
  list(type: string): readonly Resource[] {
    return this.#open().list(type);
  }

  /** Makes a resource stand as given. Only what differs is written, so edits of others elsewhere in it stand. */
  put(resource: Resource): Edit {
    return this.#open().command({ kind: "put", resource });
  }

  /** Sets elements of a resource; `null` or `undefined` removes one. */
  patch(type: string, id: string, elements: Record<string, Json | undefined>): Edit {
    const entries = Object.entries(elements).map(([name, value]) => [name, value ?? null] as const);
    return this.#open().command({ kind: "patch", resourceType: type, id, elements: Object.fromEntries(entries) });
  }

  /** Deletes a resource. It stays in history, and `restore` brings it back. */
  remove(type: string, id: string): Edit {
    return this.#open().command({ kind: "delete", resourceType: type, id });
  }

  /** Takes a delete back. */
  restore(type: string, id: string): Edit {
    return this.#open().command({ kind: "undelete", resourceType: type, id });
  }

  /** Edits that did not know of each other and wait for a person to choose. The same array until they change. */
  conflicts(): readonly Conflict[] {
    return this.#open().conflicts();
  }

  /** The hashes that name the room's present state, in hex. */
  heads(): string[] {
    return this.#open().heads();
  }

  /** Subscribes to what the room tells; see {@link RoomEvents}. */
  on<K extends keyof RoomEvents>(event: K, listener: (value: RoomEvents[K]) => void): Unsubscribe;
  /**
   * Subscribes to clinical events by name, such as `RESOURCE_CREATED`, or to all of them with `*`.
   *
   * They come as this client derives them: at once, without a number, and none for what happened
   * while it was away. With `after` they come from the server's log instead: numbered, durable,
   * from the number behind `after` on, and after a break from where it was, none missed or repeated.
   */
  on(event: string, listener: (event: ChartEvent) => void, options?: FollowOptions): Unsubscribe;
  on(name: string, listener: (value: never) => void, options?: FollowOptions): Unsubscribe {
    const { emitter, follows } = this.#open();
    const told = listener as (value: unknown) => void;
    const heard = (event: ChartEvent) => {
      if (name === "*" || name === event.event) told(event);
    };
    const unsubscribe = isRoomEvent(name) ? emitter.on(name, told) : options ? follows.add(options, heard) : emitter.on("event", heard);
    const once = () => {
      unsubscribe();
      this.#subscriptions.delete(once);
    };
    this.#subscriptions.add(once);
    return once;
  }

  /**
   * Ends all subscriptions; calls after this throw `room-closed`. Unsaved edits are not lost: the
   * client keeps the room connected behind the scenes until the server has answered for them.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const unsubscribe of [...this.#subscriptions]) unsubscribe();
    this.#onClose();
  }

  #open(): RoomSession {
    if (this.#closed) throw new ChartroomError("room-closed", "the room was closed; open it again");
    return this.#session;
  }
}

const ROOM_EVENTS: Record<keyof RoomEvents, true> = {
  change: true,
  saved: true,
  refused: true,
  status: true,
  conflicts: true,
  authors: true,
};

function isRoomEvent(name: string): name is keyof RoomEvents {
  return Object.hasOwn(ROOM_EVENTS, name);
}
