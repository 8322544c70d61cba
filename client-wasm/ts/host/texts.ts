import { ChangeSet, Text } from "@codemirror/state";
import type { Command } from "../types.js";
import type { Fault, ToPage } from "../protocol.js";
import { changesBetween } from "./text_diff.js";

/** What the texts of a room ask of the host. */
export interface TextLink {
  /** Says something to one page. */
  say(page: string, message: ToPage): void;
}

/** The room that the texts are of. */
interface TextRoom {
  name: string;
  textOf(type: string, id: string, element: string): string | undefined;
}

/** A page that shows a text. */
interface Reader {
  /** What others did and the page was told, as it applies behind what the page has done since. */
  untaken: ChangeSet[];
  /** How many changes of others the page was told. */
  told: number;
}

interface OpenText {
  content: string;
  readonly readers: Map<string, Reader>;
}

/**
 * Texts that pages write in, each page ahead of the engine by what it has typed.
 *
 * Both sides transform what they hear over what the other has not heard yet, in one order: what the
 * engine has comes first. So they come to the same text (two-party operational transformation).
 */
export class Texts {
  readonly #open = new Map<string, OpenText>();
  /** The text that a page's change is being written into. */
  #writing: string | undefined;

  constructor(
    readonly room: TextRoom,
    readonly link: TextLink,
  ) {}

  open(page: string, key: string): void {
    const text = this.#open.get(key) ?? { content: this.#read(key), readers: new Map() };
    this.#open.set(key, text);
    this.#begin(page, key, text);
  }

  close(page: string, key: string): void {
    const text = this.#open.get(key);
    text?.readers.delete(page);
    if (text?.readers.size === 0) this.#open.delete(key);
  }

  /** A page is gone. */
  left(page: string): void {
    for (const key of [...this.#open.keys()]) this.close(page, key);
  }

  /**
   * What somebody typed, who knew of the first `seen` changes of others; `apply` carries out
   * commands and says why one cannot be.
   */
  change(page: string, key: string, seen: number, json: unknown, edit: string, apply: (edit: string, command: Command) => Fault | undefined): void {
    const text = this.#open.get(key);
    const reader = text?.readers.get(page);
    if (!text || !reader) return;
    reader.untaken.splice(0, reader.untaken.length - (reader.told - seen));
    let changes = ChangeSet.fromJSON(json);
    if (changes.length !== (reader.untaken[0]?.length ?? text.content.length)) return this.#begin(page, key, text);
    reader.untaken = reader.untaken.map((other) => {
      const behind = other.map(changes, true);
      changes = changes.map(other);
      return behind;
    });
    this.#writing = key;
    let fault: Fault | undefined;
    for (const command of splices(key, changes)) fault ??= apply(`${edit}.${command.index}`, command);
    this.#writing = undefined;
    if (!fault) {
      text.content = changes.apply(Text.of(text.content.split("\n"))).toString();
      for (const [other, { untaken }] of text.readers) if (other !== page) this.#tell(other, key, text, changes, untaken);
      this.link.say(page, { kind: "text-taken", room: this.room.name, text: key, edit });
      return this.touched([key], false);
    }
    // The others hear what was taken of it, this page the whole text.
    text.readers.delete(page);
    this.touched([key], false);
    this.link.say(page, { kind: "text-taken", room: this.room.name, text: key, edit, fault });
    this.#begin(page, key, text);
  }

  /** The engine's texts with these keys may have changed, or all of them. */
  touched(keys: readonly string[], all: boolean): void {
    for (const [key, text] of this.#open) {
      if ((!all && !keys.includes(key)) || key === this.#writing) continue;
      const content = this.#read(key);
      if (content === text.content) continue;
      const changes = changesBetween(text.content, content);
      text.content = content;
      for (const [page, { untaken }] of text.readers) this.#tell(page, key, text, changes, untaken);
    }
  }

  #tell(page: string, key: string, text: OpenText, changes: ChangeSet, untaken: ChangeSet[]): void {
    untaken.push(changes);
    text.readers.get(page)!.told += 1;
    this.link.say(page, { kind: "text-changed", room: this.room.name, text: key, changes: changes.toJSON() });
  }

  #begin(page: string, key: string, text: OpenText): void {
    text.readers.set(page, { untaken: [], told: 0 });
    this.link.say(page, { kind: "text", room: this.room.name, text: key, content: text.content });
  }

  #read(key: string): string {
    const { type, id, element } = partsOf(key);
    return this.room.textOf(type, id, element) ?? "";
  }
}

/** Commands for a set of changes, the last place first, so that none moves another. */
function splices(key: string, changes: ChangeSet): Extract<Command, { kind: "splice" }>[] {
  const { type, id, element } = partsOf(key);
  const commands: Extract<Command, { kind: "splice" }>[] = [];
  changes.iterChanges((from, to, _fromB, _toB, inserted) => {
    commands.unshift({ kind: "splice", resourceType: type, id, element, index: from, delete: to - from, insert: inserted.toString() });
  });
  return commands;
}

function partsOf(key: string): { type: string; id: string; element: string } {
  const [type = "", id = "", element = ""] = key.split(":");
  return { type, id, element };
}
