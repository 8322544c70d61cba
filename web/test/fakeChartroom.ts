/**
 * A stand-in for the `chartroom` package in unit tests: one room in memory, no server.
 *
 * It keeps the promises that the workspace builds on (stable arrays, edits shown at once, `saved`
 * only when told) and lets a test play the server and the colleague.
 */
import type {
  Activity,
  ChartEvent,
  Client,
  Conflict,
  ClientState,
  ConnectionStatus,
  Edit,
  Json,
  Person,
  Present,
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
  #undo: (() => Edit) | undefined;
  #activity: Activity[] = [];
  readonly undo = {
    undo: (): Edit => {
      const undo = this.#undo;
      if (!undo) throw Object.assign(new Error("there is nothing to undo"), { code: "nothing-to-undo" });
      return undo();
    },
  };
  readonly presence = {
    people: [] as readonly Present[],
    own: {} as Present["at"],
    set: (at: Present["at"] | null) => void (this.presence.own = at ?? {}),
    update: (part: Present["at"]) => void (this.presence.own = { ...this.presence.own, ...part }),
  };

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

  activity(): Promise<Activity[]> {
    return Promise.resolve(this.#activity);
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

  /** A colleague looks somewhere, or is gone. */
  visitor(at: Present["at"] | undefined, person = BOB): void {
    const others = this.presence.people.filter((present) => present.person?.id !== person.id);
    this.presence.people = at ? [...others, { window: person.id, person, at }] : others;
    this.#tell("presence", this.presence.people);
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
    this.#undo = () => this.#edit(type, id, before, ME, changed);
    this.#tell("undo", undefined);
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
    const saved = !event.local;
    const entry = { text: `${author.name} ${action} ${id}`, author, time: event.time, local: event.local, saved, event };
    this.#activity = [entry, ...this.#activity];
    this.#tell("change", [event]);
  }

  #tell(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value as never);
  }
}

export class FakeClient implements Client {
  state: ClientState = { connection: "online", error: null, storage: "ok", storageError: null, unsaved: 0, unstored: 0 };
  readonly #rooms: readonly FakeRoom[];
  readonly #listeners = new Set<(state: ClientState) => void>();

  constructor(...rooms: readonly FakeRoom[]) {
    this.#rooms = rooms;
  }

  get status(): ConnectionStatus {
    return this.state.connection;
  }

  open(name: string): Promise<Room> {
    const room = this.#rooms.find((one) => one.name === name);
    if (!room) return Promise.reject(Object.assign(new Error("there is no such room"), { code: "room-not-found" }));
    return Promise.resolve(room as unknown as Room);
  }

  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    return this.onState(({ connection }) => listener(connection));
  }

  onState(listener: (state: ClientState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  signIn(): void {
    this.become("online");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The connection goes or comes. */
  become(connection: ConnectionStatus, rest: Partial<ClientState> = {}): void {
    this.state = { ...this.state, connection, ...rest };
    for (const listener of this.#listeners) listener(this.state);
  }
}

function key(type: string, id: string): string {
  return `${type}/${id}`;
}
