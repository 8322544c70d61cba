import { ChangeSet, Text } from "@codemirror/state";
import { Deferred } from "../deferred.js";
import { Emitter } from "../emitter.js";
import { ChartroomError } from "../errors.js";
import { changesBetween } from "../host/text_diff.js";
import type { FromPage } from "../protocol.js";
import type { Unsubscribe } from "../types.js";

/** A change of a text in UTF-16 units: each part replaces what lies between `from` and `to` before the change. */
export interface TextChange {
  /** What was replaced, from the beginning of the text to its end. */
  readonly parts: readonly { from: number; to: number; insert: string }[];
  /** The same as CodeMirror's `ChangeSet` writes itself. */
  readonly json: unknown;
  /** Where a position goes: `side` says whether it stays before (-1) or goes behind (1) what is inserted there. */
  position(at: number, side?: -1 | 1): number;
}

/** What a text tells. */
export interface TextEvents {
  /** Others, or the server, changed it. */
  change: TextChange;
  /** This window changed it: somebody typed, or the app called. */
  typed: TextChange;
  /** What could not be written, and why; the text is as the room has it again. */
  refused: ChartroomError;
  /** It can be written no longer, and why, or again: what {@link TextView.frozen} says now. */
  frozen: ChartroomError | null;
}

/** What a text asks of the view that it is of. */
export interface TextLink {
  readonly page: string;
  readonly room: string;
  readonly key: string;
  send(message: FromPage): void;
  nextId(): string;
  /** Why the text must not be written at present. */
  frozen(): ChartroomError | undefined;
  /** {@link SharedText.isSettled} may be another now. */
  counted(): void;
  closed(): void;
}

/** What one moment types goes out as one change. */
const GATHER_MS = 40;

/** A text of a room as this window has it, shared by all who show it here. */
export class SharedText {
  readonly #link: TextLink;
  readonly #emitter = new Emitter<TextEvents>();
  readonly #ready = new Deferred();
  #content = Text.empty;
  /** What the host has of it, as far as this page knows. */
  #base = Text.empty;
  /** On its way to the host; behind it, what was typed since. */
  #sent: ChangeSet | undefined;
  /** The id under which it is, until the host tells of its edits. */
  #unheard: string | undefined;
  #typed: ChangeSet | undefined;
  /** How many changes of others came. */
  #seen = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How many show it. */
  shown = 0;
  #isOpen = false;
  #ended = false;
  /** Why it could not be written, as it was last told. */
  #told: string | undefined;

  /** */
  constructor(link: TextLink) {
    this.#link = link;
    this.#told = this.frozen?.code;
  }

  /** `Type:id:element`. */
  get key(): string {
    return this.#link.key;
  }

  /** Resolves when it can be read. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The text as it shows, one's own typing included. */
  toString(): string {
    return this.#content.toString();
  }

  /** In UTF-16 units. */
  get length(): number {
    return this.#content.length;
  }

  /** Whether all that was typed here is with the room; what is not counts as one edit in `room.unsaved`. */
  get isSettled(): boolean {
    return this.#sent === undefined && this.#typed === undefined;
  }

  /** Whether something was typed of which the host has told no edit yet. */
  get isUnheard(): boolean {
    return this.#typed !== undefined || (this.#sent !== undefined && this.#unheard !== undefined);
  }

  /** Why it cannot be written, such as that the note is signed (`signed`); `null` where it can. */
  get frozen(): ChartroomError | null {
    if (this.#ended) return new ChartroomError("room-closed", "the room was closed; open it again");
    return this.#link.frozen() ?? null;
  }

  /**
   * Replaces `remove` units from `at` on by `insert`, which shows at once. Throws `out-of-range`, or
   * the reason of {@link TextView.frozen}.
   */
  splice(at: number, remove: number, insert = ""): void {
    if (!(Number.isInteger(at) && Number.isInteger(remove) && at >= 0 && remove >= 0 && at + remove <= this.length)) {
      throw new ChartroomError("out-of-range", `the text has ${this.length} units; these are not all in it`);
    }
    this.apply(ChangeSet.of({ from: at, to: at + remove, insert }, this.length, "\n").toJSON());
  }

  /** Makes the text another one, with the least changes that do. */
  set(text: string): void {
    const changes = changesBetween(this.toString(), text);
    if (!changes.empty) this.apply(changes.toJSON());
  }

  /** A change as CodeMirror's `ChangeSet` writes itself, on what shows. */
  apply(json: unknown): void {
    const { frozen } = this;
    if (frozen) throw frozen;
    const changes = changeSet(json);
    if (changes.length !== this.length) throw new ChartroomError("out-of-range", "the change is of another text than shows");
    this.#content = changes.apply(this.#content);
    this.#typed = this.#typed ? this.#typed.compose(changes) : changes;
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
    this.#emitter.emit("typed", textChange(changes));
    this.#link.counted();
  }

  /**
   * What was made of `before`, which showed until these changes came. Gives where positions
   * in it are now.
   */
  applyBehind(came: readonly TextChange[], before: string, after: string): TextChange["position"] {
    let own = changesBetween(before, after);
    let others = ChangeSet.empty(own.newLength);
    for (const { json } of came) {
      const other = ChangeSet.fromJSON(json);
      others = others.compose(other.map(own, true));
      own = own.map(other);
    }
    if (!own.empty) this.apply(own.toJSON());
    return textChange(others).position;
  }

  /** Hears of changes, of what was refused, and whether it can be written. */
  on<K extends keyof TextEvents>(event: K, listener: (value: TextEvents[K]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  /** One of those who show it does so no more; what was typed still goes out. */
  release(): void {
    this.shown -= 1;
    if (this.#ended || this.shown > 0) return;
    this.#flush();
    this.#endIfSettled();
  }

  /** The host has changed, or this page has just come. */
  again(): void {
    this.#isOpen = false;
    this.#link.send({ kind: "text-open", room: this.#link.room, text: this.#link.key });
  }

  /** The host tells the whole text: at the beginning, and where something went wrong. */
  told(content: string): void {
    const fresh = toText(content);
    const changes = changesBetween(this.#base.toString(), content);
    // What was on its way has arrived if the host has just that.
    if (this.#sent && this.#sent.apply(this.#base).eq(fresh)) {
      this.#sent = undefined;
      this.#base = fresh;
    } else {
      this.#typed = this.#sent && this.#typed ? this.#sent.compose(this.#typed) : (this.#sent ?? this.#typed);
      this.#sent = undefined;
      this.#heard(changes);
    }
    this.#seen = 0;
    this.#isOpen = true;
    this.#ready.resolve();
    this.#flush();
    this.#link.counted();
  }

  /** The host tells of an edit of this page. */
  heard(edit: string): void {
    if (this.#unheard !== undefined && edit.startsWith(`${this.#unheard}.`)) this.#unheard = undefined;
  }

  /** Others changed it. */
  changed(json: unknown): void {
    if (!this.#isOpen) return;
    this.#seen += 1;
    this.#heard(ChangeSet.fromJSON(json));
  }

  /** The host has what was sent, or says why not. */
  taken(fault: ChartroomError | undefined): void {
    if (fault) {
      // The host tells the text as it stands next; what was typed goes with the rest.
      this.#isOpen = false;
      const lost = this.#typed && this.#sent ? this.#sent.compose(this.#typed) : (this.#sent ?? this.#typed);
      this.#sent = this.#typed = undefined;
      if (lost) this.#show(lost.invert(this.#base));
      this.#link.counted();
      return this.#emitter.emit("refused", fault);
    }
    if (!this.#sent) return;
    this.#base = this.#sent.apply(this.#base);
    this.#sent = undefined;
    if (this.#timer === undefined) this.#flush();
    this.#link.counted();
    this.#endIfSettled();
  }

  /** The resource that it belongs to may be another one. */
  look(): void {
    const { frozen } = this;
    if (frozen?.code === this.#told) return;
    this.#told = frozen?.code;
    this.#emitter.emit("frozen", frozen);
  }

  /** */
  end(): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.look();
    this.#ready.reject(new ChartroomError("room-closed", "the room was closed"));
  }

  #endIfSettled(): void {
    if (this.shown > 0 || !this.isSettled || this.#ended) return;
    this.#ended = true;
    this.#link.send({ kind: "text-close", room: this.#link.room, text: this.#link.key });
    this.#link.closed();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isOpen || this.#sent || !this.#typed || this.#ended) return;
    const { room, key } = this.#link;
    this.#sent = this.#typed;
    this.#typed = undefined;
    this.#unheard = this.#link.nextId();
    this.#link.send({ kind: "text-change", room, text: key, seen: this.#seen, changes: this.#sent.toJSON(), edit: this.#unheard });
  }

  /** A change of the host's text: brought behind what this page has typed. */
  #heard(changes: ChangeSet): void {
    this.#base = changes.apply(this.#base);
    let behind = changes;
    const past = (typed: ChangeSet): ChangeSet => {
      const mapped = typed.map(behind);
      behind = behind.map(typed, true);
      return mapped;
    };
    if (this.#sent) this.#sent = past(this.#sent);
    if (this.#typed) this.#typed = past(this.#typed);
    this.#show(behind);
  }

  #show(changes: ChangeSet): void {
    if (changes.empty) return;
    this.#content = changes.apply(this.#content);
    this.#emitter.emit("change", textChange(changes));
  }
}

/** A change as an app gives it. */
function changeSet(json: unknown): ChangeSet {
  try {
    return ChangeSet.fromJSON(json);
  } catch (cause) {
    throw new ChartroomError("bad-shape", "this is no change of a text as a ChangeSet writes itself", { cause });
  }
}

function toText(content: string): Text {
  return Text.of(content.split("\n"));
}

function textChange(changes: ChangeSet): TextChange {
  const parts: { from: number; to: number; insert: string }[] = [];
  changes.iterChanges((from, to, _fromB, _toB, inserted) => void parts.push({ from, to, insert: inserted.toString() }));
  return { parts, json: changes.toJSON(), position: (at, side = -1) => changes.mapPos(at, side) };
}
