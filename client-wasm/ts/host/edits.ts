import { ChartroomError, fromEngine } from "../errors.js";
import type { EditNews } from "../protocol.js";
import type { RoomWrite, StoredEdit, StoredRefusal, StoredRoom } from "../store/store.js";
import type { Command, EditState } from "../types.js";
import type { Report, Said } from "./engine.js";
import type { Replica } from "./replica.js";

/** An edit until the server has answered for it. */
export interface HostEdit {
  id: string;
  hash: string | null;
  command: Command;
  isSent: boolean;
  isStored: boolean;
}

/** What became of edits that were made again. */
export interface Again {
  made: HostEdit[];
  refused: StoredRefusal[];
  /** What the engine had to say, in order. */
  said: Said[];
}

/** What a call of the engine came to for the edits of its room. */
export interface Fates {
  news: EditNews[];
  /** What the edits did that the server has now. */
  saved: Command[];
  write: Pick<RoomWrite, "edits" | "settled" | "refusals">;
}

/** An edit that is yet to be made. */
export function newEdit(id: string, command: Command): HostEdit {
  return { id, hash: null, command, isSent: false, isStored: false };
}

/**
 * The edits of one room until the server has answered for them, and refused ones until somebody has
 * looked at them. It is told what happens, and gives what the pages and the store are to know of it.
 */
export class Edits {
  /** Unsaved edits by hash, in the order they were made. */
  readonly #made = new Map<string, HostEdit>();
  /** Unsaved edits on their way into a new document of the room, and what they come to there. */
  readonly #carried: { edit: HostEdit; command: Command }[] = [];
  /** Refused edits that nobody has looked at. */
  readonly #refusals = new Map<string, StoredRefusal>();
  /** Those of them that no store has. */
  readonly #unstoredRefusals = new Set<string>();

  get unsaved(): number {
    return this.#made.size + this.#carried.length;
  }

  /** Unsaved edits, and refused ones, that no store has. */
  get unstored(): number {
    return this.#waiting().filter(({ isStored }) => !isStored).length + this.#unstoredRefusals.size;
  }

  /** Refused edits that nobody has looked at. */
  get refused(): number {
    return this.#refusals.size;
  }

  /** What there is to tell of every edit. */
  news(): EditNews[] {
    return [...this.#waiting().map(editNews), ...[...this.#refusals.values()].map(refusalNews)];
  }

  /** What there is to tell of one edit, if it is known. */
  newsOf(id: string): EditNews | undefined {
    const edit = this.#waiting().find((edit) => edit.id === id);
    if (edit) return editNews(edit);
    const refusal = this.#refusals.get(id);
    return refusal && refusalNews(refusal);
  }

  /** All of them as the store has them. */
  all(): Required<Pick<RoomWrite, "edits" | "refusals">> {
    const carried = this.#carried.map(({ edit }) => ({ ...storedEdit(edit), hash: null }));
    return { edits: [...[...this.#made.values()].map(storedEdit), ...carried], refusals: [...this.#refusals.values()] };
  }

  /** Takes up what the store has; where `isKept` is false the room lacks the changes, which are to be made again. */
  resume({ edits, refusals }: Pick<StoredRoom, "edits" | "refusals">, isKept: boolean): void {
    for (const refusal of [...refusals].sort(asMade)) this.#refusals.set(refusal.edit, refusal);
    for (const { edit: id, hash, command } of edits) {
      const edit: HostEdit = { id, hash, command, isSent: false, isStored: true };
      if (hash !== null && isKept) this.#made.set(hash, edit);
      else this.#carried.push({ edit, command });
    }
  }

  /** An edit has come to a change with this hash, or to none. */
  made(edit: HostEdit, hash: string | null): void {
    edit.hash = hash;
    if (hash !== null) this.#made.set(hash, edit);
  }

  /**
   * The engine reports what the server has and what it refused, for `reason`; edits may have been `made`,
   * or `refused` here, and with `isSent` every edit was sent. One that changes nothing is saved as it is.
   */
  heard(report: Report | undefined, { made, refused, isSent, reason }: { made: HostEdit[]; refused: StoredRefusal[]; isSent: boolean; reason: ChartroomError | undefined }): Fates {
    const touched = new Set(made);
    if (isSent) {
      for (const edit of this.#made.values()) {
        if (!edit.isSent) touched.add(edit);
        edit.isSent = true;
      }
    }
    const saved = this.#settle(report?.saved ?? []);
    saved.push(...made.filter(({ hash }) => hash === null));
    const why = reason ?? new ChartroomError("refused", "the server refused the edit");
    const refusals = [...refused, ...this.#settle(report?.givenBack ?? []).map((edit) => this.refuse(edit, why))];
    const waiting = [...touched].filter(({ hash }) => hash !== null && this.#made.has(hash));
    const edits = made.filter(({ hash }) => hash !== null).map(storedEdit);
    const settled = [...saved.map(({ id }) => id), ...refusals.map(({ edit }) => edit)];
    return {
      news: [...waiting.map(editNews), ...saved.map(({ id, hash }) => savedNews(id, hash)), ...refusals.map(refusalNews)],
      saved: saved.map(({ command }) => command),
      write: {
        ...(edits.length > 0 && { edits }),
        ...(settled.length > 0 && { settled }),
        ...(refusals.length > 0 && { refusals }),
      },
    };
  }

  /** An edit is refused, and kept until somebody has looked at it. */
  refuse({ id, hash, command }: HostEdit, { code, message }: ChartroomError): StoredRefusal {
    const refusal: StoredRefusal = { edit: id, hash, command, fault: { code, message } };
    this.recall(refusal);
    return refusal;
  }

  /** An edit was refused, which no store has yet. */
  recall(refusal: StoredRefusal): void {
    this.#refusals.set(refusal.edit, refusal);
    this.#unstoredRefusals.add(refusal.edit);
  }

  /** Somebody has looked at a refused edit; gives whether there was one. */
  dismiss(id: string): boolean {
    this.#unstoredRefusals.delete(id);
    return this.#refusals.delete(id);
  }

  /** The connection is gone, and what was sent on it is to be sent again. Gives what is news. */
  unsent(): EditNews[] {
    for (const edit of this.#made.values()) edit.isSent = false;
    return [...this.#made.values()].map(editNews);
  }

  /** The store has these edits, or that they were refused. Gives what is news. */
  stored(ids: ReadonlySet<string>): EditNews[] {
    for (const id of ids) this.#unstoredRefusals.delete(id);
    const edits = this.#waiting().filter(({ id, isStored }) => ids.has(id) && !isStored);
    for (const edit of edits) edit.isStored = true;
    return edits.map(editNews);
  }

  /** The store has lost all edits. Gives what is news. */
  unstore(): EditNews[] {
    for (const id of this.#refusals.keys()) this.#unstoredRefusals.add(id);
    const edits = this.#waiting();
    for (const edit of edits) edit.isStored = false;
    return edits.map(editNews);
  }

  /** The room leaves its document behind: edits wait to be made again in another, where `pending` says by hash what they come to. */
  carry(pending: readonly [hash: string, command: Command][]): void {
    for (const [hash, command] of pending) this.#carried.push(...this.#settle([hash]).map((edit) => ({ edit, command })));
    for (const edit of this.#made.values()) this.#carried.push({ edit, command: edit.command });
    this.#made.clear();
    for (const { edit } of this.#carried) edit.isSent = false;
  }

  /** Makes the edits again that wait for it. */
  makeAgain(replica: Replica): Again {
    const again: Again = { made: [], refused: [], said: [] };
    for (const { edit, command } of this.#carried.splice(0)) {
      try {
        // Where the same document was asked for anew, the server may have the change.
        const isThere = edit.hash !== null && replica.has(edit.hash);
        const said = isThere ? undefined : replica.take((shell) => shell.command(Date.now(), JSON.stringify(command)));
        if (said) again.said.push(said);
        this.made(edit, said?.report?.edit?.hash ?? null);
        again.made.push(edit);
      } catch (error) {
        again.refused.push(this.refuse(edit, fromEngine(error)));
      }
    }
    return again;
  }

  /** Every edit that the server has not answered for. */
  #waiting(): HostEdit[] {
    return [...this.#made.values(), ...this.#carried.map(({ edit }) => edit)];
  }

  /** The server has answered for the edits with these hashes. */
  #settle(hashes: readonly string[]): HostEdit[] {
    return hashes.flatMap((hash) => {
      const edit = this.#made.get(hash);
      this.#made.delete(hash);
      return edit ? [edit] : [];
    });
  }
}

/** What a page is told of an edit that is saved. */
export function savedNews(id: string, hash: string | null): EditNews {
  return { edit: id, state: "saved", hash };
}

/** What a page is told of a refusal. */
export function refusalNews({ edit, hash, command, fault }: StoredRefusal): EditNews {
  return { edit, state: "refused", hash, command, fault };
}

function editNews(edit: HostEdit): EditNews {
  return { edit: edit.id, state: stateOf(edit), hash: edit.hash, isStored: edit.isStored, command: edit.command };
}

function stateOf({ isSent, isStored }: HostEdit): EditState {
  if (isSent) return "sent";
  return isStored ? "local" : "new";
}

function storedEdit({ id, hash, command }: HostEdit): StoredEdit {
  return { edit: id, hash, command };
}

/**
 * Refused edits of one page in the order in which they were made, which the store's keys are not in: a
 * page numbers its edits, and of one change of a text the last place is written first.
 */
function asMade(a: StoredRefusal, b: StoredRefusal): number {
  const [[pageA, numberA, placeA], [pageB, numberB, placeB]] = [a, b].map(({ edit }) => edit.split(/[:.]/)) as [string[], string[]];
  if (pageA !== pageB) return pageA! < pageB! ? -1 : 1;
  return Number(numberA) - Number(numberB) || Number(placeB ?? 0) - Number(placeA ?? 0);
}
