import { call } from "../emitter.js";
import type { FollowEnd, Unsubscribe } from "../types.js";
import type { EngineEvent } from "./engine.js";

/** What a room's follows ask of the connection. */
export interface FollowLink {
  /** Asks for the events behind a number, or the last so many; gives the number by which the answers are known. */
  follow(from: { after: number } | { last: number }): number;
  unfollow(id: number): void;
}

/** A listener to the server's log, and where it is. */
interface Follow {
  /** Behind the last event that it heard, or where it begins. */
  from: { after: number } | { last: number };
  /** By which the server's answers are known, on a connection where it was asked for. */
  id?: number;
  readonly tell: (events: EngineEvent[]) => void;
  readonly onEnd: (end: FollowEnd) => void;
}

/**
 * The listeners of a room that hear the server's numbered events. Each remembers the last one it
 * heard and asks again from there on every new connection, so it misses none and hears none twice.
 */
export class Follows {
  readonly #follows = new Set<Follow>();
  #online = false;

  constructor(readonly link: FollowLink) {}

  add(from: Follow["from"], tell: Follow["tell"], onEnd: Follow["onEnd"]): Unsubscribe {
    const follow: Follow = { from, tell, onEnd };
    this.#follows.add(follow);
    this.#ask(follow);
    return () => {
      this.#follows.delete(follow);
      if (follow.id !== undefined) this.link.unfollow(follow.id);
    };
  }

  /** The room is open on a connection. */
  online(): void {
    this.#online = true;
    for (const follow of this.#follows) this.#ask(follow);
  }

  /** The connection is gone, and what was asked on it. */
  offline(): void {
    this.#online = false;
    for (const follow of this.#follows) delete follow.id;
  }

  /** Events came, perhaps for one of these. */
  events(id: number, events: EngineEvent[]): void {
    const follow = this.#find(id);
    if (!follow || events.length === 0) return;
    follow.from = { after: events.at(-1)?.seq ?? 0 };
    call(() => follow.tell(events));
  }

  ended(id: number, end: FollowEnd): void {
    const follow = this.#find(id);
    if (!follow) return;
    this.#follows.delete(follow);
    call(() => follow.onEnd(end));
  }

  /** Asks where that was not done on this connection. */
  #ask(follow: Follow): void {
    if (this.#online) follow.id ??= this.link.follow(follow.from);
  }

  #find(id: number): Follow | undefined {
    for (const follow of this.#follows) if (follow.id === id) return follow;
    return undefined;
  }
}
