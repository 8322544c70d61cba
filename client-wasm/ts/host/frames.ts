import { Encoder } from "cbor-x";
import type { EngineEvent } from "./engine.js";
import { ChartroomError } from "../errors.js";
import type { FollowEnd, Person } from "../types.js";

/** Messages from the server that a client acts on; others are `other` and are passed over. */
export type ServerFrame =
  | { type: "peer"; senderId: string; version: string; extensions: boolean; person: Person | null }
  | { type: "error"; message: string }
  | { type: "sync"; documentId: string; data: Uint8Array }
  | { type: "sync-part"; documentId: string; total: number; data: Uint8Array }
  | { type: "doc-unavailable"; documentId: string }
  | { type: "room"; name: string; epoch: number; documentId: string; compartments: string[]; readOnly: boolean }
  | { type: "room-refused"; name: string; code: string; message: string }
  | { type: "authors"; documentId: string; authors: { actor: Uint8Array; id: string; name: string }[] }
  | { type: "refused"; documentId: string; hashes: Uint8Array[]; code: string; message: string }
  | { type: "events"; id: number; events: EngineEvent[] }
  | { type: "follow-ended"; id: number; end: FollowEnd }
  | { type: "presence"; documentId: string; complete: boolean; peers: { peer: string; person: Person | null; state: string }[]; gone: string[] }
  | { type: "other" };

/** Messages to the server behind the first, without the peers' names. */
export type ClientFrame =
  | { type: "sync"; documentId: string; data: Uint8Array }
  | { type: "room"; name: string }
  | { type: "leave-room"; documentId: string }
  | ({ type: "follow"; documentId: string; id: number } & ({ after: number } | { last: number }))
  | { type: "presence"; documentId: string; state: string | null }
  | { type: "unfollow"; id: number };

// Plain maps and plain byte strings, as automerge-repo writes them.
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });

/** A client's first message; `device` names its store. */
export function encodeJoin(senderId: string, person: Person | undefined, device: string | undefined): Uint8Array<ArrayBuffer> {
  const peerMetadata = {
    isEphemeral: true,
    chartroom: { version: 1, parts: true },
    ...(person && { person: { id: person.id, name: person.name } }),
    ...(device !== undefined && { device }),
  };
  return encode({ type: "join", senderId, peerMetadata, supportedProtocolVersions: ["1"] });
}

/** The message of a client that goes. */
export function encodeLeave(senderId: string): Uint8Array<ArrayBuffer> {
  return encode({ type: "leave", senderId });
}

/** Every other message of a client. */
export function encodeFrame(frame: ClientFrame, senderId: string, targetId: string): Uint8Array<ArrayBuffer> {
  return encode({ ...frame, senderId, targetId });
}

/** Reads a message of the server; throws a `ChartroomError` with code `protocol` if it has another shape. */
export function decodeFrame(bytes: Uint8Array): ServerFrame {
  let value: unknown;
  try {
    value = cbor.decode(bytes);
  } catch (error) {
    throw new ChartroomError("protocol", "the server sent bytes that are no CBOR", { cause: error });
  }
  const map = fields(value);
  const documentId = () => text(map, "documentId");
  switch (text(map, "type")) {
    case "peer": {
      const { chartroom } = map.peerMetadata == null ? {} : fields(map.peerMetadata);
      return {
        type: "peer",
        senderId: text(map, "senderId"),
        version: text(map, "selectedProtocolVersion"),
        extensions: chartroom != null,
        person: chartroom == null ? null : person(fields(chartroom).person),
      };
    }
    case "error":
      return { type: "error", message: text(map, "message") };
    case "sync":
      return { type: "sync", documentId: documentId(), data: bytesOf(map.data) };
    case "sync-part":
      return { type: "sync-part", documentId: documentId(), total: Number(map.total), data: bytesOf(map.data) };
    case "doc-unavailable":
      return { type: "doc-unavailable", documentId: documentId() };
    case "room":
      return {
        type: "room",
        name: text(map, "name"),
        epoch: Number(map.epoch),
        documentId: documentId(),
        compartments: list(map.compartments ?? []).map(String),
        readOnly: map.readOnly === true,
      };
    case "room-refused":
      return { type: "room-refused", name: text(map, "name"), code: text(map, "code"), message: text(map, "message") };
    case "authors":
      return {
        type: "authors",
        documentId: documentId(),
        authors: list(map.authors).map(fields).map((entry) => ({ actor: bytesOf(entry.actor), id: text(entry, "id"), name: text(entry, "name") })),
      };
    case "refused":
      return { type: "refused", documentId: documentId(), hashes: list(map.hashes).map(bytesOf), code: text(map, "code"), message: text(map, "message") };
    case "events":
      return { type: "events", id: Number(map.id), events: list(map.events).map(event) };
    case "follow-ended":
      return {
        type: "follow-ended",
        id: Number(map.id),
        end: {
          code: text(map, "code"),
          message: text(map, "message"),
          ...(map.first != null && { first: Number(map.first) }),
          ...(map.last != null && { last: Number(map.last) }),
        },
      };
    case "presence":
      return {
        type: "presence",
        documentId: documentId(),
        complete: map.complete === true,
        peers: list(map.peers ?? []).map(fields).map((entry) => ({ peer: text(entry, "peer"), person: person(entry.person), state: text(entry, "state") })),
        gone: list(map.gone ?? []).map(String),
      };
    default:
      return { type: "other" };
  }
}

function encode(frame: object): Uint8Array<ArrayBuffer> {
  return cbor.encode(frame) as Uint8Array<ArrayBuffer>;
}

function fields(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed("a map");
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw malformed("an array");
}

function text(map: Record<string, unknown>, name: string): string {
  const value = map[name];
  if (typeof value === "string") return value;
  throw malformed(`a text as ${name}`);
}

function person(value: unknown): Person | null {
  if (value == null) return null;
  const map = fields(value);
  return { id: text(map, "id"), name: text(map, "name") };
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw malformed("bytes");
}

function event(value: unknown): EngineEvent {
  try {
    return JSON.parse(String(value)) as EngineEvent;
  } catch {
    throw malformed("JSON as an event");
  }
}

function malformed(expected: string): ChartroomError {
  return new ChartroomError("protocol", `the server sent a message without ${expected}`);
}
