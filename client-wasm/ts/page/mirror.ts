import type { Command, Resource, ResourceCommand } from "../types.js";

/** A resource as the host told it, and as it shows with what this page has done since. */
interface Entry {
  told: Resource | undefined;
  shown: Resource | undefined;
  /** What showed before it was deleted, which a restore brings back. */
  gone: Resource | undefined;
}

interface Collection {
  entries: Map<string, Entry>;
  list: readonly Resource[] | undefined;
}

/**
 * What a room shows on this page: what the host told, and on top of it this page's edits that the
 * host has not answered. An object is given out until its resource changes, an array until one of
 * its resources does.
 */
export class Mirror {
  readonly #types = new Map<string, Collection>();
  /** Edits that the host has not answered, in the order they were made. */
  readonly #ahead = new Map<string, ResourceCommand[]>();
  /** Keys that a telling of everything has named so far. */
  #whole: Set<string> | undefined;
  readonly #none: readonly Resource[] = Object.freeze([]);

  get(type: string, id: string): Resource | undefined {
    return this.#types.get(type)?.entries.get(id)?.shown;
  }

  list(type: string): readonly Resource[] {
    const collection = this.#types.get(type);
    if (!collection) return this.#none;
    collection.list ??= Object.freeze([...collection.entries.values()].flatMap(({ shown }) => (shown ? [shown] : [])).sort(byId));
    return collection.list;
  }

  /** Everything that stands, by type. */
  types(): string[] {
    return [...this.#types.keys()].filter((type) => this.list(type).length > 0).sort();
  }

  /** The host tells a resource. Gives whether another one shows. */
  tell(type: string, id: string, json: string | null): boolean {
    this.#whole?.add(`${type}/${id}`);
    const entry = this.#entry(type, id);
    entry.told = json === null ? undefined : (JSON.parse(json) as Resource);
    return this.#show(type, id, entry);
  }

  /** A telling of everything begins. */
  begin(): void {
    this.#whole = new Set();
  }

  /** It has ended: gives type and id of what is gone. */
  end(): [type: string, id: string][] {
    const named = this.#whole ?? new Set();
    this.#whole = undefined;
    const gone: [string, string][] = [];
    for (const [type, { entries }] of this.#types) {
      for (const [id, entry] of entries) {
        if (named.has(`${type}/${id}`) || entry.told === undefined) continue;
        entry.told = undefined;
        if (this.#show(type, id, entry)) gone.push([type, id]);
      }
    }
    return gone;
  }

  /** An edit of this page shows at once. Gives what it changes. */
  ahead(edit: string, command: Command): [type: string, id: string][] {
    const parts = resourceCommands(command);
    if (parts.length === 0) return [];
    this.#ahead.set(edit, parts);
    return this.#showAll(parts);
  }

  /** The host has answered: what it tells has the edit, or never will. Gives what changes by that. */
  answered(edit: string): [type: string, id: string][] {
    const parts = this.#ahead.get(edit);
    this.#ahead.delete(edit);
    return parts ? this.#showAll(parts) : [];
  }

  #showAll(parts: ResourceCommand[]): [type: string, id: string][] {
    return parts.map(placeOf).filter(([type, id]) => this.#show(type, id, this.#entry(type, id)));
  }

  #entry(type: string, id: string): Entry {
    const collection = this.#types.get(type) ?? { entries: new Map<string, Entry>(), list: undefined };
    this.#types.set(type, collection);
    const entry = collection.entries.get(id) ?? { told: undefined, shown: undefined, gone: undefined };
    collection.entries.set(id, entry);
    return entry;
  }

  #show(type: string, id: string, entry: Entry): boolean {
    let next = entry.told;
    let { gone } = entry;
    for (const parts of this.#ahead.values()) {
      for (const part of parts) {
        const [ofType, ofId] = placeOf(part);
        if (ofType !== type || ofId !== id) continue;
        gone = next ?? gone;
        next = applied(part, next, gone);
      }
    }
    if (!isSame(entry.shown, next)) {
      if (next === undefined) entry.gone = entry.shown;
      entry.shown = next;
      this.#types.get(type)!.list = undefined;
      return true;
    }
    return false;
  }
}

/** What a resource is behind an edit; `gone` is what an undelete may bring back. */
function applied(command: ResourceCommand, resource: Resource | undefined, gone: Resource | undefined): Resource | undefined {
  switch (command.kind) {
    case "put":
      return command.resource;
    case "patch": {
      if (!resource) return resource;
      const patched: Resource = { ...resource, ...command.elements, resourceType: resource.resourceType, id: resource.id };
      for (const [name, value] of Object.entries(patched)) if (value === null) delete patched[name];
      return patched;
    }
    case "delete":
      return undefined;
    case "undelete":
      return resource ?? gone;
  }
}

/** The edits of resources in a command; texts are not shown here. */
export function resourceCommands(command: Command): ResourceCommand[] {
  switch (command.kind) {
    case "batch":
      return command.commands.flatMap(resourceCommands);
    case "splice":
    case "setText":
      return [];
    default:
      return [command];
  }
}

/** Type and id of what an edit is of. */
export function placeOf(command: ResourceCommand): [type: string, id: string] {
  return command.kind === "put" ? [command.resource.resourceType, command.resource.id] : [command.resourceType, command.id];
}

/** Whether two resources are equal as JSON; only the order of their elements may differ. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  }
  const [ofA, ofB] = [Object.entries(a), b as Record<string, unknown>];
  return ofA.length === Object.keys(b).length && ofA.every(([name, value]) => Object.hasOwn(b, name) && isSame(value, ofB[name]));
}

/** By code unit, as the engine sorts ids, which are ASCII. */
function byId(a: Resource, b: Resource): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
