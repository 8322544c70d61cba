import { Collections } from "./collections.js";
import { Deferred } from "./deferred.js";
import { LocalEdit } from "./edit.js";
import { Emitter } from "./emitter.js";
import { Follows } from "./follows.js";
import { newShell, readOutputs, type EngineEvent, type Report, type RoomShell } from "./engine.js";
import { ChartroomError, fromEngine } from "./errors.js";
import type { ChartEvent, Command, Conflict, Person, RefusedEdit, Resource, RoomEvents, RoomStatus } from "./types.js";
import type { Outputs } from "./wasm/chartroom.js";

/** What a session asks of the client that owns it. */
export interface SessionLink {
  readonly person: Person | undefined;
  /** Sends a sync message about the session's document. */
  send(session: RoomSession, message: Uint8Array): void;
  /** Asks the server for the room again, after the session started afresh. */
  enter(session: RoomSession): void;
  /** Asks for the room's numbered events behind `after`; gives the number that answers carry. */
  follow(session: RoomSession, after: number): number;
  /** Those events are not wanted any more. */
  unfollow(id: number): void;
  /** The connection has delivered what cannot be: make it anew. */
  reconnect(reason: ChartroomError): void;
  /** The session has nothing unsaved any more. */
  drained(session: RoomSession): void;
}

/** What a session tells: what rooms tell, and each event by its own name through `event`. */
type SessionEvents = RoomEvents & { event: ChartEvent };

/**
 * One room of the engine and what this client knows about it, shared by every open {@link Room} of
 * that name. It outlives them while it has unsaved edits.
 */
export class RoomSession {
  readonly emitter = new Emitter<SessionEvents>();
  /** Listeners to the server's log. */
  readonly follows: Follows;
  documentId: string;
  #shell: RoomShell;
  #epoch = 1;
  #online = false;
  #status: RoomStatus = { synced: false, unsaved: 0, progress: null, error: null };
  /** What has arrived of a sync message that comes in parts. */
  #parts: { bytes: Uint8Array; length: number } | undefined;
  readonly #collections = new Collections();
  /** Unsaved edits by hash, in the order they were made. */
  readonly #edits = new Map<string, LocalEdit>();
  /** Unsaved edits on their way into the room's next epoch, and what they come to there. */
  readonly #carried: { edit: LocalEdit; command: Command }[] = [];
  /** Hashes of all changes made here, to tell one's own events. */
  readonly #mine = new Set<string>();
  #conflicts: { list: readonly Conflict[]; json: string } = { list: Object.freeze([]), json: "[]" };
  #conflictsStale = true;
  readonly #firstAnswer = new Deferred();
  #ended: ChartroomError | undefined;

  constructor(
    readonly name: string,
    readonly link: SessionLink,
  ) {
    this.#shell = this.#call(() => newShell(name, this.#epoch, link.person));
    this.documentId = this.#shell.documentId();
    this.follows = new Follows({ follow: (after) => link.follow(this, after), unfollow: (id) => link.unfollow(id) });
  }

  get status(): RoomStatus {
    return this.#status;
  }

  /** Resolves once the server has sent what it has, or cannot be asked; rejects if it refuses. */
  get firstAnswer(): Promise<void> {
    return this.#firstAnswer.promise;
  }

  resource(type: string, id: string): Resource | undefined {
    return this.#call(() => this.#collections.get(this.#shell, type, id));
  }

  list(type: string): readonly Resource[] {
    return this.#call(() => this.#collections.list(this.#shell, type));
  }

  heads(): string[] {
    return this.#call(() => this.#shell.heads());
  }

  conflicts(): readonly Conflict[] {
    if (this.#conflictsStale) {
      const json = this.#call(() => this.#shell.conflicts());
      if (json !== this.#conflicts.json) this.#conflicts = { list: Object.freeze(JSON.parse(json) as Conflict[]), json };
      this.#conflictsStale = false;
    }
    return this.#conflicts.list;
  }

  command(command: Command): LocalEdit {
    return this.#apply(command, (hash) => new LocalEdit(hash, command));
  }

  #apply(command: Command, make: (hash: string | null) => LocalEdit): LocalEdit {
    const outputs = this.#call(() => apply(this.#shell, command));
    const { report, messages } = readOutputs(outputs);
    const edit = make(report?.edit?.hash ?? null);
    if (edit.hash !== null) {
      this.#edits.set(edit.hash, edit);
      this.#mine.add(edit.hash);
    }
    this.#take(report, messages);
    return edit;
  }

  /** The server has named the room's document, on a connection that is new. */
  entered(epoch: number, documentId: string): void {
    if (epoch !== this.#epoch) this.#moveOn(epoch);
    if (documentId !== this.documentId) {
      return this.refusedRoom(new ChartroomError("protocol", "the server has another document for this room"));
    }
    if (this.#online) return;
    this.#online = true;
    this.#feed(() => this.#shell.joined(Date.now()), { sends: false });
    this.follows.online();
  }

  /** The server does not serve this room. */
  refusedRoom(error: ChartroomError): void {
    this.#firstAnswer.reject(error);
    this.#setStatus({ synced: false, progress: null, error });
  }

  left(): void {
    this.#firstAnswer.resolve();
    this.follows.offline();
    if (!this.#online) return;
    this.#online = false;
    for (const edit of this.#edits.values()) edit.markUnsent();
    this.#feed(() => this.#shell.left(Date.now()));
    this.#parts = undefined;
    this.#setStatus({ synced: false, progress: null });
  }

  received(message: Uint8Array): void {
    if (!this.#online) return;
    this.#feed(() => this.#shell.receive(Date.now(), message));
    if (this.#status.error?.code !== "engine-failed") this.#setStatus({ synced: true, progress: null, error: null });
    this.#firstAnswer.resolve();
    this.#makeAgain();
  }

  /** The next piece of a sync message of `total` bytes, which the engine is given whole. */
  receivedPart(total: number, data: Uint8Array): void {
    if (!this.#online) return;
    const parts = (this.#parts ??= { bytes: new Uint8Array(total), length: 0 });
    if (parts.length + data.length > parts.bytes.length) {
      return this.link.reconnect(new ChartroomError("protocol", "the server sent more of a message than it has"));
    }
    parts.bytes.set(data, parts.length);
    parts.length += data.length;
    if (parts.length < total) return this.#setStatus({ progress: parts.length / total });
    this.#parts = undefined;
    this.received(parts.bytes);
  }

  introduced(authors: { actor: Uint8Array; id: string; name: string }[]): void {
    for (const { actor, id, name } of authors) this.#feed(() => this.#shell.introduced(Date.now(), actor, id, name));
    this.#conflictsStale = true;
    this.emitter.emit("authors", undefined);
    this.#tellConflicts();
  }

  /** Numbered events came for one of the listeners, perhaps of this room. */
  followed(id: number, events: EngineEvent[]): void {
    this.follows.events(id, events, (event) => this.#told(event));
  }

  refusedChanges(hashes: Uint8Array[], reason: ChartroomError): void {
    const joined = new Uint8Array(hashes.length * 32);
    hashes.forEach((hash, index) => joined.set(hash.subarray(0, 32), index * 32));
    this.#feed(() => this.#shell.refused(Date.now(), joined), { reason });
  }

  tick(): void {
    this.#feed(() => this.#shell.tick(Date.now()));
  }

  /** Ends the session; what becomes of its unsaved edits is not known. */
  end(reason: ChartroomError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#firstAnswer.reject(reason);
    for (const edit of [...this.#edits.values(), ...this.#carried.map(({ edit }) => edit)]) edit.abandon(reason);
    this.#edits.clear();
    this.#carried.length = 0;
    this.#online = false;
    this.#shell.free();
  }

  /** Gives the engine an input that came over the wire; a failure is this room's, not the socket's. */
  #feed(input: () => Outputs, { sends = true, reason }: { sends?: boolean; reason?: ChartroomError } = {}): void {
    if (this.#ended) return;
    let outputs: ReturnType<typeof readOutputs>;
    try {
      outputs = readOutputs(this.#call(input));
    } catch (error) {
      return this.refusedRoom(fromEngine(error));
    }
    this.#take(outputs.report, outputs.messages, { sends, ...(reason && { reason }) });
  }

  /** Does what a call had to say: messages leave first, then listeners hear what happened. */
  #take(
    report: Report | undefined,
    messages: Uint8Array[],
    { sends = true, reason }: { sends?: boolean; reason?: ChartroomError } = {},
  ): void {
    for (const message of messages) this.link.send(this, message);
    // The opening message carries heads alone; every later one carries what the server lacks.
    if (sends && messages.length > 0) for (const edit of this.#edits.values()) edit.markSent();
    if (report) {
      this.#tellChanges(report);
      this.#tellSaved(report);
      this.#tellRefused(report, reason ?? new ChartroomError("refused", "the server refused the edit"));
    }
    this.#setStatus({});
    if (report?.closed) this.link.reconnect(new ChartroomError("protocol", report.closed));
    if (report?.reload) {
      this.#startAfresh(this.#epoch, "engine-reloaded", "the room had to be loaded anew");
      this.link.enter(this);
    }
  }

  #tellChanges({ events, adopted }: Report): void {
    if (!adopted && events.length === 0) return;
    if (adopted) {
      this.#collections.touchAll();
      this.#conflictsStale = true;
    }
    for (const event of events) {
      this.#touch(event.resource_type, event.resource_id);
      if (event.event_type.startsWith("conflict.")) this.#conflictsStale = true;
    }
    const told = events.map((event) => this.#told(event));
    if (adopted) this.emitter.emit("change", []);
    if (told.length > 0) this.emitter.emit("change", told);
    for (const event of told) this.emitter.emit("event", event);
    this.#tellConflicts();
  }

  #told(event: EngineEvent): ChartEvent {
    return { ...event, local: event.changes.some((hash) => this.#mine.has(hash)) };
  }

  /** A resource may have changed; its conflicts too, which are costly to look for everywhere. */
  #touch(type: string, id: string): void {
    this.#collections.touch(type, id);
    if (this.#conflicts.list.some((conflict) => conflict.resource_type === type && conflict.id === id)) this.#conflictsStale = true;
  }

  #tellConflicts(): void {
    if (!this.#conflictsStale || !this.emitter.has("conflicts")) return;
    const known = this.#conflicts.list;
    if (this.conflicts() !== known) this.emitter.emit("conflicts", this.conflicts());
  }

  #tellSaved({ saved }: Report): void {
    const edits = saved.flatMap((hash) => this.#settle(hash));
    // With the server's order known, another value of a conflict may be the one that shows.
    for (const { resource } of edits) this.#touch(resource.type, resource.id);
    for (const edit of edits) edit.markSaved();
    if (edits.length === 0) return;
    this.emitter.emit("saved", edits);
    this.#tellConflicts();
  }

  #tellRefused({ givenBack }: Report, reason: ChartroomError): void {
    const edits = givenBack.flatMap((hash) => this.#settle(hash));
    this.#refuse(edits, reason);
  }

  #refuse(edits: LocalEdit[], reason: ChartroomError): void {
    for (const edit of edits) edit.markRefused(reason);
    const told = edits.map((edit): RefusedEdit => ({ edit, command: edit.command, code: reason.code, message: reason.message }));
    if (told.length > 0) this.emitter.emit("refused", told);
  }

  #settle(hash: string): LocalEdit[] {
    const edit = this.#edits.get(hash);
    this.#edits.delete(hash);
    return edit ? [edit] : [];
  }

  /** The room was founded anew: unsaved edits are made again in its next epoch, once that is here. */
  #moveOn(epoch: number): void {
    const pending = JSON.parse(this.#call(() => this.#shell.takePending())) as [string, Command][];
    for (const [hash, command] of pending) this.#carried.push(...this.#settle(hash).map((edit) => ({ edit, command })));
    this.#startAfresh(epoch, "re-founded", "the room was founded anew");
  }

  #makeAgain(): void {
    for (const { edit, command } of this.#carried.splice(0)) {
      try {
        this.#apply(command, (hash) => {
          edit.markRemade(hash);
          return edit;
        });
      } catch (error) {
        this.#refuse([edit], fromEngine(error));
      }
    }
    this.#setStatus({});
  }

  /** Leaves the engine's room behind for a new one; unsaved edits go back to the person. */
  #startAfresh(epoch: number, code: string, message: string): void {
    const shell = this.#call(() => newShell(this.name, epoch, this.link.person));
    this.#shell.free();
    this.#shell = shell;
    this.#epoch = epoch;
    this.documentId = shell.documentId();
    this.#online = false;
    this.#parts = undefined;
    this.#collections.touchAll();
    this.#conflictsStale = true;
    const edits = [...this.#edits.values()];
    this.#edits.clear();
    this.emitter.emit("change", []);
    this.#refuse(edits, new ChartroomError(code, message));
    this.#setStatus({ synced: false, progress: null });
  }

  #setStatus(change: Partial<RoomStatus>): void {
    const old = this.#status;
    const status = { ...old, ...change, unsaved: this.#edits.size + this.#carried.length };
    if ((Object.keys(status) as (keyof RoomStatus)[]).every((name) => old[name] === status[name])) return;
    this.#status = status;
    this.emitter.emit("status", status);
    if (old.unsaved > 0 && status.unsaved === 0) this.link.drained(this);
  }

  #call<T>(body: () => T): T {
    if (this.#ended) throw this.#ended;
    try {
      return body();
    } catch (error) {
      throw fromEngine(error);
    }
  }
}

function apply(shell: RoomShell, command: Command): Outputs {
  const now = Date.now();
  switch (command.kind) {
    case "put":
      return shell.put(now, JSON.stringify(command.resource));
    case "patch":
      return shell.patch(now, command.resourceType, command.id, JSON.stringify(command.elements));
    case "delete":
      return shell.remove(now, command.resourceType, command.id);
    case "undelete":
      return shell.restore(now, command.resourceType, command.id);
  }
}
