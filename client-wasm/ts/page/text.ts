import { call } from "../emitter.js";
import { ChartroomError } from "../errors.js";
import type { Unsubscribe } from "../types.js";
import type { SharedText, TextChange, TextEvents } from "./shared_text.js";

/** A text that people write together. Made by `room.text`. */
export class TextView {
  readonly #text: SharedText;
  /** What ends each, and what of them hears that it is frozen. */
  readonly #subscriptions = new Map<Unsubscribe, ((value: ChartroomError | null) => void) | undefined>();
  #isClosed = false;

  /** @internal */
  constructor(text: SharedText) {
    this.#text = text;
    text.shown += 1;
  }

  /** `Type:id:element`. */
  get key(): string {
    return this.#text.key;
  }

  /** The text as it shows, one's own typing included. */
  toString(): string {
    return this.#text.toString();
  }

  /** In UTF-16 units. */
  get length(): number {
    return this.#text.length;
  }

  /** Whether all that was typed here is with the room; what is not counts as one edit in `room.unsaved`. */
  get isSettled(): boolean {
    return this.#text.isSettled;
  }

  /** Why it cannot be written, such as that the note is signed (`signed`); `null` where it can. */
  get frozen(): ChartroomError | null {
    return this.#isClosed ? new ChartroomError("room-closed", "the text was closed; open it again") : this.#text.frozen;
  }

  /**
   * Replaces `remove` units from `at` on by `insert`, which shows at once. Throws `out-of-range`, or
   * the reason of {@link TextView.frozen}.
   */
  splice(at: number, remove: number, insert = ""): void {
    this.#open().splice(at, remove, insert);
  }

  /** Makes the text another one, with the least changes that do. */
  set(text: string): void {
    this.#open().set(text);
  }

  /** A change as CodeMirror's `ChangeSet` writes itself, on what shows. */
  apply(json: unknown): void {
    this.#open().apply(json);
  }

  /**
   * @internal What was made of `before`, which showed until these changes came. Gives where positions
   * in it are now.
   */
  applyBehind(came: readonly TextChange[], before: string, after: string): TextChange["position"] {
    return this.#open().applyBehind(came, before, after);
  }

  /** Hears of changes, of what was refused, and whether it can be written. */
  on<K extends keyof TextEvents>(event: K, listener: (value: TextEvents[K]) => void): Unsubscribe {
    const unsubscribe = this.#open().on(event, listener);
    this.#subscriptions.set(unsubscribe, event === "frozen" ? (listener as (value: ChartroomError | null) => void) : undefined);
    return () => {
      unsubscribe();
      this.#subscriptions.delete(unsubscribe);
    };
  }

  /** Nobody shows it here any more, and its subscriptions end, `frozen` as the last; what was typed still goes out. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const [unsubscribe, frozen] of this.#subscriptions) {
      unsubscribe();
      call(() => frozen?.(this.frozen));
    }
    this.#subscriptions.clear();
    this.#text.release();
  }

  #open(): SharedText {
    if (this.#isClosed) throw this.frozen!;
    return this.#text;
  }
}
