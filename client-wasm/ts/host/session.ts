import { Deferred } from "../deferred.js";
import { ChartroomError, fromEngine } from "../errors.js";
import type { EditNews, Fault, HostRoomStatus, Question, Update } from "../protocol.js";
import type { RoomWrite, Store, StoredAuthor, StoredEdit, StoredRefusal, StoredRoom } from "../store/store.js";
import type { Command, Conflict, EditState, Person } from "../types.js";
import type { Outputs } from "../wasm/chartroom.js";
import { newShell, readOutputs, type Report, type RoomShell, type Said } from "./engine.js";
import { Follows } from "./follows.js";
import { Keeper } from "./keeper.js";
import { Shown } from "./shown.js";
import { Texts, type TextLink } from "./texts.js";

/** What a session asks of the host that owns it. */
export interface SessionLink extends TextLink {
  readonly person: Person | undefined;
  readonly store: Store;
  /** Sends a sync message about the session's document. */
  send(session: RoomSession, message: Uint8Array): void;
  /** Asks the server for the room again, after the session started afresh. */
  enter(session: RoomSession): void;
  follow(session: RoomSession, from: { after: number } | { last: number }): number;
  unfollow(id: number): void;
  /** The connection has delivered what cannot be: make it anew. */
  reconnect(reason: ChartroomError): void;
  /** Tells every page that has the room open. */
  tell(session: RoomSession, update: Update): void;
  /** How many edits wait has changed. */
  counted(): void;
  /** The engine has trapped; nothing of it can be trusted. */
  trapped(error: ChartroomError): void;
}

/** An edit until the server has answered for it. */
interface HostEdit {
  id: string;
  hash: string | null;
  command: Command;
  isSent: boolean;
  isStored: boolean;
}

/** One room of the engine and what this device knows about it, for all pages that have it open. */
export class RoomSession {
  readonly follows: Follows;
  readonly texts: Texts;
  documentId: string;
  #shell: RoomShell;
  #epoch: number;
  #online = false;
  #status: Omit<HostRoomStatus, "unsaved"> = { synced: false, progress: null, fault: null };
  #told: string | undefined;
  #heads: string | undefined;
  /** What has arrived of a sync message that comes in parts. */
  #parts: { bytes: Uint8Array; length: number } | undefined;
  readonly #shown: Shown;
  /** Unsaved edits by hash, in the order they were made. */
  readonly #edits = new Map<string, HostEdit>();
  /** Unsaved edits on their way into a new document of the room, and what they come to there. */
  readonly #carried: { edit: HostEdit; command: Command }[] = [];
  /** Refused edits that nobody has looked at. */
  readonly #refusals = new Map<string, StoredRefusal>();
  readonly #authors = new Map<string, StoredAuthor>();
  /** Changes that stand elsewhere in the log than here, each with the change it stands behind. */
  readonly #moved = new Map<string, string>();
  #conflicts = "[]";
  #conflictsStale = true;
  readonly #firstAnswer = new Deferred();
  /** Whether the server has sent what it has, or cannot be asked. */
  #isAnswered = false;
  /** Edits of which a former host may have told the server, by their ids. */
  readonly #doubtful = new Map<string, { command: Command; hash: string }>();
  #ended: ChartroomError | undefined;
  readonly #keeper: Keeper;
  /** Whether nobody has written to the room, as far as is known here. */
  #isFounded: boolean;

  /** As the device kept it, or as it is founded. */
  constructor(
    readonly name: string,
    readonly link: SessionLink,
    stored: StoredRoom | undefined,
  ) {
    this.#epoch = stored?.epoch ?? 1;
    const isKept = stored?.snapshot !== undefined;
    this.#isFounded = !isKept;
    const kept = {
      name,
      isWorthKeeping: () => !this.#isFounded || this.unsaved > 0,
      all: () => this.#all(),
      stored: (edits: ReadonlySet<string>) => this.#stored(edits),
    };
    this.#keeper = new Keeper(kept, link.store, isKept);
    this.#shell = this.#call(() => this.#open(stored));
    this.documentId = this.#shell.documentId();
    this.#shown = new Shown();
    this.texts = new Texts({ name, textOf: (type, id, element) => this.#call(() => this.#shell.text(type, id, element)) }, link);
    this.follows = new Follows({ follow: (from) => link.follow(this, from), unfollow: (id) => link.unfollow(id) });
    if (stored) this.#resume(stored);
  }

  get unsaved(): number {
    return this.#edits.size + this.#carried.length;
  }

  /** Unsaved edits that no store has. */
  get unstored(): number {
    return this.#waiting().filter(({ isStored }) => !isStored).length;
  }

  /** Whether a page can read it without the server's answer: this device has some of it. */
  get isKnown(): boolean {
    return this.#keeper.isKept && !this.#isFounded;
  }

  /** Whether the server does not serve it at present. */
  get hasFault(): boolean {
    return this.#status.fault !== null;
  }

  /** Resolves once the server has sent what it has, or cannot be asked; rejects if it refuses. */
  get firstAnswer(): Promise<void> {
    return this.#firstAnswer.promise;
  }

  /** All there is to tell a page that has just come, in pieces that a page takes in one go each. */
  *everything(): Generator<Update> {
    this.#call(() => this.#shown.readAll(this.#shell));
    yield { whole: "begins" };
    yield* this.#shown.all();
    const edits = [...this.#news(this.#waiting()), ...[...this.#refusals.values()].map(refusalNews)];
    yield { whole: "ends", status: this.#statusNow(), heads: this.heads(), documentId: this.documentId, conflicts: this.#conflictsNow(), edits };
  }

  heads(): string[] {
    return this.#call(() => this.#shell.heads());
  }

  answer(question: Question): unknown {
    return this.#call(() => {
      switch (question.about) {
        case "history":
          return JSON.parse(this.#shell.history(question.type, question.id)) as unknown;
        case "heads-at":
          return this.#shell.headsAt(question.ms);
        case "as-of": {
          const { type, id } = question;
          const heads = [...question.heads];
          return id === undefined ? this.#shell.collectionAt(heads, type) : this.#shell.resourceAt(heads, type, id);
        }
        case "export":
          return this.#shell.exportBundle(question.heads && [...question.heads]);
        case "changed-since":
          return JSON.parse(this.#shell.changedSince([...question.heads])) as unknown;
      }
    });
  }

  /**
   * Carries an edit out. Pages tell a new host their edits again: one that is known is only told of,
   * and one whose change is in the room is saved. The former host may have sent a change that no store
   * has, so one that had a hash waits for what the server knows, if that can be asked.
   */
  command(id: string, command: Command, hash?: string): Fault | undefined {
    const known = this.#waiting().find((edit) => edit.id === id);
    if (known) {
      this.#tell({ edits: this.#news([known]) });
      return undefined;
    }
    if (this.#refusals.has(id)) {
      this.#tell({ edits: [refusalNews(this.#refusals.get(id)!)] });
      return undefined;
    }
    if (hash !== undefined && this.#has(hash)) {
      this.#tell({ edits: [{ edit: id, state: "saved", hash }] });
      return undefined;
    }
    if (hash !== undefined && !this.#isAnswered) {
      this.#doubtful.set(id, { command, hash });
      return undefined;
    }
    try {
      this.#apply({ id, hash: null, command, isSent: false, isStored: false }, command);
      return undefined;
    } catch (error) {
      const refusals = this.#refuse([{ id, hash: null, command, isSent: false, isStored: false }], fromEngine(error));
      this.#keeper.keep({ refusals });
      this.#tell({ edits: refusals.map(refusalNews) });
      return refusals[0]!.fault;
    }
  }

  /** Somebody has looked at a refused edit. */
  settle(id: string): void {
    if (!this.#refusals.delete(id)) return;
    this.#keeper.keep({ settled: [id] });
    this.#tell({ settled: [id] });
    this.link.counted();
  }

  /** The server has named the room's document, on a connection that is new. */
  entered(epoch: number, documentId: string): void {
    if (epoch !== this.#epoch) this.#moveOn(epoch);
    if (documentId !== this.documentId) {
      return this.refusedRoom(new ChartroomError("protocol", "the server has another document for this room; load a newer version of this app"));
    }
    if (this.#online) return;
    this.#online = true;
    this.#feed(() => this.#shell.joined(Date.now()), { sends: false });
    this.follows.online();
  }

  /** The server does not serve this room. */
  refusedRoom(error: ChartroomError): void {
    this.#firstAnswer.reject(error);
    // What this person may not see any more does not stay on the device, but for their own edits.
    if (error.code === "room-not-found" && this.unsaved === 0 && this.#keeper.isKept) {
      this.#keeper.forget();
    }
    this.#setStatus({ synced: false, progress: null, fault: { code: error.code, message: error.message } });
  }

  left(): void {
    this.#firstAnswer.resolve();
    this.#resolveDoubts();
    this.follows.offline();
    if (!this.#online) return;
    this.#online = false;
    for (const edit of this.#edits.values()) edit.isSent = false;
    this.#feed(() => this.#shell.left(Date.now()));
    this.#parts = undefined;
    this.#tell({ edits: this.#news(this.#edits.values()) });
    this.#setStatus({ synced: false, progress: null });
  }

  received(message: Uint8Array): void {
    if (!this.#online) return;
    this.#feed(() => this.#shell.receive(Date.now(), message), { status: { synced: true, progress: null, fault: null } });
    this.#firstAnswer.resolve();
    this.#resolveDoubts();
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

  introduced(authors: StoredAuthor[]): void {
    const fresh = authors.filter(({ actor, id, name }) => {
      const known = this.#authors.get(String(actor));
      return known?.id !== id || known.name !== name;
    });
    this.#introduce(fresh);
    if (fresh.length > 0) this.#keeper.keep({ authors: fresh });
    this.#conflictsStale = true;
    this.#tell({ authors: true, ...this.#changedConflicts() });
  }

  refusedChanges(hashes: Uint8Array[], reason: ChartroomError): void {
    const joined = new Uint8Array(hashes.length * 32);
    hashes.forEach((hash, index) => joined.set(hash.subarray(0, 32), index * 32));
    this.#feed(() => this.#shell.refused(Date.now(), joined), { reason });
  }

  tick(): void {
    this.#feed(() => this.#shell.tick(Date.now()));
    if (!this.#ended) this.#keeper.tick();
  }

  /** The store has lost what it had: it is given everything anew. */
  storeLost(): void {
    this.#keeper.lost();
    const edits = this.#waiting();
    for (const edit of edits) edit.isStored = false;
    this.#tell({ edits: this.#news(edits) });
    this.link.counted();
  }

  /** Ends the session; what the store has of it stays. */
  end(reason: ChartroomError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#firstAnswer.reject(reason);
    this.#online = false;
    this.#shell.free();
  }

  #open(stored: StoredRoom | undefined): RoomShell {
    const pending = (stored?.edits ?? []).flatMap(({ hash, command }): [string, Command][] => (hash === null ? [] : [[hash, command]]));
    const { snapshot, changes = [], moved = [] } = stored ?? {};
    for (const [hash, behind] of moved) this.#moved.set(hash, behind);
    try {
      return newShell(this.name, this.link.person, { epoch: this.#epoch, changes, pending, moved: moved.flat(), ...(snapshot && { snapshot }) });
    } catch (error) {
      if (!stored || fromEngine(error).code !== "store-unreadable") throw error;
      // The server has the rest; the edits are made again from their commands.
      this.#moved.clear();
      this.#keeper.isKept = false;
      this.#isFounded = true;
      const fault = { code: "store-unreadable", message: "what this device kept of this room could not be read; it is here again once the server has sent it" };
      this.#status = { ...this.#status, fault };
      return newShell(this.name, this.link.person, { epoch: this.#epoch, changes: [], pending: [], moved: [] });
    }
  }

  #resume({ edits, refusals, authors }: StoredRoom): void {
    this.#introduce(authors);
    for (const refusal of refusals) this.#refusals.set(refusal.edit, refusal);
    for (const { edit: id, hash, command } of edits) {
      const edit: HostEdit = { id, hash, command, isSent: false, isStored: true };
      if (hash !== null && this.#keeper.isKept) this.#edits.set(hash, edit);
      else this.#carried.push({ edit, command });
    }
  }

  #introduce(authors: StoredAuthor[]): void {
    for (const author of authors) {
      this.#authors.set(String(author.actor), author);
      this.#feed(() => this.#shell.introduced(Date.now(), author.actor, author.id, author.name));
    }
  }

  #apply(edit: HostEdit, command: Command): void {
    const said = readOutputs(this.#call(() => this.#shell.command(Date.now(), JSON.stringify(command))));
    edit.hash = said.report?.edit?.hash ?? null;
    if (edit.hash !== null) this.#edits.set(edit.hash, edit);
    this.#take(said, { made: edit });
  }

  /** Gives the engine an input that came over the wire; a failure is this room's, not the socket's. */
  #feed(input: () => Outputs, more: { sends?: boolean; reason?: ChartroomError; status?: Partial<HostRoomStatus> } = {}): void {
    if (this.#ended) return;
    let said: Said;
    try {
      said = readOutputs(this.#call(input));
    } catch (error) {
      return this.refusedRoom(fromEngine(error));
    }
    this.#take(said, more);
  }

  /** Does what a call had to say: messages leave first, then the store is written and pages are told. */
  #take(
    { report, messages, changes }: Said,
    { sends = true, reason, made, status }: { sends?: boolean; reason?: ChartroomError; made?: HostEdit; status?: Partial<HostRoomStatus> } = {},
  ): void {
    for (const message of messages) this.link.send(this, message);
    const news = new Set<HostEdit>(made && [made]);
    // The opening message carries heads alone; every later one carries what the server lacks.
    if (sends && messages.length > 0) {
      for (const edit of this.#edits.values()) {
        if (!edit.isSent) news.add(edit);
        edit.isSent = true;
      }
    }
    if (status) Object.assign(this.#status, status);
    if (changes.length > 0 || report?.adopted) this.#isFounded = false;
    const saved = (report?.saved ?? []).flatMap((hash) => this.#settle(hash));
    const refused = (report?.givenBack ?? []).flatMap((hash) => this.#settle(hash));
    const settled: EditNews[] = saved.map(({ id, hash }) => ({ edit: id, state: "saved", hash }));
    if (made?.hash === null) settled.push({ edit: made.id, state: "saved", hash: null });
    const refusals = this.#refuse(refused, reason ?? new ChartroomError("refused", "the server refused the edit"));
    const edits = [...this.#news([...news].filter(({ hash }) => hash !== null && this.#edits.has(hash))), ...settled, ...refusals.map(refusalNews)];
    const moved = pairs(report?.moved ?? []);
    for (const [hash, behind] of moved) this.#moved.set(hash, behind);
    this.#keeper.keep({ ...this.#whatToKeep({ changes, adopted: report?.adopted ?? false, made, saved, refusals }), ...(moved.length > 0 && { moved }) });
    if (report || edits.length > 0) this.#tellReport(report, saved, edits);
    else this.#setStatus({});
    if (report) this.texts.touched(report.texts, report.adopted);
    if (saved.length > 0 || refused.length > 0 || made) this.link.counted();
    if (report?.closed) this.link.reconnect(new ChartroomError("protocol", report.closed));
    if (report?.reload) {
      this.#startAfresh(this.#epoch);
      this.link.enter(this);
    }
  }

  #tellReport(report: Report | undefined, saved: HostEdit[], edits: EditNews[]): void {
    const events = report?.events ?? [];
    for (const event of events) {
      this.#touch(event.resource_type, event.resource_id);
      if (event.event_type.startsWith("conflict.")) this.#conflictsStale = true;
    }
    // With the server's order known, another value of a conflict may be the one that shows.
    for (const { command } of saved) for (const [type, id] of touchedBy(command)) this.#touch(type, id);
    if (report?.adopted || report?.texts.length) this.#conflictsStale = true;
    const pieces = this.#call(() => (report?.adopted ? this.#shown.reread(this.#shell) : this.#shown.changed(this.#shell)));
    const last = pieces.pop();
    for (const resources of pieces) this.#tell({ resources });
    this.#tell({
      ...(last && { resources: last }),
      ...(report?.adopted && { adopted: true as const }),
      ...(events.length > 0 && { events }),
      ...(edits.length > 0 && { edits }),
      ...this.#changedConflicts(),
    });
  }

  #whatToKeep({ changes, adopted, made, saved, refusals }: { changes: Uint8Array[]; adopted: boolean; made: HostEdit | undefined; saved: HostEdit[]; refusals: StoredRefusal[] }): RoomWrite {
    const settled = [...saved.map(({ id }) => id), ...refusals.map(({ edit }) => edit)];
    if (made?.hash === null) settled.push(made.id);
    return {
      ...(adopted ? { snapshot: new Uint8Array() } : { changes }),
      ...(made && made.hash !== null && { edits: [stored(made)] }),
      ...(settled.length > 0 && { settled }),
      ...(refusals.length > 0 && { refusals }),
    };
  }

  /** All of the room as the store has it. */
  #all(): RoomWrite {
    return {
      epoch: this.#epoch,
      snapshot: this.#call(() => this.#shell.save()),
      changes: [],
      edits: this.#waiting().map(stored),
      refusals: [...this.#refusals.values()],
      authors: [...this.#authors.values()],
      moved: [...this.#moved],
    };
  }

  #stored(ids: ReadonlySet<string>): void {
    if (this.#ended || ids.size === 0) return;
    const edits = this.#waiting().filter(({ id, isStored }) => ids.has(id) && !isStored);
    for (const edit of edits) edit.isStored = true;
    if (edits.length === 0) return;
    this.#tell({ edits: this.#news(edits) });
    this.link.counted();
  }

  /** Every edit that the server has not answered for. */
  #waiting(): HostEdit[] {
    return [...this.#edits.values(), ...this.#carried.map(({ edit }) => edit)];
  }

  #news(edits: Iterable<HostEdit>): EditNews[] {
    return Array.from(edits, (edit) => ({ edit: edit.id, state: stateOf(edit), hash: edit.hash, isStored: edit.isStored, command: edit.command }));
  }

  /** A resource may have changed; its conflicts too, which are costly to look for everywhere. */
  #touch(type: string, id: string): void {
    this.#shown.touch(type, id);
    if (this.#conflicts.includes(`"${id}"`)) this.#conflictsStale = true;
  }

  #conflictsNow(): readonly Conflict[] {
    if (this.#conflictsStale) {
      this.#conflicts = this.#call(() => this.#shell.conflicts());
      this.#conflictsStale = false;
    }
    return JSON.parse(this.#conflicts) as Conflict[];
  }

  #changedConflicts(): Pick<Update, "conflicts"> {
    if (!this.#conflictsStale) return {};
    const before = this.#conflicts;
    const conflicts = this.#conflictsNow();
    return this.#conflicts === before ? {} : { conflicts };
  }

  #refuse(edits: HostEdit[], reason: ChartroomError): StoredRefusal[] {
    return edits.map(({ id, hash, command }) => {
      const refusal: StoredRefusal = { edit: id, hash, command, fault: { code: reason.code, message: reason.message } };
      this.#refusals.set(id, refusal);
      return refusal;
    });
  }

  #settle(hash: string): HostEdit[] {
    const edit = this.#edits.get(hash);
    this.#edits.delete(hash);
    return edit ? [edit] : [];
  }

  /** The room was founded anew: unsaved edits are made again in its next epoch, once that is here. */
  #moveOn(epoch: number): void {
    const pending = JSON.parse(this.#call(() => this.#shell.takePending())) as [string, Command][];
    for (const [hash, command] of pending) this.#carried.push(...this.#settle(hash).map((edit) => ({ edit, command })));
    for (const { edit } of this.#carried) edit.isSent = false;
    this.#startAfresh(epoch);
  }

  #resolveDoubts(): void {
    this.#isAnswered = true;
    const doubtful = [...this.#doubtful];
    this.#doubtful.clear();
    for (const [id, { command, hash }] of doubtful) this.command(id, command, hash);
  }

  /** Whether the room has a change. */
  #has(hash: string): boolean {
    return this.#call(() => {
      try {
        this.#shell.resourceAt([hash], "Patient", "-");
        return true;
      } catch (error) {
        if (fromEngine(error).code === "unknown-heads") return false;
        throw error;
      }
    });
  }

  #makeAgain(): void {
    for (const { edit, command } of this.#carried.splice(0)) {
      try {
        this.#apply(edit, command);
      } catch (error) {
        const refusals = this.#refuse([edit], fromEngine(error));
        this.#keeper.keep({ refusals, settled: [edit.id] });
        this.#tell({ edits: refusals.map(refusalNews) });
        this.link.counted();
      }
    }
  }

  /** Leaves the engine's room behind for a new one; unsaved edits are made again there. */
  #startAfresh(epoch: number): void {
    for (const edit of this.#edits.values()) this.#carried.push({ edit, command: edit.command });
    this.#edits.clear();
    const shell = this.#call(() => newShell(this.name, this.link.person, { epoch, changes: [], pending: [], moved: [] }));
    this.#moved.clear();
    this.#shell.free();
    this.#shell = shell;
    this.#epoch = epoch;
    this.documentId = shell.documentId();
    this.#online = false;
    this.#parts = undefined;
    this.#introduce([...this.#authors.values()]);
    this.#conflictsStale = true;
    this.#keeper.isKept = false;
    this.#isFounded = true;
    this.#tellReport({ edit: null, adopted: true, events: [], saved: [], moved: [], givenBack: [], texts: [], closed: null, reload: null }, [], []);
    this.texts.touched([], true);
    this.#setStatus({ synced: false, progress: null });
  }

  #statusNow(): HostRoomStatus {
    return { ...this.#status, unsaved: this.unsaved };
  }

  #setStatus(change: Partial<HostRoomStatus>): void {
    Object.assign(this.#status, change);
    this.#tell({});
  }

  /** Tells the pages, and with it the room's status and heads where these have changed. */
  #tell(update: Update): void {
    const status = this.#statusNow();
    const told = JSON.stringify(status);
    const heads = this.#ended ? [] : this.heads();
    const joined = `${this.documentId} ${heads.join()}`;
    const all: Update = {
      ...update,
      ...(told !== this.#told && { status }),
      ...(joined !== this.#heads && { heads, documentId: this.documentId }),
    };
    this.#told = told;
    this.#heads = joined;
    if (Object.keys(all).length > 0) this.link.tell(this, all);
  }

  #call<T>(body: () => T): T {
    if (this.#ended) throw this.#ended;
    try {
      return body();
    } catch (error) {
      const failure = fromEngine(error);
      if (failure.code === "engine-failed") this.link.trapped(failure);
      throw failure;
    }
  }
}

function stateOf({ isSent, isStored }: HostEdit): EditState {
  if (isSent) return "sent";
  return isStored ? "local" : "new";
}

function stored({ id, hash, command }: HostEdit): StoredEdit {
  return { edit: id, hash, command };
}

function refusalNews({ edit, hash, command, fault }: StoredRefusal): EditNews {
  return { edit, state: "refused", hash, command, fault };
}

function pairs(flat: string[]): [string, string][] {
  return flat.flatMap((hash, at) => (at % 2 === 0 ? [[hash, flat[at + 1]!]] : []));
}

/** Type and id of what a command names. */
export function touchedBy(command: Command): [type: string, id: string][] {
  switch (command.kind) {
    case "put":
      return [[command.resource.resourceType, command.resource.id]];
    case "batch":
      return command.commands.flatMap(touchedBy);
    default:
      return [[command.resourceType, command.id]];
  }
}
