/**
 * A stand-in for the `chartroom` package in unit tests: one room in memory, no server.
 *
 * It keeps the promises that the workspace builds on (stable arrays, edits shown at once, `saved`
 * only when told) and lets a test play the server and the colleague.
 */
import type {
  ChartEvent,
  Client,
  Conflict,
  ConnectionStatus,
  Edit,
  Json,
  Person,
  Resource,
  Room,
} from "../src/shared/chartroom";

type Listener = (value: never) => void;

interface FakeEdit {
  edit: Edit;
  undo: () => void;
  resolve: () => void;
  reject: (error: Error) => void;
}

const ME: Person = { id: "alice", name: "Alice Chen" };
const BOB: Person = { id: "bob", name: "Bob Diaz" };

export class FakeRoom {
  readonly name: string;
  readonly url = "automerge:fake";
  synced = true;
  /** Every call that wrote, in order. */
  readonly calls: { kind: "put" | "patch" | "remove" | "restore"; id: string; value?: unknown }[] = [];
  #alive = new Map<string, Resource>();
  #removed = new Map<string, Resource>();
  #lists = new Map<string, readonly Resource[]>();
  #conflicts: readonly Conflict[] = [];
  #waiting: FakeEdit[] = [];
  #listeners = new Map<string, Set<Listener>>();

  constructor(name: string, resources: readonly Resource[]) {
    this.name = name;
    for (const resource of resources) this.#alive.set(key(resource.resourceType, resource.id), resource);
  }

  get unsaved(): number {
    return this.#waiting.length;
  }

  get(type: string, id: string): Resource | undefined {
    return this.#alive.get(key(type, id));
  }

  list(type: string): readonly Resource[] {
    const list = this.#lists.get(type) ?? [...this.#alive.values()].filter((one) => one.resourceType === type);
    this.#lists.set(type, list);
    return list;
  }

  put(resource: Resource): Edit {
    this.calls.push({ kind: "put", id: resource.id, value: resource });
    return this.#edit(resource.resourceType, resource.id, resource, ME);
  }

  patch(type: string, id: string, elements: Record<string, Json | undefined>): Edit {
    this.calls.push({ kind: "patch", id, value: elements });
    return this.#edit(type, id, this.#patched(type, id, elements), ME, Object.keys(elements));
  }

  remove(type: string, id: string): Edit {
    this.calls.push({ kind: "remove", id });
    return this.#edit(type, id, undefined, ME);
  }

  restore(type: string, id: string): Edit {
    this.calls.push({ kind: "restore", id });
    return this.#edit(type, id, this.#removed.get(key(type, id)), ME);
  }

  conflicts(): readonly Conflict[] {
    return this.#conflicts;
  }

  heads(): string[] {
    return [];
  }

  on(event: string, listener: Listener): () => void {
    const all = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, all.add(listener));
    return () => void all.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }

  /** The server made every edit durable. */
  acknowledge(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.#tell("saved", []);
  }

  /** The server refused every edit. */
  refuse(code: string, message: string): void {
    const refused = this.#waiting.splice(0);
    for (const { undo, reject } of refused.reverse()) {
      undo();
      reject(Object.assign(new Error(message), { code }));
    }
    this.#tell("refused", []);
  }

  /** A colleague wrote elements of an entry, or removed it. */
  colleague(type: string, id: string, elements: Record<string, Json> | undefined, author = BOB): void {
    const next = elements ? this.#patched(type, id, elements) : undefined;
    this.#store(type, id, next, author, Object.keys(elements ?? {}));
  }

  /** Conflicts appeared or went. */
  dispute(conflicts: readonly Conflict[]): void {
    this.#conflicts = conflicts;
    this.#tell("conflicts", conflicts);
  }

  #patched(type: string, id: string, elements: Record<string, Json | undefined>): Resource {
    const next: Resource = { ...(this.get(type, id) ?? { resourceType: type, id }) };
    for (const [name, value] of Object.entries(elements)) {
      if (value === null || value === undefined) delete next[name];
      else next[name] = value;
    }
    return next;
  }

  #edit(type: string, id: string, next: Resource | undefined, author: Person, changed: string[] = []): Edit {
    const before = this.get(type, id);
    let resolve = () => {};
    let reject: (error: Error) => void = () => {};
    const saved = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    saved.catch(() => undefined);
    const edit: Edit = { hash: "00", state: "local", stored: Promise.resolve(), saved, resource: { type, id } };
    this.#waiting.push({ edit, resolve, reject, undo: () => this.#store(type, id, before, author, changed) });
    this.#store(type, id, next, author, changed);
    return edit;
  }

  #store(type: string, id: string, next: Resource | undefined, author: Person, changed: string[]): void {
    const at = key(type, id);
    const before = this.#alive.get(at);
    if (next) this.#alive.set(at, next);
    else this.#alive.delete(at);
    if (before && !next) this.#removed.set(at, before);
    this.#lists.delete(type);
    const action = next ? (before ? "updated" : "created") : "deleted";
    const event: ChartEvent = {
      event: `RESOURCE_${action.toUpperCase()}`,
      event_type: `resource.${action}`,
      room: this.name,
      patient_id: "1",
      resource_type: type,
      resource_id: id,
      action,
      resource: next ?? { resourceType: type, id },
      changed,
      author,
      time: new Date().toISOString(),
      authored: new Date().toISOString(),
      changes: [],
      import: false,
      details: null,
      local: author.id === ME.id,
    };
    this.#tell("change", [event]);
  }

  #tell(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value as never);
  }
}

export class FakeClient implements Client {
  status: ConnectionStatus = "online";
  readonly #room: FakeRoom;
  readonly #listeners = new Set<(status: ConnectionStatus) => void>();

  constructor(room: FakeRoom) {
    this.#room = room;
  }

  open(): Promise<Room> {
    return Promise.resolve(this.#room as unknown as Room);
  }

  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The connection goes or comes. */
  become(status: ConnectionStatus): void {
    this.status = status;
    for (const listener of this.#listeners) listener(status);
  }
}

function key(type: string, id: string): string {
  return `${type}/${id}`;
}
