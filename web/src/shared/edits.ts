/**
 * What became of the edits made in this window.
 *
 * The room shows an edit at once; a refused one is kept here with its reason and the person's own
 * text, until it is made again or discarded. The package keeps it, too, over a reload: what was
 * refused of another window, or of an earlier one, is told from there.
 */
import { capital } from "./capital";
import type { Edit, RefusedEdit, Room } from "./chartroom";
import { Listeners } from "./store";

/** An edit that the server did not accept. */
export interface Refusal {
  readonly key: number;
  readonly type: string;
  readonly id: string;
  /** What the edit was, in words: `Edit of Penicillin`. */
  readonly what: string;
  /** The panel whose form it came from. */
  readonly panel?: string;
  /** Id of the entry that it is said beside; at the head of the panel where nothing is given. */
  readonly beside?: string;
  /** Why it was refused, in words. */
  readonly reason: string;
  /** The values of the form it came from; absent for a removal. */
  readonly draft?: unknown;
  /** Makes the same edit again. */
  readonly again: () => Edit;
  /** The edit itself, which the package keeps as well; absent where it could not even be made. */
  readonly edit?: Edit | undefined;
}

/** What an edit is, beside the doing of it. */
export interface EditMeaning {
  readonly what: string;
  readonly panel?: string;
  readonly beside?: string;
  readonly draft?: unknown;
  readonly again: () => Edit;
}

export class EditLog extends Listeners {
  readonly #room: Pick<Room, "refused" | "on">;
  #refusals: readonly Refusal[] = [];
  #kept: readonly RefusedEdit[] = [];
  #next = 1;

  constructor(room: Pick<Room, "refused" | "on">) {
    super();
    this.#room = room;
    this.#look();
    room.on("refused", () => this.#look());
  }

  /** Refused edits of this window, oldest first; the same array until it changes. */
  readonly refusals = (): readonly Refusal[] => this.#refusals;

  /** Refused edits of which this window does not tell otherwise; what was typed into a text is told by its note. */
  readonly kept = (): readonly RefusedEdit[] => this.#kept;

  /** Follows an edit until it is durable; a refusal is kept. */
  follow(edit: Edit, meaning: EditMeaning): void {
    edit.saved.catch((error: unknown) => {
      if (isClosing(error)) return;
      this.#keep(edit.resource, { ...meaning, edit }, error);
    });
  }

  /** Makes an edit of an entry and follows it; one that cannot even be made is kept as a refusal. */
  attempt(entry: Edit["resource"], meaning: EditMeaning, run = meaning.again): boolean {
    try {
      this.follow(run(), meaning);
      return true;
    } catch (error) {
      this.#keep(entry, meaning, error);
      return false;
    }
  }

  /** Forgets a refused edit. */
  dismiss(key: number): void {
    const edit = this.#refusals.find((refusal) => refusal.key === key)?.edit;
    this.#set(this.#refusals.filter((refusal) => refusal.key !== key));
    if (edit) dropRefused(this.#room, edit);
  }

  #keep({ type, id }: Edit["resource"], { edit, ...rest }: EditMeaning & Pick<Refusal, "edit">, error: unknown): void {
    const meaning = { ...rest, edit: refusedOf(this.#room)?.some((one) => one.edit === edit) ? edit : undefined };
    this.#set([...this.#refusals, { key: this.#next++, type, id, ...meaning, reason: reasonText(error) }]);
  }

  #set(refusals: readonly Refusal[]): void {
    this.#refusals = refusals;
    this.#look();
  }

  #look(): void {
    const refused = refusedOf(this.#room);
    if (!refused) return;
    const all = new Set(refused.map(({ edit }) => edit));
    // What another window has seen to is seen to here.
    const standing = this.#refusals.filter(({ edit }) => !edit || all.has(edit));
    if (standing.length < this.#refusals.length) this.#refusals = standing;
    const own = new Set(this.#refusals.map(({ edit }) => edit));
    this.#kept = refused.filter(({ edit, command }) => command.kind !== "splice" && !own.has(edit));
    this.tell();
  }
}

/** Refused edits of a room; nobody can say where the client has ended. */
function refusedOf(room: Pick<Room, "refused">): readonly RefusedEdit[] | undefined {
  try {
    return room.refused;
  } catch {
    return undefined;
  }
}

/** Somebody has been told of an edit's refusal. */
export function dropRefused(room: Pick<Room, "refused">, edit: Edit): void {
  refusedOf(room)
    ?.find((one) => one.edit === edit)
    ?.drop();
}

/** Whether the room or the client was closed before the server had answered, which is no refusal. */
export function isClosing(error: unknown): boolean {
  return codeOf(error) === "client-closed" || codeOf(error) === "room-closed";
}

/** Why an edit did not go through, in words for the person who made it. */
export function reasonText(error: unknown): string {
  const known = REASONS[codeOf(error) ?? ""];
  if (known) return known;
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message).trim() : "";
  return message === "" ? "The server gave no reason." : sentence(message);
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function sentence(text: string): string {
  const begun = capital(text);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

const REASONS: Record<string, string> = {
  "room-not-found": "There is no such chart, or it is not open to you.",
  "read-only": "You may read this chart but not change it.",
  "wrong-patient": "The entry names another patient than this chart's.",
  "not-found": "The entry is no longer in the chart.",
  "too-large": "The entry is too long to be stored.",
  "engine-failed": "The page lost its footing. Copy your text and load the page again.",
};
