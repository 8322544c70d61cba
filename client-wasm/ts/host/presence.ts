import type { PresentPeer, ToPage } from "../protocol.js";
import type { Json, Person } from "../types.js";
import type { ServerFrame } from "./frames.js";

/** What presence in a room asks of the host. */
export interface PresenceLink {
  /** Says to the server where this client's people look; `null` to hear of others alone. */
  show(state: string | null): void;
  /** Tells a page who is there. */
  say(page: string, message: ToPage): void;
  /** By which the server names this client to others. */
  readonly own: string;
  /** Whom the server takes this client for. */
  person(): Person | null;
}

/** What one moment brings goes to the server as one message. */
const GATHER_MS = 50;
/** The server closes the connection of who says more. */
const STATE_BYTES_MAX = 4096;

/** Who is in one room, and where the windows of this client look. */
export class RoomPresence {
  readonly #windows = new Map<string, Json>();
  /** Pages that take part, also those that show nothing. */
  readonly #pages = new Set<string>();
  #peers = new Map<string, PresentPeer>();
  #isOnline = false;
  #shown: string | null | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly room: string,
    readonly link: PresenceLink,
  ) {}

  /** Where a window looks; `null`: it hears of others and shows nothing. */
  set(page: string, state: Json | null): void {
    const isNew = !this.#pages.has(page);
    this.#pages.add(page);
    this.#windows.delete(page);
    if (state !== null) this.#windows.set(page, state);
    if (isNew) this.#tell(page);
    // A second window of this client is no news to the server before it shows something.
    this.#timer ??= setTimeout(() => this.#show(), this.#shown === undefined ? 0 : GATHER_MS);
    this.#tellOthers(page);
  }

  /** A page has closed the room, or is gone. */
  left(page: string): void {
    if (!this.#pages.delete(page)) return;
    this.#windows.delete(page);
    this.#timer ??= setTimeout(() => this.#show(), 0);
    this.#tellOthers(page);
  }

  online(): void {
    this.#isOnline = true;
    this.#shown = undefined;
    if (this.#pages.size > 0) this.#show();
  }

  /** Nobody can be known to be there. */
  offline(): void {
    this.#isOnline = false;
    this.#shown = undefined;
    this.#peers = new Map();
    this.#tellAll();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  received({ complete, peers, gone }: Extract<ServerFrame, { type: "presence" }>): void {
    if (complete) this.#peers = new Map();
    for (const peer of gone) this.#peers.delete(peer);
    for (const { peer, person, state } of peers) this.#peers.set(peer, { peer, person, windows: windowsOf(state) });
    this.#tellAll();
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isOnline) return;
    const state = this.#windows.size === 0 ? null : stateOf(this.#windows);
    if (state === this.#shown) return;
    this.#shown = state;
    this.link.show(state);
  }

  #tellAll(): void {
    for (const page of this.#pages) this.#tell(page);
  }

  /** Windows of this client see each other without the server. */
  #tellOthers(page: string): void {
    for (const other of this.#pages) if (other !== page) this.#tell(other);
  }

  #tell(page: string): void {
    const { own } = this.link;
    const peers = [...this.#peers.values()].filter(({ peer }) => peer !== own);
    if (this.#windows.size > 0) peers.push({ peer: own, person: this.link.person(), windows: Object.fromEntries(this.#windows) });
    this.link.say(page, { kind: "presence", room: this.room, peers, own });
  }
}

/** The windows that looked around last, as many as the server takes. */
function stateOf(windows: ReadonlyMap<string, Json>): string {
  const parts: string[] = [];
  let bytes = 2;
  for (const [window, state] of [...windows].reverse()) {
    const part = `${JSON.stringify(window)}:${JSON.stringify(state)}`;
    bytes += new TextEncoder().encode(part).length + 1;
    if (bytes > STATE_BYTES_MAX) break;
    parts.push(part);
  }
  return `{${parts.join()}}`;
}

/** The state as a client of ours writes it; of anything else nothing is shown. */
function windowsOf(state: string): Record<string, Json> {
  try {
    const value = JSON.parse(state) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : {};
  } catch {
    return {};
  }
}
