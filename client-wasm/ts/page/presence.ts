import { Emitter } from "../emitter.js";
import { ChartroomError } from "../errors.js";
import type { PresentPeer } from "../protocol.js";
import type { Json, Present, Unsubscribe, Whereabouts } from "../types.js";
import { plain } from "./check.js";
import { isSame } from "./mirror.js";

/** How long a window is said to be writing behind its last key. */
const TYPING_MS = 3_000;
/** As JSON; a server shows about four windows of one client. */
const BYTES_MAX = 1_000;

/** What presence on this page says and does. */
interface PresenceLink {
  /** Says to the host where this window looks; `null` to hear of others alone. */
  show(state: Json | null): void;
  changed(people: readonly Present[]): void;
}

/**
 * Who else is in a room, and where they look; one's own window is not among them. Begins when it
 * is first looked at, and ends with the room. Names are the server's; who lost the connection is gone.
 */
export class PagePresence {
  #people: readonly Present[] = Object.freeze([]);
  #own: Whereabouts | null = null;
  #isOn = false;
  #typing: ReturnType<typeof setTimeout> | undefined;
  readonly #emitter = new Emitter<{ change: readonly Present[] }>();

  /** @internal */
  constructor(
    /** This window, as others know it. */
    readonly window: string,
    private readonly link: PresenceLink,
  ) {}

  /** The others' windows, by person. The same array until it changes. */
  get people(): readonly Present[] {
    this.#begin();
    return this.#people;
  }

  /** Where this window looks, as it was last said; `null` where nothing was. */
  get own(): Whereabouts | null {
    return this.#own;
  }

  /**
   * Says where this window looks. Takes the place of what was said before; cheap to call often. Throws
   * `bad-value` or `too-large` for what is no JSON, or more than 1,000 bytes of it.
   */
  set(whereabouts: Whereabouts | null): void {
    const said = plain(whereabouts, "where somebody looks") as Whereabouts | null;
    if (new TextEncoder().encode(JSON.stringify(said)).length > BYTES_MAX) {
      throw new ChartroomError("too-large", "where somebody looks is told in 1,000 bytes; name the place, do not describe it");
    }
    if (said === null) clearTimeout(this.#typing);
    if (this.#isOn && isSame(this.#own, said)) return;
    this.#isOn = true;
    this.#own = said;
    this.link.show(said as Json | null);
  }

  /** Changes some of it; `undefined` removes a part. */
  update(part: Whereabouts): void {
    const entries = Object.entries({ ...this.#own, ...part }).filter(([, value]) => value !== undefined);
    this.set(Object.fromEntries(entries) as Whereabouts);
  }

  /** Says that this person is writing in an element, which ends by itself soon after the last call. */
  typing(resource: string, element: string): void {
    clearTimeout(this.#typing);
    this.update({ resource, element, typing: true });
    this.#typing = setTimeout(() => this.update({ typing: undefined }), TYPING_MS);
  }

  /** Those who look at a resource, or at one element of it. */
  at(resource: string, element?: string): readonly Present[] {
    return this.people.filter(({ at }) => at.resource === resource && (element === undefined || at.element === element));
  }

  /** Hears when {@link PagePresence.people} changes. */
  onChange(listener: (people: readonly Present[]) => void): Unsubscribe {
    this.#begin();
    return this.#emitter.on("change", listener);
  }

  /** @internal The host has changed. */
  again(): void {
    if (this.#isOn) this.link.show(this.#own as Json | null);
  }

  /** @internal */
  begin(): void {
    this.#begin();
  }

  /** @internal The host tells who is there. */
  told(peers: PresentPeer[]): void {
    const windows = peers.flatMap(({ person, windows: of }) => Object.entries(of).map(([window, at]): Present => ({ window, person, at: at as Whereabouts })));
    const others = windows.filter(({ window }) => window !== this.window).sort(byPerson);
    const known = new Map(this.#people.map((present) => [present.window, present]));
    const people = others.map((present) => {
      const before = known.get(present.window);
      return before && isSame(before, present) ? before : Object.freeze(present);
    });
    if (people.length === this.#people.length && people.every((present, at) => present === this.#people[at])) return;
    this.#people = Object.freeze(people);
    this.#emitter.emit("change", this.#people);
    this.link.changed(this.#people);
  }

  /** @internal */
  end(): void {
    clearTimeout(this.#typing);
  }

  #begin(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.link.show(null);
  }
}

function byPerson(a: Present, b: Present): number {
  const [ofA, ofB] = [`${a.person?.name ?? "~"} ${a.window}`, `${b.person?.name ?? "~"} ${b.window}`];
  return ofA < ofB ? -1 : ofA > ofB ? 1 : 0;
}
