/**
 * A stand-in for the `chartroom` package in unit tests: one room in memory, no server.
 *
 * It keeps the promises that the workspace builds on (stable arrays, edits shown at once, `saved`
 * only when told) and lets a test play the server and the colleague.
 */
import type { Command, RoomStatus } from "chartroom";
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
  RefusedEdit,
  Resource,
  Room,
} from "../src/shared/chartroom";

type Listener = (value: never) => void;

interface FakeEdit {
  edit: Edit;
  command: Command;
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
  readOnly = false;
  /** Why patches cannot even be made, where a test says so. */
  unable: string | undefined;
  /** Every call that wrote, in order. */
  readonly calls: { kind: "put" | "patch" | "remove" | "restore" | "batch"; id: string; value?: unknown }[] = [];
  #alive = new Map<string, Resource>();
  #removed = new Map<string, Resource>();
  #lists = new Map<string, readonly Resource[]>();
  #conflicts: readonly Conflict[] = [];
  #waiting: FakeEdit[] = [];
  #made = 0;
  #listeners = new Map<string, Set<Listener>>();
  #done: { text: string; again: () => Edit }[] = [];
  #undone: { text: string; again: () => Edit }[] = [];
  readonly #texts = new Map<string, FakeText>();
  refused: readonly RefusedEdit[] = [];
  #activity: Activity[] = [];
  readonly #first: ReadonlyMap<string, Resource>;
  readonly #versions: { key: string; ms: number; alive: ReadonlyMap<string, Resource> }[] = [];
  /** What the clock of everybody says. */
  clock = () => new Date();
  #status: RoomStatus = { synced: true, unsaved: 0, progress: null, readOnly: false, error: null };
  /** What stands in the server's log, for whoever follows it. */
  readonly log: ChartEvent[] = [];
  readonly undo = {
    undoText: null as string | null,
    redoText: null as string | null,
    undo: (): Edit => this.#move("undo"),
    redo: (): Edit => this.#move("redo"),
  };
  readonly presence = {
    people: [] as readonly Present[],
    own: {} as Present["at"],
    set: (at: Present["at"] | null) => void (this.presence.own = at ?? {}),
    update: (part: Present["at"]) => void (this.presence.own = { ...this.presence.own, ...part }),
    typing: (resource: string, element: string) => this.presence.update({ resource, element, typing: true }),
  };

  constructor(name: string, resources: readonly Resource[]) {
    this.name = name;
    for (const resource of resources) this.#alive.set(key(resource.resourceType, resource.id), resource);
    this.#first = new Map(this.#alive);
  }

  get unsaved(): number {
    return this.#waiting.length;
  }

  /** The same object until it changes, as the package keeps it. */
  get status() {
    const { synced, unsaved, readOnly } = this;
    const old = this.#status;
    if (old.synced !== synced || old.unsaved !== unsaved || old.readOnly !== readOnly) this.#status = { synced, unsaved, progress: null, readOnly, error: null };
    return this.#status;
  }

  get(type: string, id: string): Resource | undefined {
    return this.#alive.get(key(type, id));
  }

  list(type: string): readonly Resource[] {
    const list = this.#lists.get(type) ?? [...this.#alive.values()].filter((one) => one.resourceType === type);
    this.#lists.set(type, list);
    return list;
  }

  put(resource: Resource, options?: { text?: string }): Edit {
    this.calls.push({ kind: "put", id: resource.id, value: resource });
    return this.#edit(resource.resourceType, resource.id, resource, ME, [], options?.text);
  }

  patch(type: string, id: string, elements: Record<string, Json | undefined>, options?: { text?: string }): Edit {
    if (this.unable) throw Object.assign(new Error(this.unable), { code: "refused" });
    this.calls.push({ kind: "patch", id, value: elements });
    return this.#edit(type, id, this.#patched(type, id, elements), ME, Object.keys(elements), options?.text);
  }

  batch(
    write: (batch: { put(resource: Resource): void; remove(type: string, id: string): void; text(type: string, id: string, element: string, text: string): void }) => void,
    options?: { text?: string },
  ): Edit {
    const puts: Resource[] = [];
    write({
      put: (resource) => void puts.push(resource),
      remove: () => undefined,
      text: (type, id, element, text) => this.#text(type, id, element).replace(text),
    });
    this.calls.push({ kind: "batch", id: puts.map(({ id }) => id).join(" "), value: puts });
    const edits = puts.map((resource) => this.#edit(resource.resourceType, resource.id, resource, ME, [], options?.text));
    return edits[0] as Edit;
  }

  remove(type: string, id: string): Edit {
    this.calls.push({ kind: "remove", id });
    return this.#edit(type, id, undefined, ME);
  }

  restore(type: string, id: string): Edit {
    this.calls.push({ kind: "restore", id });
    return this.#edit(type, id, this.#removed.get(key(type, id)), ME);
  }

  text(type: string, id: string, element: string): Promise<FakeText> {
    return Promise.resolve(this.#text(type, id, element));
  }

  conflicts(): readonly Conflict[] {
    return this.#conflicts;
  }

  resolve({ resource_type: type, id, kind, elements, values }: Conflict, { hash }: { hash: string }): Edit {
    const chosen = (values.find((value) => value.hash === hash)?.value ?? {}) as Record<string, Json>;
    if (kind === "deleted") return chosen["$deleted"] === true ? this.remove(type, id) : this.restore(type, id);
    return this.patch(type, id, { ...Object.fromEntries(elements.map((name) => [name, null])), ...chosen });
  }

  activity(): Promise<Activity[]> {
    return Promise.resolve(this.#activity);
  }

  /** The number of changes so far, as the one head. */
  heads(): string[] {
    return [String(this.#versions.length)];
  }

  types(): string[] {
    return [...new Set([...this.#alive.values()].map((one) => one.resourceType))];
  }

  at(when: readonly string[] | Date): Promise<object> {
    const count = when instanceof Date ? this.#versions.filter(({ ms }) => ms < when.getTime() + 1000).length : Number(when[0]);
    const alive = this.#versions[count - 1]?.alive ?? this.#first;
    const list = (type: string) => Promise.resolve([...alive.values()].filter((one) => one.resourceType === type));
    const get = (type: string, id: string) => Promise.resolve(alive.get(key(type, id)));
    return Promise.resolve({ heads: [String(count)], list, get });
  }

  changedSince([head]: readonly string[]): Promise<[string, string][]> {
    const since = this.#versions.slice(Number(head)).map(({ key }) => key);
    return Promise.resolve([...new Set(since)].map((one) => one.split("/") as [string, string]));
  }

  history(type: string, id: string) {
    const of = this.log.filter((one) => one.event.startsWith("RESOURCE_") && one.resource_type === type && one.resource_id === id);
    return Promise.resolve(of.map(({ changes: [hash = ""], author, authored, action, changed }) => ({ hash, author, authored_ms: Date.parse(authored), action, changed })));
  }

  on(event: string, listener: Listener, { last = 0 }: { last?: number } = {}): () => void {
    const logged = last > 0 ? this.log.filter((one) => event === "*" || one.event === event).slice(-last) : [];
    queueMicrotask(() => logged.forEach((one) => listener(one as never)));
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
    this.#tell("status", this.status);
  }

  /** The server refused every edit. */
  refuse(code: string, message: string): void {
    const refused = this.#waiting.splice(0);
    for (const { edit, command, undo, reject } of refused.reverse()) {
      undo();
      reject(Object.assign(new Error(message), { code }));
      this.#refuse(edit, command, code, message);
    }
    this.#tell("refused", []);
    this.#tell("status", this.status);
  }

  /** A colleague wrote elements of an entry, or removed it. */
  colleague(type: string, id: string, elements: Record<string, Json> | undefined, author = BOB): void {
    const next = elements ? this.#patched(type, id, elements) : undefined;
    this.#store(type, id, next, author, Object.keys(elements ?? {}));
  }

  /** The server numbered an event of its own rules. */
  number(event: string, type: string, id: string, details: Json, time = new Date()): void {
    const generic = this.#event("updated", this.get(type, id) ?? { resourceType: type, id }, BOB, []);
    this.log.push({ ...generic, event, details, time: time.toISOString(), seq: this.log.length + 1 });
    this.#tell(event, this.log.at(-1));
  }

  /** Clinical events of a change that a colleague made, as the engine derives them beside the generic one. */
  clinical(events: readonly string[], resource: Resource, more: Partial<ChartEvent> = {}): void {
    const generic = this.#event("updated", resource, BOB, []);
    this.#tell("change", events.map((event) => ({ ...generic, event, ...more })));
  }

  /** The server refused what was typed into a text, letter by letter or in one. */
  refuseTyping(id: string, splices: readonly { index: number; delete: number; insert: string }[]): void {
    for (const splice of splices) {
      this.refuseElsewhere({ kind: "splice", resourceType: "DocumentReference", id, element: "content", ...splice }, "signed", "the note is signed");
    }
  }

  /** The server refused an edit of an earlier window, or of another one. */
  refuseElsewhere(command: Command, code: string, message: string): void {
    const [type, id] = command.kind === "put" ? [command.resource.resourceType, command.resource.id] : command.kind === "batch" ? ["", ""] : [command.resourceType, command.id];
    this.#refuse({ hash: null, state: "refused", stored: Promise.resolve(), saved: Promise.resolve(), resource: { type, id } }, command, code, message);
    this.#tell("refused", []);
  }

  #refuse(edit: Edit, command: Command, code: string, message: string): void {
    const drop = () => {
      this.refused = this.refused.filter((other) => other !== refused);
      this.#tell("refused", []);
    };
    const retry = () => {
      drop();
      if (command.kind === "put") return this.put(command.resource);
      if (command.kind === "patch") return this.patch(command.resourceType, command.id, command.elements);
      throw new Error("no test makes this again");
    };
    const refused: RefusedEdit = { edit, command, code, message, drop, retry };
    this.refused = [...this.refused, refused];
  }

  #text(type: string, id: string, element: string): FakeText {
    const at = `${type}:${id}:${element}`;
    const text = this.#texts.get(at) ?? new FakeText(at);
    this.#texts.set(at, text);
    return text;
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

  #edit(type: string, id: string, next: Resource | undefined, author: Person, changed: string[] = [], text = `change ${id}`): Edit {
    const before = this.get(type, id);
    let resolve = () => {};
    let reject: (error: Error) => void = () => {};
    const saved = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    saved.catch(() => undefined);
    const edit: Edit = { hash: `${(this.#made += 1)}`, state: "local", stored: Promise.resolve(), saved, resource: { type, id } };
    const command: Command = next ? { kind: "put", resource: next } : { kind: "delete", resourceType: type, id };
    this.#waiting.push({ edit, command, resolve, reject, undo: () => this.#store(type, id, before, author, changed) });
    this.#store(type, id, next, author, changed);
    this.#record({ text, again: () => this.#edit(type, id, before, ME, changed, text) });
    this.#tell("status", this.status);
    return edit;
  }

  #record(entry: { text: string; again: () => Edit }): void {
    this.#done.push(entry);
    this.#tellUndo();
  }

  /** The edit that takes another one back is itself the other one's opposite. */
  #move(way: "undo" | "redo"): Edit {
    const [from, to] = way === "undo" ? [this.#done, this.#undone] : [this.#undone, this.#done];
    const entry = from.pop();
    if (!entry) throw Object.assign(new Error(`there is nothing to ${way}`), { code: `nothing-to-${way}` });
    const edit = entry.again();
    const opposite = this.#done.pop();
    if (opposite) to.push(opposite);
    this.#tellUndo();
    return edit;
  }

  #tellUndo(): void {
    this.undo.undoText = this.#done.at(-1)?.text ?? null;
    this.undo.redoText = this.#undone.at(-1)?.text ?? null;
    this.#tell("undo", undefined);
  }

  #store(type: string, id: string, next: Resource | undefined, author: Person, changed: string[]): void {
    const at = key(type, id);
    const before = this.#alive.get(at);
    if (next) this.#alive.set(at, next);
    else this.#alive.delete(at);
    if (before && !next) this.#removed.set(at, before);
    this.#lists.delete(type);
    this.#versions.push({ key: at, ms: this.clock().getTime(), alive: new Map(this.#alive) });
    const action = next ? (before ? "updated" : "created") : "deleted";
    const event = this.#event(action, next ?? { resourceType: type, id }, author, changed);
    const saved = !event.local;
    const entry = { text: `${author.name} ${action} ${id}`, author, time: event.time, local: event.local, saved, event };
    this.#activity = [entry, ...this.#activity];
    this.#tell("touched", [`${type}/${id}`]);
    this.log.push(event);
    this.#tell("change", [event]);
    this.#tell("*", event);
  }

  #event(action: ChartEvent["action"], resource: Resource, author: Person, changed: string[]): ChartEvent {
    const now = this.clock().toISOString();
    return {
      event: `RESOURCE_${action.toUpperCase()}`,
      event_type: `resource.${action}`,
      room: this.name,
      patient_id: "1",
      resource_type: resource.resourceType,
      resource_id: resource.id,
      action,
      resource,
      changed,
      author,
      time: now,
      authored: now,
      changes: [String(this.#versions.length)],
      import: false,
      details: null,
      local: author.id === ME.id,
    };
  }

  #tell(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value as never);
  }
}

/** A text that two people write: whoever writes replaces it. */
export class FakeText {
  readonly frozen = null;
  readonly isSettled = true;
  #words = "";
  readonly #listeners = new Set<() => void>();

  constructor(readonly key: string) {}

  toString(): string {
    return this.#words;
  }

  /** Somebody wrote. */
  replace(words: string): void {
    this.#words = words;
    for (const listener of this.#listeners) listener();
  }

  on(_event: string, listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {}
}

export class FakeClient implements Client {
  state: ClientState = { connection: "online", error: null, storage: "ok", storageError: null, unsaved: 0, refused: 0, unstored: 0 };
  /** How somebody signed out. */
  left: unknown;
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

  signOut(options: unknown): Promise<void> {
    this.left = options;
    return Promise.resolve();
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
