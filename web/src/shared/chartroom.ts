/** What the workspace needs of the `chartroom` package, as types that a test can stand in for. */
import type { Client as ChartroomClient, Room as ChartroomRoom } from "chartroom";

export type {
  ChartEvent,
  Conflict,
  ConnectionStatus,
  ConnectOptions,
  Edit,
  Json,
  Person,
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
  | "on"
  | "close"
>;

/** A connection as the workspace uses it. */
export interface Client extends Pick<ChartroomClient, "status" | "onStatus" | "close"> {
  open(name: string): Promise<Room>;
}

/** Opens a connection in one person's name. */
export type Connect = (options: {
  url: string;
  person: import("chartroom").Person;
}) => Promise<Client>;
