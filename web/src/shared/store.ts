/** The smallest observable: a set of listeners told that something may have changed. */
export class Listeners {
  readonly #all = new Set<() => void>();

  /** Adds a listener; the result takes it away again. Bound, so that React can hold it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  };

  /** Tells all listeners. */
  tell(): void {
    for (const listener of [...this.#all]) listener();
  }
}

/** The key of a resource within a room. */
export function resourceKey(type: string, id: string): string {
  return `${type}/${id}`;
}
