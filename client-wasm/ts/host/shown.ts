import { RESOURCE_TYPES } from "../resource_types.js";
import type { Update } from "../protocol.js";
import type { Command, Conflict } from "../types.js";
import type { Report } from "./engine.js";

/** Reads resources and conflicts as JSON; the engine's room does. */
interface Source {
  resource(type: string, id: string): string | undefined;
  collection(type: string): string;
  conflicts(): string;
}

type Resources = NonNullable<Update["resources"]>;

/** What a page takes in within a millisecond or so. */
const PIECE_CHARACTERS = 64 * 1024;

/** What the pages were told that the room shows, so that they are told only what differs. */
export class Shown {
  /** JSON by type and id. Read when the first page comes. */
  #types: Map<string, Map<string, string>> | undefined;
  readonly #touched = new Map<string, Set<string>>();
  /** JSON. Costly to look for, so that is done only where they may have changed. */
  #conflicts = "[]";
  #conflictsStale = true;

  /** What the engine reports may have changed, and what the server now has of this device's edits. */
  heard({ events, adopted, texts }: Pick<Report, "events" | "adopted" | "texts">, saved: readonly Command[]): void {
    for (const event of events) {
      this.#touch(event.resource_type, event.resource_id);
      if (event.event_type.startsWith("conflict.")) this.#conflictsStale = true;
    }
    // With the server's order known, another value of a conflict may be the one that shows.
    for (const command of saved) for (const [type, id] of touchedBy(command)) this.#touch(type, id);
    if (adopted || texts.length > 0) this.#conflictsStale = true;
  }

  /** Conflicts may name others as their authors. */
  introduced(): void {
    this.#conflictsStale = true;
  }

  /** The conflicts as they are now. */
  conflicts(source: Source): readonly Conflict[] {
    if (this.#conflictsStale) {
      this.#conflicts = source.conflicts();
      this.#conflictsStale = false;
    }
    return JSON.parse(this.#conflicts) as Conflict[];
  }

  /** The conflicts, where they are not as they were told. */
  changedConflicts(source: Source): Pick<Update, "conflicts"> {
    if (!this.#conflictsStale) return {};
    const before = this.#conflicts;
    const conflicts = this.conflicts(source);
    return this.#conflicts === before ? {} : { conflicts };
  }

  /** Reads everything, where that was not done. */
  readAll(source: Source): void {
    if (this.#types) return;
    this.#types = new Map();
    this.reread(source);
  }

  /** All of it, in pieces. */
  *all(): Generator<Update> {
    for (const resources of pieces(this.#entries())) yield { resources };
  }

  /** What of the touched resources is not as it was told. */
  changed(source: Source): Resources[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    if (!this.#types) return [];
    const changed: Resources = [];
    for (const [type, ids] of touched) {
      for (const id of ids) {
        const json = plain(source.resource(type, id));
        if (this.#set(type, id, json)) changed.push([type, id, json]);
      }
    }
    return pieces(changed);
  }

  /** Reads everything, and gives what is not as it was told. */
  reread(source: Source): Resources[] {
    this.#touched.clear();
    const types = this.#types;
    if (!types) return [];
    const changed: Resources = [];
    for (const type of RESOURCE_TYPES) {
      const resources = JSON.parse(source.collection(type)) as { id: string }[];
      const gone = new Set(types.get(type)?.keys());
      for (const resource of resources) {
        gone.delete(resource.id);
        const json = JSON.stringify(resource);
        if (this.#set(type, resource.id, json)) changed.push([type, resource.id, json]);
      }
      for (const id of gone) {
        this.#set(type, id, null);
        changed.push([type, id, null]);
      }
    }
    return pieces(changed);
  }

  #touch(type: string, id: string): void {
    const touched = this.#touched.get(type) ?? new Set();
    this.#touched.set(type, touched.add(id));
    if (this.#conflicts.includes(`"${id}"`)) this.#conflictsStale = true;
  }

  /** Gives whether that is news. */
  #set(type: string, id: string, json: string | null): boolean {
    const of = this.#types!.get(type) ?? new Map<string, string>();
    if ((of.get(id) ?? null) === json) return false;
    this.#types!.set(type, of);
    if (json === null) of.delete(id);
    else of.set(id, json);
    return true;
  }

  *#entries(): Generator<Resources[number]> {
    for (const [type, resources] of this.#types ?? []) for (const [id, json] of resources) yield [type, id, json];
  }
}

function pieces(entries: Iterable<Resources[number]>): Resources[] {
  const all: Resources[] = [];
  let piece: Resources = [];
  let characters = 0;
  for (const entry of entries) {
    const length = entry[2]?.length ?? 0;
    if (piece.length > 0 && characters + length > PIECE_CHARACTERS) {
      all.push(piece);
      [piece, characters] = [[], 0];
    }
    piece.push(entry);
    characters += length;
  }
  if (piece.length > 0) all.push(piece);
  return all;
}

/** JSON as JavaScript writes it, so that it can be compared. */
function plain(json: string | undefined): string | null {
  return json === undefined ? null : JSON.stringify(JSON.parse(json));
}

/** Type and id of what a command names. */
function touchedBy(command: Command): [type: string, id: string][] {
  switch (command.kind) {
    case "put":
      return [[command.resource.resourceType, command.resource.id]];
    case "batch":
      return command.commands.flatMap(touchedBy);
    default:
      return [[command.resourceType, command.id]];
  }
}
