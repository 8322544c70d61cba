import { ChartroomError } from "../errors.js";
import type { ChartEvent, Command, Conflict, Edit, FollowOptions, HistoryEntry, Json, RefusedEdit, Resource, ResourceCommand, ResourceOf, ResourceType, RoomEvents, RoomStatus, SetTextCommand, Unsubscribe } from "../types.js";
import { activityOf, type Activity } from "./activity.js";
import { checkElement, checkHeads, checkNames, plain, plainResource } from "./check.js";
import { conflictView, resolution, type Choice, type ConflictView } from "./conflict.js";
import { resourceCommands } from "./mirror.js";
import { Past } from "./past.js";
import type { PagePresence } from "./presence.js";
import type { TextView } from "./text.js";
import type { UndoStack } from "./undo.js";
import type { RoomView } from "./view.js";

/** How many events of the log `activity` looks through. */
const ACTIVITY_EVENTS = 200;
/** How long it waits for the server before it does with what this window heard. */
const ACTIVITY_MS = 2_000;

/** How an edit is to be told. */
export interface EditOptions {
  /** What it does, for "Undo: …"; made of the edit where nothing is given. */
  text?: string;
}

/**
 * An open room: a patient's chart, read and written as FHIR resources. Every edit shows at once and
 * travels when there is a connection. Close it when nobody looks any more.
 */
export class Room {
  /** The room's name, `patient:1` for example. */
  readonly name: string;
  readonly #view: RoomView;
  readonly #onClose: () => void;
  readonly #subscriptions = new Set<Unsubscribe>();
  readonly #texts = new Set<TextView>();
  #closed = false;

  /** @internal */
  constructor(view: RoomView, onClose: () => void) {
    this.name = view.name;
    this.#view = view;
    this.#onClose = onClose;
  }

  /** The address of the room's document for automerge-repo clients, `automerge:…`. */
  get url(): string {
    return `automerge:${this.#view.documentId}`;
  }

  /** Whether what the server had when the connection came up is here, and the connection still is. */
  get synced(): boolean {
    return this.#view.status.synced;
  }

  /** How many edits of this device the server has not made durable yet. */
  get unsaved(): number {
    return this.#view.status.unsaved;
  }

  /** `synced`, `unsaved`, `progress` and what is wrong, as one object that stays the same until one of them changes. */
  get status(): RoomStatus {
    return this.#view.status;
  }

  /** Who else is here, and where they look. */
  get presence(): PagePresence {
    const { presence } = this.#open();
    presence.begin();
    return presence;
  }

  /** One's own edits of this window, to take back and to do again. */
  get undo(): UndoStack {
    return this.#open().undo;
  }

  /** Refused edits that nobody has made again or dropped. The same array until they change. */
  get refused(): readonly RefusedEdit[] {
    return this.#open().refused;
  }

  /** One resource; `undefined` if it is absent or deleted. The same object until it changes. */
  get<T extends ResourceType>(type: T, id: string): ResourceOf<T> | undefined;
  get(type: string, id: string): Resource | undefined;
  get(type: string, id: string): Resource | undefined {
    return this.#open().mirror.get(type, id);
  }

  /** Every resource of a type, by id. The same array until one of them changes. */
  list<T extends ResourceType>(type: T): readonly ResourceOf<T>[];
  list(type: string): readonly Resource[];
  list(type: string): readonly Resource[] {
    return this.#open().mirror.list(type);
  }

  /** Those of a type for which `where` holds. */
  query<T extends ResourceType>(type: T, where: (resource: ResourceOf<T>) => boolean): ResourceOf<T>[] {
    return this.list(type).filter(where);
  }

  /** The types of which there are resources, sorted. */
  types(): string[] {
    return this.#open().mirror.types();
  }

  /** Makes a resource stand as given. Only what differs is written, so edits of others elsewhere in it stand. */
  put(resource: object, options?: EditOptions): Edit {
    return this.#command({ kind: "put", resource: plainResource(resource) }, options);
  }

  /** Sets elements of a resource; `null` or `undefined` removes one. */
  patch(type: string, id: string, elements: Record<string, unknown>, options?: EditOptions): Edit {
    return this.#command(patchOf(type, id, elements), options);
  }

  /** Deletes a resource. It stays in history, and `restore` brings it back. */
  remove(type: string, id: string, options?: EditOptions): Edit {
    checkNames(type, id);
    return this.#command({ kind: "delete", resourceType: type, id }, options);
  }

  /** Takes a delete back. */
  restore(type: string, id: string, options?: EditOptions): Edit {
    checkNames(type, id);
    return this.#command({ kind: "undelete", resourceType: type, id }, options);
  }

  /** Several edits as one change: all of them happen, or none. Each is of another resource, but that texts may follow on its put. */
  batch(write: (batch: Batch) => void, options?: EditOptions): Edit {
    const commands: (ResourceCommand | SetTextCommand)[] = [];
    write({
      put: (resource) => void commands.push({ kind: "put", resource: plainResource(resource) }),
      patch: (type, id, elements) => void commands.push(patchOf(type, id, elements)),
      remove: (type, id) => {
        checkNames(type, id);
        commands.push({ kind: "delete", resourceType: type, id });
      },
      text: (type, id, element, text) => {
        checkNames(type, id);
        commands.push({ kind: "setText", resourceType: type, id, element: checkElement(element), text });
      },
    });
    if (commands.length === 0) throw new ChartroomError("bad-shape", "a batch has at least one edit");
    return this.#command({ kind: "batch", commands }, options);
  }

  /** Edits that did not know of each other and wait for a person to choose. The same array until they change. */
  conflicts(): readonly Conflict[] {
    return this.#open().conflicts;
  }

  /** A conflict as a dialog shows it: both sides in words, with who and when. */
  describe(conflict: Conflict): ConflictView {
    return conflictView(conflict, this.get(conflict.resource_type, conflict.id));
  }

  /** Settles a conflict for everyone, with one of the sides or with values of one's own. */
  resolve(conflict: Conflict, choice: Choice): Edit {
    return this.#recorded(resolution(conflict, choice));
  }

  /** The hashes that name the room's present state, in hex. */
  heads(): readonly string[] {
    return this.#open().heads;
  }

  /** The room as it was: at heads, or at a time, by the second in which changes say that they were made. */
  async at(when: readonly string[] | Date): Promise<Past> {
    const view = this.#open();
    if (when instanceof Date && Number.isNaN(when.getTime())) throw new ChartroomError("bad-number", "this is no time");
    const heads = when instanceof Date ? await view.link.ask(this.name, { about: "heads-at", ms: when.getTime() }) : when;
    checkHeads(heads);
    return new Past(this.name, Object.freeze([...heads]), { ask: (room, question) => this.#open().link.ask(room, question) });
  }

  /** The changes of a resource, the oldest first, with their authors. */
  async history(type: string, id: string): Promise<HistoryEntry[]> {
    checkNames(type, id);
    return this.#open().link.ask(this.name, { about: "history", type, id });
  }

  /** Type and id of what was written since the room had these heads: what changed since somebody last looked. */
  async changedSince(heads: readonly string[]): Promise<[type: string, id: string][]> {
    checkHeads(heads);
    return this.#open().link.ask(this.name, { about: "changed-since", heads });
  }

  /** The room as a FHIR Bundle of the type collection. */
  async export(): Promise<Resource> {
    return JSON.parse(await this.#open().link.ask(this.name, { about: "export" })) as Resource;
  }

  /**
   * What people did here, the latest first: from the server's log, and what is not in it yet. Without
   * a connection, what this window has heard.
   */
  async activity({ events = ACTIVITY_EVENTS }: { events?: number } = {}): Promise<Activity[]> {
    const view = this.#open();
    return activityOf([...view.heard(), ...(await view.logged(events, ACTIVITY_MS))]);
  }

  /**
   * A text that people write together, such as a note's: `room.text("DocumentReference", "n1", "content")`.
   * Close it when nobody shows it any more.
   */
  async text(type: string, id: string, element: string): Promise<TextView> {
    checkNames(type, id);
    const text = await this.#open().openText(type, id, checkElement(element));
    this.#texts.add(text);
    return text;
  }

  /** Subscribes to what the room tells; see {@link RoomEvents}. */
  on<K extends keyof RoomEvents>(event: K, listener: (value: RoomEvents[K]) => void): Unsubscribe;
  /**
   * Subscribes to clinical events by name, such as `RESOURCE_CREATED`, or to all of them with `*`.
   *
   * They come as this device derives them: at once, without a number, and none for what happened
   * while it was away. With `after` they come from the server's log instead: numbered, durable,
   * from the number behind `after` on, and after a break from where it was, none missed or repeated.
   */
  on(event: string, listener: (event: ChartEvent) => void, options?: FollowOptions): Unsubscribe;
  on(name: string, listener: (value: never) => void, options?: FollowOptions): Unsubscribe {
    const view = this.#open();
    const told = listener as (value: unknown) => void;
    const heard = (event: ChartEvent) => {
      if (name === "*" || name === event.event) told(event);
    };
    if (name === "presence") view.presence.begin();
    const unsubscribe = isRoomEvent(name) ? view.emitter.on(name, told) : options ? view.follow(options, heard) : view.emitter.on("event", heard);
    return this.#subscribed(unsubscribe);
  }

  /**
   * Ends all subscriptions; calls after this throw `room-closed`. Unsaved edits are not lost: the
   * client keeps the room connected behind the scenes until the server has answered for them.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const unsubscribe of [...this.#subscriptions]) unsubscribe();
    for (const text of this.#texts) text.close();
    this.#onClose();
  }

  #subscribed(unsubscribe: Unsubscribe): Unsubscribe {
    const once = () => {
      unsubscribe();
      this.#subscriptions.delete(once);
    };
    this.#subscriptions.add(once);
    return once;
  }

  /** An edit of what stands. */
  #command(command: Command, options: EditOptions | undefined): Edit {
    const { mirror } = this.#open();
    for (const part of resourceCommands(command)) {
      if ((part.kind === "patch" || part.kind === "delete") && !mirror.get(part.resourceType, part.id)) {
        throw new ChartroomError("not-found", "there is no such resource in this room; put it, or restore it if it was deleted");
      }
    }
    return this.#recorded(command, options);
  }

  #recorded(command: Command, options?: EditOptions): Edit {
    const view = this.#open();
    const done = view.undo.record(command, options?.text);
    const edit = view.command(command);
    done(edit);
    return edit;
  }

  #open(): RoomView {
    if (this.#closed) throw new ChartroomError("room-closed", "the room was closed; open it again");
    this.#view.check();
    return this.#view;
  }
}

/** What a batch takes. */
export interface Batch {
  /** As `room.put`. */
  put(resource: object): void;
  /** As `room.patch`. */
  patch(type: string, id: string, elements: Record<string, unknown>): void;
  /** As `room.remove`. */
  remove(type: string, id: string): void;
  /** Makes a text of a resource read like this, so that a new note has its text before anybody types. */
  text(type: string, id: string, element: string, text: string): void;
}

const ROOM_EVENTS: Record<keyof RoomEvents, true> = {
  change: true,
  touched: true,
  saved: true,
  refused: true,
  status: true,
  conflicts: true,
  authors: true,
  presence: true,
  undo: true,
};

function isRoomEvent(name: string): name is keyof RoomEvents {
  return Object.hasOwn(ROOM_EVENTS, name);
}

function patchOf(type: string, id: string, elements: Record<string, unknown>): ResourceCommand {
  checkNames(type, id);
  if (typeof elements !== "object" || elements === null || Array.isArray(elements)) {
    throw new ChartroomError("bad-shape", "elements are an object of names and values");
  }
  if ((elements.resourceType ?? type) !== type || (elements.id ?? id) !== id) {
    throw new ChartroomError("bad-shape", "a patch does not change what a resource is called; put another one");
  }
  const entries = Object.entries(elements).map(([name, value]): [string, Json] => [name, plain(value, `${type}.${name}`)]);
  return { kind: "patch", resourceType: type, id, elements: Object.fromEntries(entries) };
}
