import type { FhirResource } from "fhir/r4.js";
import type { ChartroomError } from "./errors.js";

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * A FHIR resource as the room shows it. Treat it as immutable: the same object is given out until
 * the resource changes.
 */
export interface Resource {
  /** A type of FHIR R4. */
  resourceType: string;
  /** 1 to 64 letters, digits, dots and hyphens; unique for its type in the room. */
  id: string;
  [element: string]: unknown;
}

/** A resource type of FHIR R4. */
export type ResourceType = FhirResource["resourceType"];

/** A resource of one type, as FHIR's definitions have it. */
export type ResourceOf<T extends ResourceType> = Extract<FhirResource, { resourceType: T }> & Resource;

/** The person behind a change. */
export interface Person {
  /** Stable id, what sign-in calls the subject. */
  id: string;
  /** The name that colleagues read. */
  name: string;
}

/** Milliseconds to wait before the next attempt to connect: a random time up to a growing limit. */
export interface Backoff {
  /** The limit of the first wait. */
  minMs: number;
  /** The limit never grows beyond this. */
  maxMs: number;
}

/** The part of the browser's `WebSocket` class that a client uses; the class of the npm package `ws` fits. */
export type WebSocketClass = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** The part of a `WebSocket` that a client uses. */
export interface WebSocketLike {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** 0 to 3, as in browsers. */
  readonly readyState: number;
  /** Sends a message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Ends it. */
  close(code?: number, reason?: string): void;
  /** Called when messages can be sent. */
  onopen: ((event: never) => void) | null;
  /** Called with each message. */
  onmessage: ((event: never) => void) | null;
  /** Called once it has ended, with its code. */
  onclose: ((event: never) => void) | null;
  /** Called when it fails; `onclose` follows. */
  onerror: ((event: never) => void) | null;
}

/**
 * A bearer token, or what gives one: asked anew for every connection, and waited for.
 *
 * A function that fails is asked again later. One that throws a `ChartroomError` with code
 * `signed-out` is not: a person has to sign in, and then somebody calls `client.signIn`.
 */
export type Token = string | (() => string | Promise<string>);

/** How to reach a server, and as whom. */
export interface ConnectOptions {
  /** The server's sync address, `ws://host/sync` or `wss://host/sync`. */
  url: string;
  /**
   * Who is at this client; without it, an anonymous reader. Where the server has sign-in the token
   * says who it is, and a connection as somebody else than this person is given up
   * (`other-person`), before anything is sent.
   */
  person?: Person;
  /** The bearer token, where the server has sign-in; a function where tokens expire. */
  token?: Token;
  /** The WebSocket class; needed in Node 20, which has none of its own. */
  WebSocket?: WebSocketClass;
  /** Waits between attempts to connect: 250 ms to 15 s if not given. */
  backoff?: Backoff;
  /** Where the WebAssembly module lies, where the file beside this package cannot be read. */
  wasm?: URL | string | BufferSource | WebAssembly.Module;
  /**
   * Whether rooms and unsaved edits are kept on this device, in IndexedDB, for `person` alone; with
   * a key of AES-GCM they are encrypted. `false`, and where there is no IndexedDB: in memory. Kept
   * by default in browsers where there is a `person`.
   */
  store?: boolean | { key: CryptoKey };
  /**
   * Where the engine runs: in a worker, or with `false` in this thread. A worker by default where
   * there are any; Node has none that fit. `WebSocket` cannot go into one.
   */
  worker?: boolean | (() => Worker);
}

/**
 * Whether what is shown is kept on this device: `none` (in memory alone, as asked), `ok`, `full`
 * (the browser gives no more room), `lost` (somebody deleted it), `unavailable` (this browser gives
 * none). With the last three, edits are safe only once they are `saved`; writing is tried again.
 */
export type StorageStatus = "none" | "ok" | "full" | "lost" | "unavailable";

/** One change of a resource, out of its history. */
export interface HistoryEntry {
  /** The change, in hex; `room.at([hash])` reads the chart as it left it. */
  hash: string;
  /** Who made it, where known. */
  author: Person | null;
  /** When, by what the change says, in milliseconds since 1970. */
  authored_ms: number;
  /** What it did. */
  action: Action;
  /** Names of the changed elements. */
  changed: string[];
}

/**
 * Where the connection stands: `connecting` at the first attempt, `online` once the server has
 * answered, `offline` between attempts, `signed-out` with no further attempt until `client.signIn`
 * is called, `closed` for good.
 */
export type ConnectionStatus = "connecting" | "online" | "offline" | "signed-out" | "closed";

/** Takes a subscription back; calling it twice is harmless. */
export type Unsubscribe = () => void;

/** What happened to a resource. */
export type Action = "created" | "updated" | "deleted";

/**
 * One clinical event, derived from one change of one resource.
 *
 * Its identity is `changes`, resource and `event`, wherever it was derived: see `eventIdentity`.
 */
export interface ChartEvent {
  /** Its number in the room's log at the server, from 1 without gaps; 0 or absent where this client derived it itself. */
  seq?: number;
  /** Upper-case name, such as `RESOURCE_CREATED`. */
  event: string;
  /** Dotted name, such as `resource.created`. */
  event_type: string;
  /** The room. */
  room: string;
  /** The FHIR id of the patient, in a patient's room. */
  patient_id: string | null;
  /** The type of the resource. */
  resource_type: string;
  /** Its id. */
  resource_id: string;
  /** What was done to it. */
  action: Action;
  /** The resource as of the event; type and id alone after a delete. */
  resource: Resource;
  /** Names of the changed elements. */
  changed: string[];
  /** Who is responsible, where known. */
  author: Person | null;
  /** When the server received the change, or this client where it derived the event itself; in RFC 3339. */
  time: string;
  /** What the change claims as its time, in RFC 3339. */
  authored: string;
  /** Hashes of the changes, in hex. */
  changes: string[];
  /** Whether the change belongs to an import or a first sync: raise no alarm for it. */
  import: boolean;
  /** What the event's rule adds. */
  details: Json;
  /** In a facility room: the event of a patient's room that this one repeats. */
  source?: { room: string; seq: number };
  /** Whether the change was made through this client's room. */
  local: boolean;
}

/** How a listener hears the server's numbered events. */
export interface FollowOptions {
  /** The number of the last event that is known; 0 for none, which gives the whole log first. */
  after?: number;
  /** Instead of `after`: so many events of the log's end first, 1000 at most. */
  last?: number;
  /** The log cannot be followed from there; without it, that is thrown as an error nobody catches. */
  onEnd?: (end: FollowEnd) => void;
}

/** Why a listener hears no more numbered events. */
export interface FollowEnd {
  /** `events-gone`: older ones are not kept; `events-ahead`: the log has not come so far; or why the room is not served. */
  code: string;
  /** The reason in words. */
  message: string;
  /** The oldest number that is kept, with `events-gone`. */
  first?: number;
  /** The log's last number, with `events-ahead`. */
  last?: number;
}

/** One of the values that stand at the same place. */
export interface ConflictValue {
  /** The elements and what they were set to; of `text` the text itself. */
  value: Json;
  /** Who wrote it, where known. */
  author: Person | null;
  /** When, by what the change says, in milliseconds since 1970. */
  authored_ms: number;
  /** The change that wrote the value, in hex. */
  hash: string;
  /** Whether this is the value that `get` and `list` show. */
  shown: boolean;
}

/** Two people's edits that did not know of each other. Writing the elements resolves it. */
export interface Conflict {
  /** The type of the resource. */
  resource_type: string;
  /** Its id. */
  id: string;
  /** `element`: one element; `group`: elements that only make sense together; `deleted`: an edit
   * against a delete; `created`: two creations of one id; `text`: two texts that were begun apart,
   * whose values are strings. */
  kind: "element" | "group" | "deleted" | "created" | "text";
  /** Names of the elements that it is about. */
  elements: string[];
  /** Whether acts such as dispense or sign have to wait until a person has chosen. */
  safety: boolean;
  /** What stands there, the shown value among it. */
  values: ConflictValue[];
}

/** An edit of one resource. */
export type ResourceCommand =
  | { kind: "put"; resource: Resource }
  | { kind: "patch"; resourceType: string; id: string; elements: { [element: string]: Json } }
  | { kind: "delete" | "undelete"; resourceType: string; id: string };

/** A text of a resource, whole. */
export interface SetTextCommand {
  /** What is done. */
  kind: "setText";
  /** Type of the resource. */
  resourceType: string;
  /** Its id. */
  id: string;
  /** The text's name. */
  element: string;
  /** All of it. */
  text: string;
}

/** What an edit does, as the server's `POST /rooms/{room}/commands` takes it too. */
export type Command =
  | ResourceCommand
  | { kind: "batch"; commands: (ResourceCommand | SetTextCommand)[] }
  | { kind: "splice"; resourceType: string; id: string; element: string; index: number; delete: number; insert: string }
  | SetTextCommand;

/**
 * Where an edit stands: `new`: it shows, and would not survive this page; `local`: this device has
 * it in its store; `sent`: on its way; `saved`: durable at the server; `refused` by it. Without a
 * store it is `new` until it is sent.
 */
export type EditState = "new" | "local" | "sent" | "saved" | "refused";

/** One edit and what became of it. The room shows it at once; this tells when it is safe. */
export interface Edit {
  /** The change it made, in hex; `null` where nothing differed. Another one if the room is founded
   * anew before the edit is saved. */
  readonly hash: string | null;
  /** Where it stands now. */
  readonly state: EditState;
  /** Resolves when the edit survives a closed tab, in the store or at the server; rejects if it is refused. */
  readonly stored: Promise<void>;
  /** Resolves when the edit survives a power cut at the server, rejects with a `ChartroomError` if it is refused. */
  readonly saved: Promise<void>;
  /** What it touched; the first of several. */
  readonly resource: { readonly type: string; readonly id: string };
}

/**
 * An edit that was refused, given back so that the person can be asked again. It is kept, on this
 * device as well, and told to whoever opens the room, until `retry` or `drop` is called.
 */
export interface RefusedEdit {
  /** The edit that was refused. */
  readonly edit: Edit;
  /** What the edit would have done, for the person to see. */
  readonly command: Command;
  /** Makes it again, on what stands now. */
  retry(): Edit;
  /** The person does without it. */
  drop(): void;
  /** Stable code of the reason. */
  readonly code: string;
  /** The reason in words, without patient data. */
  readonly message: string;
}

/** What a room tells, by the name of the subscription. */
export interface RoomEvents {
  /** Every batch of events, one's own and other people's; empty where so much came at once that
   * everything may have changed. */
  change: readonly ChartEvent[];
  /** What shows otherwise now, as `Type/id`. */
  touched: readonly string[];
  /** Edits that are durable at the server now. */
  saved: readonly Edit[];
  /** Edits that the server refused; the room shows the server's state again. */
  refused: readonly RefusedEdit[];
  /** The room's status changed. */
  status: RoomStatus;
  /** The conflicts changed. */
  conflicts: readonly Conflict[];
  /** The server said who is behind some actors, so authors that were unknown may be known now. */
  authors: undefined;
  /** Others came, went, or look elsewhere; see `room.presence`. */
  presence: readonly Present[];
  /** What can be undone or done again changed; see `room.undo`. */
  undo: undefined;
}

/** Where somebody looks, as their app says. What is not known here is handed on as it is. */
export interface Whereabouts {
  /** The part of the app that shows. */
  tab?: string | undefined;
  /** `Type/id`. */
  resource?: string | undefined;
  /** An element of it. */
  element?: string | undefined;
  /** Whether they are writing there. */
  typing?: boolean | undefined;
  /** The text that the selection is in, `Type:id:element`. */
  text?: string | undefined;
  /** A selection in a text, in UTF-16 units: where it began and where the caret is. */
  selection?: [anchor: number, head: number] | undefined;
  [more: string]: Json | undefined;
}

/** A window that somebody else has open in the same room. */
export interface Present {
  /** One window of one client. */
  readonly window: string;
  /** Who, as the server verified it; `null` for somebody anonymous. */
  readonly person: Person | null;
  /** Where they look. */
  readonly at: Whereabouts;
}

/** How far a room agrees with the server. */
export interface RoomStatus {
  /** Whether everything the server had when the connection came up is here, and the connection still is.
   * `false` also while a room is founded anew: what showed before stays, and takes edits, until the new
   * one is here. */
  readonly synced: boolean;
  /** Edits that the server has not made durable yet. */
  readonly unsaved: number;
  /** How much of a large room has arrived while it is first loaded, from 0 to 1; `null` otherwise. */
  readonly progress: number | null;
  /** Whether this person may change nothing here, as the server last said; what is written all the same
   * is refused, `read-only`. A person who may change some things has `false`. */
  readonly readOnly: boolean;
  /** Why the server does not serve this room at present: `room-not-found` where this person has no
   * access, or no more. Edits stay unsaved; the server is asked again with every connection, and
   * when the room is opened again. */
  readonly error: ChartroomError | null;
}
