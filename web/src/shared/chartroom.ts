/** What the workspace needs of the `chartroom` package, as types that a test can stand in for. */
import type { Client as ChartroomClient, Room as ChartroomRoom } from "chartroom";

export type {
  Activity,
  ChartEvent,
  Conflict,
  ConnectionStatus,
  ConnectOptions,
  Edit,
  Json,
  Person,
  Present,
  Resource,
} from "chartroom";

/** A room as the workspace uses it. */
export type Room = Pick<
  ChartroomRoom,
  | "name"
  | "synced"
  | "unsaved"
  | "get"
  | "list"
  | "put"
  | "patch"
  | "remove"
  | "restore"
  | "conflicts"
  | "presence"
  | "undo"
  | "activity"
  | "on"
  | "close"
>;

/** A connection as the workspace uses it. */
export interface Client extends Pick<ChartroomClient, "status" | "onStatus" | "state" | "onState" | "signIn" | "close"> {
  open(name: string): Promise<Room>;
}

/** What the connection says of itself: status, storage, edits that wait. */
export type ClientState = ChartroomClient["state"];

/** Opens a connection in one person's name. */
export type Connect = (options: {
  url: string;
  person: import("chartroom").Person;
}) => Promise<Client>;
