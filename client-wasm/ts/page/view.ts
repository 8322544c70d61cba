import { Deferred } from "../deferred.js";
import { Emitter, call } from "../emitter.js";
import { ChartroomError } from "../errors.js";
import type { Answers, EditNews, Fault, FromPage, HostRoomStatus, Question, Update } from "../protocol.js";
import type { EngineEvent } from "../host/engine.js";
import type { ChartEvent, Command, Conflict, FollowOptions, RefusedEdit, RoomEvents, RoomStatus, Unsubscribe } from "../types.js";
import { LocalEdit } from "./edit.js";
import { Mirror } from "./mirror.js";
import { PagePresence } from "./presence.js";
import type { SharedText } from "./shared_text.js";
import type { TextView } from "./text.js";
import { UndoStack } from "./undo.js";

/** What a view asks of the client that owns it. */
export interface ViewLink {
  /** This window's id. */
  readonly page: string;
  send(message: FromPage): void;
  ask<Q extends Question>(room: string, question: Q): Promise<Answers[Q["about"]]>;
}

/** What a view tells: what rooms tell, and each event by itself. */
type ViewEvents = RoomEvents & { event: ChartEvent };

/** A listener to the server's log, and where it is. */
interface Follow {
  from: { after: number } | { last: number };
  tell(event: ChartEvent): void;
  onEnd: FollowOptions["onEnd"];
}

/** So many events are remembered of what this window heard. */
const HEARD_MAX = 500;
/** The server sends its log without pauses like this one. */
const LOG_QUIET_MS = 60;

/** One room as this page knows it, shared by every open `Room` of that name. */
export class RoomView {
  readonly emitter = new Emitter<ViewEvents>();
  readonly mirror = new Mirror();
  readonly presence: PagePresence;
  readonly undo: UndoStack;
  /** Open texts by key. */
  readonly texts = new Map<string, SharedText>();
  heads: readonly string[] = [];
  documentId = "";
  conflicts: readonly Conflict[] = Object.freeze([]);
  status: RoomStatus = { synced: false, unsaved: 0, progress: null, readOnly: false, error: null };
  #host: HostRoomStatus = { synced: false, unsaved: 0, progress: null, readOnly: false, fault: null };
  /** Edits of this page until they are saved or refused. */
  readonly #edits = new Map<string, LocalEdit>();
  readonly #refused = new Map<string, RefusedEdit>();
  #refusedList: readonly RefusedEdit[] = Object.freeze([]);
  /** Refused edits that somebody has looked at, until the host has heard of it. */
  readonly #looked = new Set<string>();
  /** Hashes of the changes that were made on this page, to tell one's own events. */
  readonly #mine = new Set<string>();
  readonly #follows = new Map<string, Follow>();
  #numbered = 0;
  /** The last events that this window heard. */
  readonly #heard: ChartEvent[] = [];
  #opened = new Deferred();
  isOpened = false;
  #ended: ChartroomError | undefined;

  constructor(
    readonly name: string,
    readonly link: ViewLink,
  ) {
    this.presence = new PagePresence(link.page, {
      show: (state) => link.send({ kind: "presence", room: name, state }),
      changed: (people) => this.emitter.emit("presence", people),
    });
    this.undo = new UndoStack(this);
  }

  /** Resolves when the room can be read, rejects if the server refuses it. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Refused edits that nobody has looked at. The same array until they change. */
  get refused(): readonly RefusedEdit[] {
    return this.#refusedList;
  }

  /** Tells a host that has never heard of it all that this page wants of the room. */
  announce(): void {
    const room = this.name;
    this.link.send({ kind: "open", room });
    for (const edit of this.#edits.values()) {
      edit.forget();
      this.mirror.ahead(edit.id, edit.command);
      this.link.send({ kind: "command", room, edit: edit.id, command: edit.command, ...(edit.hash !== null && { hash: edit.hash }) });
    }
    for (const [id, { edit, command, code, message }] of this.#refused) {
      this.link.send({ kind: "refused", room, edit: id, hash: edit.hash, command, fault: { code, message } });
    }
    for (const edit of this.#looked) this.link.send({ kind: "settle", room, edit });
    for (const [key, { from }] of this.#follows) this.link.send({ kind: "follow", room, key, ...from });
    this.presence.again();
    for (const text of this.texts.values()) text.again();
  }

  /** Carries an edit out, which shows at once. */
  command(command: Command): LocalEdit {
    this.check();
    const edit = new LocalEdit(this.nextId(), command);
    this.#edits.set(edit.id, edit);
    this.link.send({ kind: "command", room: this.name, edit: edit.id, command });
    const touched = this.mirror.ahead(edit.id, command);
    if (touched.length > 0) {
      this.#touched(touched.map(keyOf));
      this.emitter.emit("change", []);
    }
    this.#setStatus();
    return edit;
  }

  /** The id of an edit of this page. */
  nextId(): string {
    return `${this.link.page}:${(this.#numbered += 1)}`;
  }

  follow({ onEnd, ...options }: FollowOptions, tell: (event: ChartEvent) => void): Unsubscribe {
    const from = options.last === undefined ? { after: options.after ?? 0 } : { last: options.last };
    const number = Object.values(from)[0] as number;
    if (!Number.isSafeInteger(number) || number < 0) throw new ChartroomError("bad-number", "an event's number is a whole number from 0");
    const key = this.nextId();
    this.#follows.set(key, { from, tell, onEnd });
    this.link.send({ kind: "follow", room: this.name, key, ...from });
    return () => {
      if (this.#follows.delete(key)) this.link.send({ kind: "unfollow", room: this.name, key });
    };
  }

  followed(key: string, events: EngineEvent[]): void {
    for (const event of events) {
      const follow = this.#follows.get(key);
      if (!follow) return;
      follow.from = { after: event.seq ?? 0 };
      const told = this.#told(event);
      call(() => follow.tell(told));
    }
  }

  followEnded(key: string, end: Parameters<NonNullable<FollowOptions["onEnd"]>>[0]): void {
    const follow = this.#follows.get(key);
    if (!follow) return;
    this.#follows.delete(key);
    call(() => {
      if (follow.onEnd) return follow.onEnd(end);
      // Nobody listens for the end, and it must not pass in silence.
      throw new ChartroomError(end.code, end.message);
    });
  }

  /** The last events that this window heard. */
  heard(): readonly ChartEvent[] {
    return this.#heard;
  }

  /** The last events of the server's log; none where it does not answer in time. */
  logged(last: number, ms: number): Promise<ChartEvent[]> {
    const events: ChartEvent[] = [];
    if (!this.status.synced) return Promise.resolve(events);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(overdue);
        clearTimeout(quiet);
        end();
        resolve(events);
      };
      // The log has no mark for its end: it has come when no more comes for a moment.
      let quiet = setTimeout(done, ms);
      const overdue = setTimeout(done, ms);
      const end = this.follow({ last, onEnd: done }, (event) => {
        events.push(event);
        clearTimeout(quiet);
        quiet = setTimeout(done, events.length >= last ? 0 : LOG_QUIET_MS);
      });
    });
  }

  /** A text of the room, shared by all who show it. */
  async openText(type: string, id: string, element: string): Promise<TextView> {
    // Who writes no texts loads nothing for them.
    const [{ SharedText }, { TextView }] = await Promise.all([import("./shared_text.js"), import("./text.js")]);
    this.check();
    const key = `${type}:${id}:${element}`;
    let text = this.texts.get(key);
    if (!text) {
      text = new SharedText({
        page: this.link.page,
        room: this.name,
        key,
        send: (message) => this.link.send(message),
        nextId: () => this.nextId(),
        frozen: () => this.#frozen(type, id),
        counted: () => this.#setStatus(),
        closed: () => this.texts.delete(key),
      });
      this.texts.set(key, text);
      text.again();
    }
    const shown = new TextView(text);
    await text.ready;
    return shown;
  }

  /** Throws if the room or the client was closed. */
  check(): void {
    if (this.#ended) throw this.#ended;
  }

  wasOpened(fault: Fault | undefined): void {
    this.isOpened = fault === undefined;
    if (fault) this.#opened.reject(new ChartroomError(fault.code, fault.message));
    else this.#opened.resolve();
  }

  /** Somebody opens a room again that was refused. */
  openAgain(): void {
    if (this.status.error === null) return;
    if (!this.isOpened) this.#opened = new Deferred();
    this.link.send({ kind: "open", room: this.name });
  }

  /** Takes in what has changed, all of it before anybody is told. */
  take(update: Update): void {
    const { resources = [], events = [], edits = [], settled = [], whole, adopted, conflicts, authors, heads, documentId, status } = update;
    if (whole === "begins") this.mirror.begin();
    const touched = new Set<string>();
    for (const [type, id, json] of resources) if (this.mirror.tell(type, id, json)) touched.add(`${type}/${id}`);
    if (whole === "ends") for (const place of this.mirror.end()) touched.add(keyOf(place));
    const told = this.#takeEdits(edits, touched);
    for (const edit of settled) this.#looked.delete(edit);
    // What a former host was refused, a later one may have got through.
    const done = [...settled, ...edits.filter(({ state }) => state === "saved").map(({ edit }) => edit)];
    const isSettled = done.filter((edit) => this.#refused.delete(edit)).length > 0;
    if (isSettled) this.#refusedList = Object.freeze([...this.#refused.values()]);
    if (heads) this.heads = Object.freeze(heads);
    if (documentId !== undefined) this.documentId = documentId;
    const isOtherConflicts = conflicts !== undefined && JSON.stringify(conflicts) !== JSON.stringify(this.conflicts);
    if (isOtherConflicts) this.conflicts = Object.freeze(conflicts);
    if (status) this.#host = status;

    const { emitter } = this;
    if (touched.size > 0) this.#touched([...touched]);
    const shown = events.map((event) => this.#told(event));
    if (adopted || (touched.size > 0 && shown.length === 0)) emitter.emit("change", []);
    if (shown.length > 0) emitter.emit("change", shown);
    this.#heard.push(...shown);
    this.#heard.splice(0, this.#heard.length - HEARD_MAX);
    for (const event of shown) emitter.emit("event", event);
    if (told.saved.length > 0) emitter.emit("saved", told.saved);
    if (told.refused.length > 0 || isSettled) emitter.emit("refused", told.refused);
    if (isOtherConflicts) emitter.emit("conflicts", this.conflicts);
    if (authors) emitter.emit("authors", undefined);
    this.#setStatus();
  }

  /** The client was closed, or the room; unsaved edits go on at the host, if there is one. */
  end(reason: ChartroomError, isAbandoned: boolean): void {
    this.#ended = reason;
    this.#opened.reject(reason);
    if (isAbandoned) for (const edit of this.#edits.values()) edit.abandon(reason);
    this.presence.end();
    for (const text of this.texts.values()) text.end();
  }

  /** Edits that the host has not carried out, and texts with words of which it has told no edit. */
  get unheard(): number {
    const edits = [...this.#edits.values()].filter(({ isAnswered }) => !isAnswered);
    const texts = [...this.texts.values()].filter(({ isUnheard }) => isUnheard);
    return edits.length + texts.length;
  }

  /** Whether edits of this page are under way, whose promises are to be kept, or what was typed, or looked at, has not gone out. */
  get isBusy(): boolean {
    return this.#edits.size + this.#looked.size > 0 || [...this.texts.values()].some(({ isSettled }) => !isSettled);
  }

  /** These show otherwise now. Their texts may be frozen by it. */
  #touched(keys: readonly string[]): void {
    this.emitter.emit("touched", keys);
    for (const text of this.texts.values()) text.look();
  }

  #takeEdits(news: EditNews[], touched: Set<string>): { saved: LocalEdit[]; refused: RefusedEdit[] } {
    const saved: LocalEdit[] = [];
    const refused: RefusedEdit[] = [];
    for (const one of news) {
      const edit = this.#edits.get(one.edit);
      for (const text of this.texts.values()) text.heard(one.edit);
      for (const place of this.mirror.answered(one.edit)) touched.add(keyOf(place));
      if (edit && one.hash !== null) this.#mine.add(one.hash);
      edit?.take(one);
      if (edit) this.undo.answered(edit);
      if (one.state === "saved" && edit) saved.push(edit);
      if (one.state === "refused" && !this.#refused.has(one.edit) && !this.#looked.has(one.edit)) refused.push(this.#keepRefused(one, edit));
      if (one.state === "saved" || one.state === "refused") this.#edits.delete(one.edit);
    }
    if (refused.length > 0) this.#refusedList = Object.freeze([...this.#refused.values()]);
    return { saved, refused };
  }

  #keepRefused(news: EditNews, known: LocalEdit | undefined): RefusedEdit {
    const command = known?.command ?? news.command!;
    const edit = known ?? new LocalEdit(news.edit, command);
    if (!known) edit.take(news);
    this.undo.refused(edit);
    const settle = () => {
      this.check();
      if (!this.#refused.delete(news.edit)) throw new ChartroomError("settled", "this refused edit was dropped or made again already");
      this.#refusedList = Object.freeze([...this.#refused.values()]);
      this.#looked.add(news.edit);
      this.link.send({ kind: "settle", room: this.name, edit: news.edit });
      this.emitter.emit("refused", []);
    };
    const refused: RefusedEdit = {
      edit,
      command,
      code: news.fault?.code ?? "refused",
      message: news.fault?.message ?? "the edit was refused",
      drop: settle,
      retry: () => {
        settle();
        const done = this.undo.record(command);
        const again = this.command(command);
        done(again);
        return again;
      },
    };
    this.#refused.set(news.edit, refused);
    return refused;
  }

  /** A note that is signed is written no more; what is late becomes an addendum. */
  #frozen(type: string, id: string): ChartroomError | undefined {
    const resource = this.mirror.get(type, id);
    if (!resource) return new ChartroomError("not-found", "the resource that this text belongs to is not there");
    const status = type === "DocumentReference" ? resource.docStatus : type === "Composition" ? resource.status : undefined;
    if (status !== "final" && status !== "amended") return undefined;
    return new ChartroomError("signed", "the note is signed; it can be amended, or get an addendum");
  }

  #told(event: EngineEvent): ChartEvent {
    return { ...event, local: event.changes.some((hash) => this.#mine.has(hash)) };
  }

  #setStatus(): void {
    const { synced, unsaved, progress, readOnly, fault } = this.#host;
    const old = this.status;
    const error = fault === null ? null : old.error?.code === fault.code && old.error.message === fault.message ? old.error : new ChartroomError(fault.code, fault.message);
    const status: RoomStatus = { synced, unsaved: unsaved + this.unheard, progress, readOnly, error };
    if ((Object.keys(status) as (keyof RoomStatus)[]).every((name) => old[name] === status[name])) return;
    this.status = Object.freeze(status);
    this.emitter.emit("status", this.status);
  }
}

function keyOf([type, id]: [type: string, id: string]): string {
  return `${type}/${id}`;
}
