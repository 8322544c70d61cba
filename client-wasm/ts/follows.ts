import { call } from "./emitter.js";
import type { EngineEvent } from "./engine.js";
import { ChartroomError } from "./errors.js";
import type { ChartEvent, FollowEnd, FollowOptions, Unsubscribe } from "./types.js";

/** What a room's follows ask of the connection. */
export interface FollowLink {
  /** Asks for the events behind a number; gives the number by which the answers are known. */
  follow(after: number): number;
  unfollow(id: number): void;
}

/** A listener to the server's log, and where it is. */
interface Follow {
  /** The last event that it heard. */
  last: number;
  /** By which the server's answers are known, on a connection where it was asked for. */
  id?: number;
  readonly tell: (event: ChartEvent) => void;
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

  add({ after, onEnd = unheard }: FollowOptions, tell: (event: ChartEvent) => void): Unsubscribe {
    if (!Number.isSafeInteger(after) || after < 0) throw new ChartroomError("bad-number", "an event's number is a whole number from 0");
    const follow: Follow = { last: after, tell, onEnd };
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

  /** Events came, which are told as `told` makes them. */
  events(id: number, events: EngineEvent[], told: (event: EngineEvent) => ChartEvent): void {
    const follow = this.#find(id);
    for (const event of events) {
      // A listener may have ended its subscription with the event before.
      if (!follow || !this.#follows.has(follow)) return;
      follow.last = event.seq ?? follow.last;
      call(() => follow.tell(told(event)));
    }
  }

  ended(id: number, end: FollowEnd): void {
    const follow = this.#find(id);
    if (!follow) return;
    this.#follows.delete(follow);
    call(() => follow.onEnd(end));
  }

  /** Asks where that was not done on this connection. */
  #ask(follow: Follow): void {
    if (this.#online) follow.id ??= this.link.follow(follow.last);
  }

  #find(id: number): Follow | undefined {
    for (const follow of this.#follows) if (follow.id === id) return follow;
    return undefined;
  }
}

/** Nobody listens for the end, and it must not pass in silence. */
function unheard({ code, message }: FollowEnd): never {
  throw new ChartroomError(code, message);
}
