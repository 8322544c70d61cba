import { Deferred } from "../deferred.js";
import { ChartroomError, fromEngine } from "../errors.js";
import type { EditNews, Fault, HostRoomStatus, Question, Update } from "../protocol.js";
import type { RoomWrite, Store, StoredAuthor, StoredRefusal, StoredRoom } from "../store/store.js";
import type { Command } from "../types.js";
import type { Outputs } from "../wasm/chartroom.js";
import { Edits, newEdit, refusalNews, savedNews, type Again, type HostEdit } from "./edits.js";
import { together, type Report, type RoomShell, type Said } from "./engine.js";
import { Follows } from "./follows.js";
import { Keeper } from "./keeper.js";
import { Replica, type ReplicaLink } from "./replica.js";
import { Shown } from "./shown.js";
import { Texts, type TextLink } from "./texts.js";

/** What a session asks of the host that owns it. */
export interface SessionLink extends TextLink, ReplicaLink {
  readonly store: Store;
  /** Sends a sync message about the session's document. */
  send(session: RoomSession, message: Uint8Array): void;
  follow(session: RoomSession, from: { after: number } | { last: number }): number;
  unfollow(id: number): void;
  /** The connection has delivered what cannot be: make it anew. */
  reconnect(reason: ChartroomError): void;
  /** Tells every page that has the room open. */
  tell(session: RoomSession, update: Update): void;
  /** How many edits wait has changed. */
  counted(): void;
}

/** One room of the engine and what this device knows about it, for all pages that have it open. */
export class RoomSession {
  readonly follows: Follows;
  readonly texts: Texts;
  /** What shows, and takes edits. */
  #replica: Replica;
  /** What takes its place with the server's first answer: the next epoch of a room that was founded anew. */
  #next: Replica | undefined;
  /** Whether what shows is not to be trusted, so that the room is asked for anew. */
  #isSpoilt = false;
  readonly #edits = new Edits();
  readonly #shown = new Shown();
  readonly #keeper: Keeper;
  #online = false;
  #status: Omit<HostRoomStatus, "unsaved">;
  #told: string | undefined;
  #heads: string | undefined;
  /** What has arrived of a sync message that comes in parts. */
  #parts: { bytes: Uint8Array; length: number } | undefined;
  readonly #authors = new Map<string, StoredAuthor>();
  readonly #firstAnswer = new Deferred();
  /** Whether the server has sent what it has, or cannot be asked. */
  #isAnswered = false;
  /** Refused edits that somebody has looked at. */
  readonly #lookedAt = new Set<string>();
  /** Edits of which a former host may have told the server, by their ids. */
  readonly #doubtful = new Map<string, { command: Command; hash: string }>();
  /** Whether nobody has written to the room, as far as is known here. */
  #isFounded: boolean;

  /** As the device kept it, or as it is founded. */
  constructor(
    readonly name: string,
    readonly link: SessionLink,
    stored: StoredRoom | undefined,
  ) {
    this.#replica = new Replica(name, link, stored);
    const isKept = stored?.snapshot !== undefined && !this.#replica.isUnreadable;
    this.#isFounded = !isKept;
    this.#status = { synced: false, progress: null, readOnly: stored?.readOnly ?? false, fault: null };
    const kept = {
      name,
      isWorthKeeping: () => !this.#isFounded || this.unsaved + this.unstored > 0,
      all: () => this.#all(),
      stored: (edits: ReadonlySet<string>) => this.#stored(edits),
    };
    this.#keeper = new Keeper(kept, link.store, isKept);
    if (this.#replica.isUnreadable) {
      const message = "what this device kept of this room could not be read; it is here again once the server has sent it";
      this.#status.fault = { code: "store-unreadable", message };
    }
    this.texts = new Texts({ name, textOf: (type, id, element) => this.#replica.read((shell) => shell.text(type, id, element)) }, link);
    this.follows = new Follows({ follow: (from) => link.follow(this, from), unfollow: (id) => link.unfollow(id) });
    if (stored) {
      this.#introduce(stored.authors);
      this.#edits.resume(stored, isKept);
    }
  }

  /** Of the document that is synced. */
  get documentId(): string {
    return this.#synced.documentId;
  }

  get #synced(): Replica {
    return this.#next ?? this.#replica;
  }

  get unsaved(): number {
    return this.#edits.unsaved;
  }

  /** Unsaved edits, and refused ones, that no store has. */
  get unstored(): number {
    return this.#edits.unstored;
  }

  /** Refused edits that nobody has looked at. */
  get refused(): number {
    return this.#edits.refused;
  }

  /** Whether it is to stay although no page has it open: edits wait for the server, or the store lags behind what was refused. */
  get isBusy(): boolean {
    return this.unsaved > 0 || (this.link.store.status !== "none" && (this.unstored > 0 || this.#keeper.hasDismissed));
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
    this.#replica.read((shell) => this.#shown.readAll(shell));
    yield { whole: "begins" };
    yield* this.#shown.all();
    const conflicts = this.#replica.read((shell) => this.#shown.conflicts(shell));
    yield { whole: "ends", status: this.#statusNow(), heads: this.#replica.heads(), documentId: this.#replica.documentId, conflicts, edits: this.#edits.news() };
  }

  answer(question: Question): unknown {
    return this.#replica.answer(question);
  }

  /**
   * Carries an edit out. Pages tell a new host their edits again: one that is known is only told of,
   * and one whose change is in the room is saved. The former host may have sent a change that no store
   * has, so one that had a hash waits for what the server knows, if that can be asked.
   */
  command(id: string, command: Command, hash?: string): Fault | undefined {
    const known = this.#edits.newsOf(id);
    if (known) {
      this.#tell({ edits: [known] });
      return undefined;
    }
    if (hash !== undefined && this.#replica.has(hash)) {
      this.#tell({ edits: [savedNews(id, hash)] });
      return undefined;
    }
    if (hash !== undefined && !this.#isAnswered) {
      this.#doubtful.set(id, { command, hash });
      return undefined;
    }
    try {
      this.#apply(newEdit(id, command), command);
      return undefined;
    } catch (error) {
      const refusal = this.#edits.refuse(newEdit(id, command), fromEngine(error));
      this.#refused(refusal);
      return refusal.fault;
    }
  }

  /** A page tells of a refusal that a former host told it of, and may not have come to store. */
  recall(refusal: StoredRefusal): void {
    if (this.#lookedAt.has(refusal.edit)) return this.#tell({ settled: [refusal.edit] });
    if (this.#edits.newsOf(refusal.edit)) return;
    this.#edits.recall(refusal);
    this.#refused(refusal);
  }

  #refused(refusal: StoredRefusal): void {
    this.#keeper.keep({ refusals: [refusal] });
    this.#tell({ edits: [refusalNews(refusal)] });
    this.link.counted();
  }

  /** Somebody has looked at a refused edit. */
  settle(id: string): void {
    // Said of one that is not known as well: the page says it until it hears of it, and it may be refused once more.
    this.#lookedAt.add(id);
    if (this.#edits.dismiss(id)) this.#keeper.keep({ dismissed: [id] });
    this.#tell({ settled: [id] });
    this.link.counted();
  }

  /** The server has named the room's document, on a connection that is new, and what may be done there. */
  entered({ epoch, documentId, readOnly }: { epoch: number; documentId: string; readOnly: boolean }): void {
    if (epoch !== this.#synced.epoch || (this.#isSpoilt && !this.#next)) this.#begin(epoch);
    if (documentId !== this.documentId) {
      return this.refusedRoom(new ChartroomError("protocol", "the server has another document for this room; load a newer version of this app"));
    }
    if (readOnly !== this.#status.readOnly) {
      this.#setStatus({ readOnly });
      if (this.#keeper.isKept) this.#keeper.keep(this.#all());
    }
    if (this.#online) return;
    this.#online = true;
    this.#feed((shell) => shell.joined(Date.now()), { sends: false });
    this.follows.online();
  }

  /** The server does not serve this room. */
  refusedRoom(error: ChartroomError): void {
    this.#firstAnswer.reject(error);
    // What this person may not see any more does not stay on the device, but for their own edits.
    if (error.code === "room-not-found" && this.unsaved + this.refused === 0 && this.#keeper.isKept) {
      this.#keeper.forget();
    }
    this.#setStatus({ synced: false, progress: null, fault: { code: error.code, message: error.message } });
  }

  left(): void {
    this.#firstAnswer.resolve();
    this.#resolveDoubts();
    this.follows.offline();
    this.#part();
  }

  received(message: Uint8Array): void {
    if (!this.#online) return;
    const said = this.#hear((shell) => shell.receive(Date.now(), message));
    if (said) this.#answered(said);
    this.#firstAnswer.resolve();
    this.#resolveDoubts();
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
    this.#shown.introduced();
    this.#tell({ authors: true, ...this.#changedConflicts() });
  }

  refusedChanges(hashes: Uint8Array[], reason: ChartroomError): void {
    const joined = new Uint8Array(hashes.length * 32);
    hashes.forEach((hash, index) => joined.set(hash.subarray(0, 32), index * 32));
    this.#feed((shell) => shell.refused(Date.now(), joined), { reason });
  }

  tick(): void {
    this.#feed((shell) => shell.tick(Date.now()));
    if (!this.#replica.isEnded) this.#keeper.tick();
  }

  /** The store has lost what it had: it is given everything anew. */
  storeLost(): void {
    this.#keeper.lost();
    this.#tell({ edits: this.#edits.unstore() });
    this.link.counted();
  }

  /** Ends the session; what the store has of it stays. */
  end(reason: ChartroomError): void {
    if (this.#replica.isEnded) return;
    this.#firstAnswer.reject(reason);
    this.#online = false;
    this.#next?.end(reason);
    this.#replica.end(reason);
  }

  #introduce(authors: Iterable<StoredAuthor>): void {
    for (const author of authors) {
      this.#authors.set(String(author.actor), author);
      this.#feed((shell) => shell.introduced(Date.now(), author.actor, author.id, author.name));
    }
  }

  #apply(edit: HostEdit, command: Command): void {
    const said = this.#replica.take((shell) => shell.command(Date.now(), JSON.stringify(command)));
    this.#edits.made(edit, said.report?.edit?.hash ?? null);
    this.#take(said, { made: [edit] });
  }

  /** Gives an input that came over the wire to the room that is synced, and does what it had to say. */
  #feed(input: (shell: RoomShell) => Outputs, more: { sends?: boolean; reason?: ChartroomError } = {}): void {
    const said = this.#hear(input);
    if (said && this.#next) this.#takeUnseen(said);
    else if (said) this.#take(said, more);
  }

  /** The same, and gives what it had to say; a failure is this room's, not the socket's. */
  #hear(input: (shell: RoomShell) => Outputs): Said | undefined {
    if (this.#replica.isEnded) return undefined;
    try {
      return this.#synced.take(input);
    } catch (error) {
      this.refusedRoom(fromEngine(error));
      return undefined;
    }
  }

  /** Of a room that does not show yet only the server hears. */
  #takeUnseen({ report, messages }: Said): void {
    for (const message of messages) this.link.send(this, message);
    if (report) this.#mend(report);
  }

  /** Does what a call had to say: messages leave first, then the store is written and pages are told. */
  #take(
    { report, messages, changes }: Said,
    { sends = true, reason, made = [], refused = [], atOnce, status }: Partial<Again> & { sends?: boolean; reason?: ChartroomError; atOnce?: boolean; status?: Partial<HostRoomStatus> } = {},
  ): void {
    for (const message of messages) this.link.send(this, message);
    Object.assign(this.#status, status);
    if (changes.length > 0 || report?.adopted) this.#isFounded = false;
    // The opening message carries heads alone; every later one carries what the server lacks.
    const isSent = sends && messages.length > 0;
    const { news, saved, write } = this.#edits.heard(report, { made, refused, isSent, reason });
    this.#keeper.keep({
      ...(report?.adopted ? { snapshot: new Uint8Array() } : { changes }),
      ...write,
      ...(report && report.moved.length > 0 && { moved: report.moved }),
    });
    if (report || news.length > 0) this.#tellReport(report, saved, news, atOnce);
    else this.#setStatus({});
    if (report) this.texts.touched(report.texts, report.adopted);
    if (write.edits || write.settled) this.link.counted();
    for (const { edit } of write.refusals ?? []) if (this.#lookedAt.has(edit)) this.settle(edit);
    if (report) this.#mend(report);
  }

  /** What the server said cannot be; where that has spoilt the room, it is asked for all of it. */
  #mend({ closed, reload }: Report): void {
    if (reload && !this.#next) this.#isSpoilt = true;
    const reason = closed ?? reload;
    if (reason) this.link.reconnect(new ChartroomError("protocol", reason));
  }

  /** With `atOnce`, pages take all of it in one go, however much it is. */
  #tellReport(report: Report | undefined, saved: readonly Command[], edits: EditNews[], atOnce = false): void {
    if (report) this.#shown.heard(report, saved);
    const pieces = this.#replica.read((shell) => (report?.adopted ? this.#shown.reread(shell) : this.#shown.changed(shell)));
    const last = atOnce ? pieces.splice(0).flat() : pieces.pop();
    // How the room stands goes with the last: it is not in sync before all of it shows.
    for (const resources of pieces) this.link.tell(this, { resources });
    this.#tell({
      ...(last && { resources: last }),
      ...(report?.adopted && { adopted: true as const }),
      ...(report && report.events.length > 0 && { events: report.events }),
      ...(edits.length > 0 && { edits }),
      ...this.#changedConflicts(),
    });
  }

  /** All of the room as the store has it. */
  #all(): RoomWrite {
    return { ...this.#replica.all(), ...this.#edits.all(), authors: [...this.#authors.values()], readOnly: this.#status.readOnly };
  }

  #stored(ids: ReadonlySet<string>): void {
    if (this.#replica.isEnded) return;
    const edits = this.#edits.stored(ids);
    if (edits.length > 0) this.#tell({ edits });
    if (ids.size > 0) this.link.counted();
  }

  #changedConflicts(): Pick<Update, "conflicts"> {
    return this.#replica.read((shell) => this.#shown.changedConflicts(shell));
  }

  /** The room begins anew, in its next epoch. What shows stays, and takes edits, until the server has said what that has. */
  #begin(epoch: number): void {
    this.#part();
    this.#next = new Replica(this.name, this.link, undefined, epoch);
    this.#introduce(this.#authors.values());
  }

  /** The server is no peer of the room any more, on this connection or in this epoch. */
  #part(): void {
    if (!this.#online && !this.#next) return;
    this.#online = false;
    this.#next?.end();
    if (!this.#next) this.#feed((shell) => shell.left(Date.now()));
    this.#next = undefined;
    this.#parts = undefined;
    this.#tell({ edits: this.#edits.unsent() });
    this.#setStatus({ synced: false, progress: null });
  }

  /** The server has said what it has: that shows, with the edits that wait to be made again. */
  #answered(said: Said): void {
    const next = this.#next;
    if (said.report?.closed || said.report?.reload) return next ? this.#takeUnseen(said) : this.#take(said);
    const showedNothing = this.#isFounded;
    if (next) {
      this.#edits.carry(this.#replica.takePending());
      this.#replica.end();
      this.#replica = next;
      this.#next = undefined;
      this.#isSpoilt = false;
    }
    const again = this.#edits.makeAgain(this.#replica);
    const all = next || again.said.length > 0 ? together([said, ...again.said]) : said;
    if (all.report && next) all.report.adopted = true;
    this.#take(all, { ...again, atOnce: next !== undefined && !showedNothing, status: { synced: true, progress: null, fault: null } });
  }

  #resolveDoubts(): void {
    this.#isAnswered = true;
    const doubtful = [...this.#doubtful];
    this.#doubtful.clear();
    for (const [id, { command, hash }] of doubtful) this.command(id, command, hash);
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
    const heads = this.#replica.isEnded ? [] : this.#replica.heads();
    const { documentId } = this.#replica;
    const joined = `${documentId} ${heads.join()}`;
    const all: Update = {
      ...update,
      ...(told !== this.#told && { status }),
      ...(joined !== this.#heads && { heads, documentId }),
    };
    this.#told = told;
    this.#heads = joined;
    if (Object.keys(all).length > 0) this.link.tell(this, all);
  }
}
