/** What the workspace needs of the `chartroom` package, as types that a test can stand in for. */
import type { Client as ChartroomClient, Room } from "chartroom";

export type {
  Activity,
  ChartEvent,
  Command,
  Conflict,
  ConnectionStatus,
  ConnectOptions,
  Edit,
  Json,
  Person,
  HistoryEntry,
  Present,
  RefusedEdit,
  Resource,
  ResourceType,
  Room,
  TextView,
} from "chartroom";

/** A connection as the workspace uses it. */
export interface Client extends Pick<ChartroomClient, "status" | "onStatus" | "state" | "onState" | "signIn" | "signOut" | "close"> {
  open(name: string): Promise<Room>;
}

/** What the connection says of itself: status, storage, edits that wait. */
export type ClientState = ChartroomClient["state"];

/** Opens a connection in one person's name. */
export type Connect = (options: {
  url: string;
  person: import("chartroom").Person;
  /** Gives a token that is good now, where the server has sign-in. */
  token?: (() => Promise<string>) | undefined;
}) => Promise<Client>;
