import type { Resource } from "./types.js";

/** Reads resources as JSON; the engine's room does. */
export interface Source {
  resource(type: string, id: string): string | undefined;
  collection(type: string): string;
}

/**
 * Resources as plain objects with stable identity: an object is given out until its resource
 * changes, an array until one of its resources does. Nothing is parsed before somebody looks.
 */
export class Collections {
  readonly #types = new Map<string, Collection>();

  get(source: Source, type: string, id: string): Resource | undefined {
    return this.#collection(type).get(source, type, id);
  }

  list(source: Source, type: string): readonly Resource[] {
    return this.#collection(type).list(source, type);
  }

  /** A resource may have changed. */
  touch(type: string, id: string): void {
    this.#types.get(type)?.touch(id);
  }

  /** Everything may have changed. */
  touchAll(): void {
    for (const collection of this.#types.values()) collection.touchAll();
  }

  #collection(type: string): Collection {
    const collection = this.#types.get(type) ?? new Collection();
    this.#types.set(type, collection);
    return collection;
  }
}

class Collection {
  /** By id; `undefined` for one that is known to be absent. */
  readonly #known = new Map<string, Resource | undefined>();
  readonly #touched = new Set<string>();
  /** Whether `#known` holds every resource of the type, but for those touched. */
  #complete = false;
  #list: readonly Resource[] | undefined;

  get(source: Source, type: string, id: string): Resource | undefined {
    const missing = !this.#known.has(id) && !this.#complete;
    if (missing || this.#touched.has(id)) this.#refresh(id, source.resource(type, id));
    return this.#known.get(id);
  }

  list(source: Source, type: string): readonly Resource[] {
    if (!this.#complete) this.#readAll(source.collection(type));
    for (const id of [...this.#touched]) this.#refresh(id, source.resource(type, id));
    this.#list ??= Object.freeze([...this.#known.values()].filter((resource) => resource !== undefined).sort(byId));
    return this.#list;
  }

  touch(id: string): void {
    if (this.#complete || this.#known.has(id)) this.#touched.add(id);
  }

  touchAll(): void {
    this.#complete = false;
    for (const id of this.#known.keys()) this.#touched.add(id);
  }

  #readAll(json: string): void {
    const resources = JSON.parse(json) as Resource[];
    const gone = new Set(this.#known.keys());
    for (const resource of resources) {
      gone.delete(resource.id);
      this.#replace(resource.id, resource);
    }
    for (const id of gone) this.#replace(id, undefined);
    this.#touched.clear();
    this.#complete = true;
  }

  #refresh(id: string, json: string | undefined): void {
    this.#touched.delete(id);
    this.#replace(id, json === undefined ? undefined : (JSON.parse(json) as Resource));
  }

  #replace(id: string, resource: Resource | undefined): void {
    const old = this.#known.get(id);
    if (old === resource || (old && resource && JSON.stringify(old) === JSON.stringify(resource))) {
      if (!this.#known.has(id)) this.#known.set(id, undefined);
      return;
    }
    this.#known.set(id, resource);
    this.#list = undefined;
  }
}

/** By code unit, as the engine sorts ids, which are ASCII. */
function byId(a: Resource, b: Resource): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
