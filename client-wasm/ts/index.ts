/**
 * Chartroom's client: patient charts that are live with everyone who has them open, and durable.
 *
 * `connect` gives a {@link Client}, `client.open("patient:1")` a {@link Room}.
 * @module
 */
import { Client } from "./page/client.js";
import type { ConnectOptions } from "./types.js";

/**
 * Makes a client and begins to connect. It does not wait for the network: see `client.status`.
 *
 * Rejects with `module-unavailable` where the engine cannot be loaded, `bad-url`, `store-key` and
 * the like where the options cannot work.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return Client.make(options);
}

export type { Activity } from "./page/activity.js";
export type { Chart, ChartStatus } from "./page/chart.js";
export type { Client, ClientStatus, SignOutOptions } from "./page/client.js";
export type { Choice, ConflictSide, ConflictView } from "./page/conflict.js";
export type { Past } from "./page/past.js";
export type { PagePresence } from "./page/presence.js";
export type { Batch, EditOptions, Room } from "./page/room.js";
export type { TextChange, TextEvents } from "./page/shared_text.js";
export type { TextView } from "./page/text.js";
export type { UndoStack } from "./page/undo.js";
export { ChartroomError } from "./errors.js";
export { eventIdentity } from "./identity.js";
export { bindTextarea } from "./page/textarea.js";
export { warnBeforeUnload } from "./page/unload.js";
export { commandWording, eventWording, resourceWording } from "./wording.js";
export type {
  Action,
  Backoff,
  ChartEvent,
  Command,
  Conflict,
  ConflictValue,
  ConnectionStatus,
  ConnectOptions,
  Edit,
  EditState,
  FollowEnd,
  FollowOptions,
  HistoryEntry,
  Json,
  Person,
  Present,
  RefusedEdit,
  Resource,
  ResourceCommand,
  ResourceOf,
  ResourceType,
  RoomEvents,
  RoomStatus,
  SetTextCommand,
  StorageStatus,
  Token,
  Unsubscribe,
  WebSocketClass,
  WebSocketLike,
  Whereabouts,
} from "./types.js";
