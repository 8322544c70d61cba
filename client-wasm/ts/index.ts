/**
 * Chartroom's client: patient charts that are live with everyone who has them open, and durable.
 *
 * `connect` gives a {@link Client}, `client.open("patient:1")` a {@link Room}.
 * @module
 */
import { Client } from "./client.js";
import { loadEngine } from "./engine.js";
import type { ConnectOptions } from "./types.js";

/** Loads the engine and begins to connect. It does not wait for the network: see `client.status`. */
export async function connect(options: ConnectOptions): Promise<Client> {
  await loadEngine(options.wasm);
  return new Client(options);
}

export type { Chart, ChartStatus } from "./chart.js";
export type { Client } from "./client.js";
export type { Room } from "./room.js";
export { ChartroomError } from "./errors.js";
export { eventIdentity } from "./identity.js";
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
  Json,
  Person,
  RefusedEdit,
  Resource,
  RoomEvents,
  RoomStatus,
  Token,
  Unsubscribe,
  WebSocketClass,
  WebSocketLike,
} from "./types.js";
