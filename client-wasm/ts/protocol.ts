/**
 * What pages and their host say to each other.
 *
 * The host has the engine, the socket and the store; it runs in a worker, in a worker of another tab,
 * or in the page itself. A page shows what it was told and what it has asked for since. All of it
 * can be cloned, and is not changed once it was sent.
 */
import type { Backoff, Command, Conflict, ConnectionStatus, EditState, FollowEnd, HistoryEntry, Json, Person, StorageStatus } from "./types.js";
import type { EngineEvent } from "./host/engine.js";

/** An error as it crosses. */
export interface Fault {
  code: string;
  message: string;
}

/** How a host is set up. */
export interface HostSetup {
  url: string;
  person?: Person;
  /** `true`: the page is asked for one whenever one is needed. */
  token?: string | true;
  backoff?: Backoff;
  wasm?: URL | string | BufferSource | WebAssembly.Module;
  store?: { name: string; key?: CryptoKey };
}

/** What a page wants to know of a room, answered once. */
export type Question =
  | { about: "history"; type: string; id: string }
  | { about: "heads-at"; ms: number }
  | { about: "as-of"; heads: readonly string[]; type: string; id?: string }
  | { about: "export"; heads?: readonly string[] }
  | { about: "changed-since"; heads: readonly string[] };

/** The answers, by what was asked. */
export interface Answers {
  history: HistoryEntry[];
  "heads-at": string[];
  /** JSON: a resource or an array of them. */
  "as-of": string | undefined;
  /** JSON of a Bundle. */
  export: string;
  "changed-since": [type: string, id: string][];
}

/** From a page. A room is opened once for all that a page does with it. */
export type FromPage =
  | { kind: "hello" }
  | { kind: "open"; room: string }
  | { kind: "enter"; room: string }
  | { kind: "close"; room: string }
  /** With `hash`, a former host had made that change of it. */
  | { kind: "command"; room: string; edit: string; command: Command; hash?: string }
  /** A former host told of a refusal, which a new one may not have. */
  | { kind: "refused"; room: string; edit: string; hash: string | null; command: Command; fault: Fault }
  /** What became of a refused edit is settled: it need not be kept. */
  | { kind: "settle"; room: string; edit: string }
  | { kind: "follow"; room: string; key: string; after?: number; last?: number }
  | { kind: "unfollow"; room: string; key: string }
  | { kind: "presence"; room: string; state: Json | null }
  | { kind: "text-open"; room: string; text: string }
  | { kind: "text-close"; room: string; text: string }
  /** `seen` counts what others did to the text that this page knew of; `changes` is a ChangeSet. */
  | { kind: "text-change"; room: string; text: string; seen: number; changes: unknown; edit: string }
  | { kind: "ask"; id: number; room: string; question: Question }
  | { kind: "sign-in"; token?: string | true }
  | { kind: "token"; id: number; token?: string; fault?: Fault }
  | { kind: "sign-out"; id: number; how: "ask" | "keep" | "discard" }
  | { kind: "nudge" }
  | { kind: "bye" };

/** The client as a whole. */
export interface ClientState {
  status: ConnectionStatus;
  fault: Fault | null;
  /** Who the server says this is. */
  person: Person | null;
  storage: StorageStatus;
  storageFault: Fault | null;
  /** Edits of all rooms that the server has not made durable. */
  unsaved: number;
  /** Refused edits of all rooms that nobody has looked at. */
  refused: number;
  /** Those of both that no store has. */
  unstored: number;
}

/** How a room stands at the host. */
export interface HostRoomStatus {
  synced: boolean;
  unsaved: number;
  progress: number | null;
  readOnly: boolean;
  fault: Fault | null;
}

/** What became of an edit. */
export interface EditNews {
  edit: string;
  state: EditState;
  hash: string | null;
  /** The store has it, whatever its state. */
  isStored?: boolean;
  fault?: Fault;
  /** With a refusal, what the edit would have done. */
  command?: Command;
}

/** What has changed in a room, all at once. */
export interface Update {
  /** Resources as JSON, `null` for one that is gone. */
  resources?: [type: string, id: string, json: string | null][];
  /** The first, or the last, of the pieces that tell everything: what none of them has is not there. */
  whole?: "begins" | "ends";
  /** So much changed at once that no events tell of it. */
  adopted?: true;
  events?: EngineEvent[];
  edits?: EditNews[];
  /** Refused edits that somebody has looked at, in whichever window. */
  settled?: string[];
  conflicts?: readonly Conflict[];
  authors?: true;
  status?: HostRoomStatus;
  heads?: string[];
  documentId?: string;
}

/** Somebody who is in a room, as the server says. */
export interface PresentPeer {
  peer: string;
  person: Person | null;
  /** States by window of that client. */
  windows: Record<string, Json>;
}

/** To a page. */
export type ToPage =
  /** The host has changed, or lost what it knew: say again what this page is about. */
  | { kind: "hello" }
  | { kind: "client"; state: ClientState }
  | { kind: "update"; room: string; update: Update }
  /** The first answer of a room that was opened, good or bad. */
  | { kind: "opened"; room: string; fault?: Fault }
  | { kind: "compartments"; room: string; names: string[] }
  | { kind: "followed"; room: string; key: string; events: EngineEvent[] }
  | { kind: "follow-ended"; room: string; key: string; end: FollowEnd }
  | { kind: "presence"; room: string; peers: PresentPeer[]; own: string | null }
  | { kind: "text"; room: string; text: string; content: string }
  | { kind: "text-changed"; room: string; text: string; changes: unknown }
  | { kind: "text-taken"; room: string; text: string; edit: string; fault?: Fault }
  | { kind: "answer"; id: number; value?: unknown; fault?: Fault }
  | { kind: "ask-token"; id: number }
  /** The engine has trapped: this host is no more. */
  | { kind: "ended"; fault: Fault };

/** Both directions, as an end of it sees them. */
export interface Port<In, Out> {
  send(message: Out): void;
  onMessage: (message: In) => void;
  close(): void;
}
