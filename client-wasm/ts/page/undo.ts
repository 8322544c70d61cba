import { ChartroomError } from "../errors.js";
import type { Command, Conflict, Edit, Json, Resource, ResourceCommand } from "../types.js";
import { commandWording } from "../wording.js";
import type { LocalEdit } from "./edit.js";
import { isSame, placeOf, resourceCommands, type Mirror } from "./mirror.js";

/** So many of one's own edits can be undone. */
const STEPS_MAX = 200;

/** The room, as undo needs it. */
interface UndoRoom {
  readonly mirror: Mirror;
  readonly conflicts: readonly Conflict[];
  readonly emitter: { emit(name: "undo", value: undefined): void };
  command(command: Command): LocalEdit;
}

/** What an edit changed of one resource: elements before and behind it, or all of it. */
interface Step {
  type: string;
  id: string;
  /** `undefined`: the resource was not there. */
  before: Resource | undefined;
  after: Resource | undefined;
  /** What a restore brings back is known once the host has answered. */
  isLate?: boolean;
}

interface Entry {
  text: string;
  steps: Step[];
  edit: LocalEdit;
}

/**
 * One's own edits in a room, to take back and to do again. Only what still stands as this person
 * left it is touched: what others have written since, they keep, and what is in dispute a person chooses.
 */
export class UndoStack {
  readonly #room: UndoRoom;
  #done: Entry[] = [];
  #undone: Entry[] = [];

  /** @internal */
  constructor(room: UndoRoom) {
    this.#room = room;
  }

  /** What `undo` would take back, in words: "stop Metoprolol"; `null` where there is nothing. */
  get undoText(): string | null {
    return this.#done.at(-1)?.text ?? null;
  }

  /** What `redo` would do again, in words. */
  get redoText(): string | null {
    return this.#undone.at(-1)?.text ?? null;
  }

  /**
   * Takes back this window's last edit. Throws `nothing-to-undo`, or `changed-since` where all that
   * it wrote was written by others since; that edit is passed over then.
   */
  undo(): Edit {
    return this.#move("undo", this.#done, this.#undone, ({ before, after, ...at }) => ({ ...at, before: after, after: before }));
  }

  /** Does again what was last undone; throws `nothing-to-redo` or `changed-since`. */
  redo(): Edit {
    return this.#move("redo", this.#undone, this.#done, (step) => step);
  }

  /** @internal An edit of this window is about to be made; gives what to call once it was. */
  record(command: Command, text?: string): (edit: LocalEdit) => void {
    const parts = resourceCommands(command);
    const before = parts.map((part) => this.#room.mirror.get(...placeOf(part)));
    return (edit) => {
      const steps = parts.map((part, at): Step => {
        const [type, id] = placeOf(part);
        const after = this.#room.mirror.get(type, id);
        return { type, id, before: before[at], after, isLate: part.kind === "undelete" && after === undefined };
      });
      const changed = steps.filter((step) => step.isLate || !isSame(step.before, step.after));
      if (changed.length === 0) return;
      const words = text ?? commandWording(command, command.kind === "undelete" ? changed[0]!.after : changed[0]!.before);
      this.#done = [...this.#done, { text: words, steps: changed, edit }].slice(-STEPS_MAX);
      this.#undone = [];
      this.#room.emitter.emit("undo", undefined);
    };
  }

  /** @internal The host has carried it out. */
  answered(edit: LocalEdit): void {
    const steps = this.#done.filter((entry) => entry.edit === edit).flatMap((entry) => entry.steps);
    for (const step of steps.filter(({ isLate }) => isLate)) {
      step.after = this.#room.mirror.get(step.type, step.id);
      step.isLate = false;
    }
  }

  /** @internal It never happened. */
  refused(edit: LocalEdit): void {
    const remain = (entries: Entry[]) => entries.filter((entry) => entry.edit !== edit);
    const count = this.#done.length + this.#undone.length;
    this.#done = remain(this.#done);
    this.#undone = remain(this.#undone);
    if (this.#done.length + this.#undone.length !== count) this.#room.emitter.emit("undo", undefined);
  }

  #move(what: "undo" | "redo", from: Entry[], to: Entry[], turned: (step: Step) => Step): Edit {
    const entry = from.pop();
    if (!entry) throw new ChartroomError(`nothing-to-${what}`, `there is nothing to ${what} in this room`);
    const commands = entry.steps.map(turned).flatMap((step) => this.#towards(step));
    if (commands.length === 0) {
      this.#room.emitter.emit("undo", undefined);
      throw new ChartroomError("changed-since", "somebody has changed this since; nothing was done");
    }
    const edit = this.#room.command(commands.length === 1 ? commands[0]! : { kind: "batch", commands });
    to.push({ ...entry, edit });
    this.#room.emitter.emit("undo", undefined);
    return edit;
  }

  /** The edit that makes what stands as `before` says, where it does, as `after` says. */
  #towards({ type, id, before, after }: Step): ResourceCommand[] {
    const now = this.#room.mirror.get(type, id);
    const disputes = this.#room.conflicts.filter((conflict) => conflict.resource_type === type && conflict.id === id);
    if (after === undefined) {
      // Taking back a creation must not take what others wrote into it.
      return now && isSame(now, before) && disputes.length === 0 ? [{ kind: "delete", resourceType: type, id }] : [];
    }
    if (before === undefined) return now ? [] : [{ kind: "undelete", resourceType: type, id }];
    if (!now) return [];
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    const elements = [...names].filter((name) => !isSame(before[name], after[name]) && isSame(now[name], before[name]) && !disputes.some(({ elements }) => elements.includes(name)));
    if (elements.length === 0) return [];
    const values = elements.map((name) => [name, (after[name] ?? null) as Json] as const);
    return [{ kind: "patch", resourceType: type, id, elements: Object.fromEntries(values) }];
  }
}
