import type { Unsubscribe } from "./types.js";

type Listener<T> = (value: T) => void;

/** Subscriptions by name. A listener that throws disturbs neither the others nor the caller. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A wrapper of its own, so that one function may be subscribed twice.
    const entry: Listener<Events[K]> = (value) => listener(value);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<K extends keyof Events>(name: K, value: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Events[K]>[]) {
      call(() => listener(value));
    }
  }
}

/** A listener's fault is nobody else's: it is thrown where no caller is. */
export function call(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
