import type { Command, StorageStatus } from "../types.js";
import type { Fault } from "../protocol.js";

/** An edit that a device has and the server not yet. */
export interface StoredEdit {
  edit: string;
  hash: string | null;
  command: Command;
}

/** An edit that was refused and that no person has looked at. */
export interface StoredRefusal extends StoredEdit {
  fault: Fault;
}

/** Who is behind an actor. */
export interface StoredAuthor {
  actor: Uint8Array;
  id: string;
  name: string;
}

/** A room as a device has it. */
export interface StoredRoom {
  epoch: number;
  snapshot?: Uint8Array;
  /** Change chunks behind the snapshot, in order. */
  changes: Uint8Array[];
  /** In the order they were made. */
  edits: StoredEdit[];
  refusals: StoredRefusal[];
  authors: StoredAuthor[];
  /** Changes that stand elsewhere in the room's log than where this device applied them. */
  moved: [hash: string, behind: string][];
  /** Whether this person might change nothing in it. */
  readOnly?: boolean;
}

/** How many edits a device has of a room that somebody has to see to. */
export interface StoredCounts {
  room: string;
  /** That wait for the server. */
  edits: number;
  /** That were refused, and that no person has looked at. */
  refusals: number;
}

/** What has become of a room since it was last written: all of it, or nothing. */
export interface RoomWrite {
  epoch?: number;
  /** Takes the place of the snapshot and the changes behind it. */
  snapshot?: Uint8Array;
  /** Behind what is there, or behind `snapshot`. */
  changes?: Uint8Array[];
  edits?: StoredEdit[];
  refusals?: StoredRefusal[];
  /** Edits that need not be kept any more. */
  settled?: string[];
  /** Refusals that need not be kept any more. */
  dismissed?: string[];
  authors?: StoredAuthor[];
  moved?: readonly [hash: string, behind: string][];
  /** Goes with a snapshot. */
  readOnly?: boolean;
  /** Nothing of the room is to stay. */
  forget?: true;
}

/** Where a person's rooms are kept on this device. */
export interface Store {
  /** A secret that names this store to the server, by which it can be wiped from there. */
  readonly device: string | undefined;
  readonly status: StorageStatus;
  readonly fault: Fault | null;
  /** Is called when the status changes. */
  onStatus: () => void;
  load(room: string): Promise<StoredRoom | undefined>;
  /** The rooms in which edits wait, or refused ones. */
  waiting(): Promise<StoredCounts[]>;
  /** Writes in the order of the calls; resolves when it would survive this process, and rejects where that failed for now. */
  write(room: string, write: RoomWrite): Promise<void>;
  /** Removes everything, for good. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}
