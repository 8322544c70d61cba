import type { RoomWrite, Store } from "../store/store.js";

/** So many bytes of changes behind the stored snapshot, or so many changes, and another one is written. */
const TAIL_BYTES = 256 * 1024;
const TAIL_CHANGES = 1_000;
/** How long after a failed write the store is tried again. */
const AGAIN_MS = 5_000;

/** The room that is kept. */
interface KeptRoom {
  readonly name: string;
  /** Whether there is anything to keep. */
  isWorthKeeping(): boolean;
  /** All of it, to take the place of what the store has. */
  all(): RoomWrite;
  /** These edits would survive this process, or that they were refused, or looked at. */
  stored(edits: ReadonlySet<string>): void;
}

/** Sees to it that the store has one room: what changes, and all of it where the store does not have it. */
export class Keeper {
  readonly #room: KeptRoom;
  readonly #store: Store;
  #tail = { bytes: 0, changes: 0 };
  /** What the store need not keep any more, and may have yet. */
  readonly #gone = { settled: new Set<string>(), dismissed: new Set<string>() };
  #failedAt = 0;

  constructor(
    room: KeptRoom,
    store: Store,
    /** Whether the store has the room up to what it was last given. */
    public isKept: boolean,
  ) {
    this.#room = room;
    this.#store = store;
  }

  /** Whether the store may have refusals that somebody has looked at. */
  get hasDismissed(): boolean {
    return this.#gone.dismissed.size > 0;
  }

  /** The room has changed by this. */
  keep(write: RoomWrite): void {
    if (this.#store.status === "none") return;
    for (const id of write.settled ?? []) this.#gone.settled.add(id);
    for (const id of write.dismissed ?? []) this.#gone.dismissed.add(id);
    const isFailed = this.#failedAt > 0;
    if (isFailed && Date.now() - this.#failedAt <= AGAIN_MS) return;
    this.#failedAt = 0;
    for (const chunk of write.changes ?? []) {
      this.#tail.bytes += chunk.length;
      this.#tail.changes += 1;
    }
    const isWhole = write.snapshot !== undefined || !this.isKept || isFailed || this.#tail.bytes > TAIL_BYTES || this.#tail.changes > TAIL_CHANGES;
    const isNothing = !isWhole && Object.values(write).every((part) => Array.isArray(part) && part.length === 0);
    if (isNothing || (!this.isKept && !this.#room.isWorthKeeping() && this.#gone.settled.size + this.#gone.dismissed.size === 0)) return;
    this.#write(isWhole ? { ...write, ...this.#room.all() } : write, isWhole);
  }

  /** Tries again what failed a while ago; call about once a second. */
  tick(): void {
    if (this.#failedAt > 0 && Date.now() - this.#failedAt > AGAIN_MS) this.keep({});
  }

  /** The store has lost what it had: it is given everything anew. */
  lost(): void {
    this.isKept = false;
    this.#failedAt = Date.now();
  }

  /** Nothing of the room is to stay. */
  forget(): void {
    this.isKept = false;
    void this.#store.write(this.#room.name, { forget: true }).catch(() => {});
  }

  #write(write: RoomWrite, isWhole: boolean): void {
    if (isWhole) {
      this.isKept = true;
      this.#tail = { bytes: 0, changes: 0 };
    }
    const [settled, dismissed] = [[...this.#gone.settled], [...this.#gone.dismissed]];
    const edits = [...(write.edits ?? []), ...(write.refusals ?? [])].map(({ edit }) => edit);
    this.#store.write(this.#room.name, { ...write, settled, dismissed }).then(
      () => {
        for (const id of settled) this.#gone.settled.delete(id);
        for (const id of dismissed) this.#gone.dismissed.delete(id);
        this.#room.stored(new Set([...edits, ...dismissed]));
      },
      () => this.lost(),
    );
  }
}
