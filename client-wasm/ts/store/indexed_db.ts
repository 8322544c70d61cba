import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import { ChartroomError } from "../errors.js";
import type { Fault } from "../protocol.js";
import type { StorageStatus } from "../types.js";
import { hex } from "../hex.js";
import { NO_SEAL, newSecret, sealWith, type Seal } from "./seal.js";
import type { RoomWrite, Store, StoredAuthor, StoredCounts, StoredEdit, StoredRefusal, StoredRoom } from "./store.js";

const VERSION = 2;

/** Values are as the seal makes them; keys of rooms as it names them. */
interface Schema extends DBSchema {
  meta: { key: string; value: unknown };
  rooms: { key: string; value: unknown };
  changes: { key: [room: string, number: number]; value: unknown };
  edits: { key: [room: string, number: number]; value: unknown };
  refusals: { key: [room: string, edit: string]; value: unknown };
  authors: { key: [room: string, actor: string]; value: unknown };
  moved: { key: [room: string, hash: string]; value: unknown };
}

const TABLES = ["meta", "rooms", "changes", "edits", "refusals", "authors", "moved"] as const;
const OF_ROOMS = ["changes", "edits", "refusals", "authors", "moved"] as const;

type Database = IDBPDatabase<Schema>;
type Writing = IDBPTransaction<Schema, (typeof TABLES)[number][], "readwrite">;

/** A write that waits, encrypted already. */
interface Waiting {
  /** Begins what it comes to, and adds it to what is `done` when all of it is. */
  write(transaction: Writing, done: Promise<unknown>[]): void;
  isEdit: boolean;
  resolve(): void;
  reject(error: ChartroomError): void;
}

/** Where the next change or edit of a room goes, and where each waiting edit is. */
interface Places {
  key: string;
  change: number;
  edit: number;
  edits: Map<string, number>;
}

/**
 * Rooms in IndexedDB. One transaction at a time writes all that waits. Whoever opens the store last
 * is its writer: a former one, woken from a long sleep, finds its writes refused.
 */
export class IndexedDbStore implements Store {
  status: StorageStatus = "ok";
  fault: Fault | null = null;
  onStatus = () => {};
  device: string | undefined;
  readonly #name: string;
  readonly #key: CryptoKey | undefined;
  readonly #writer = crypto.randomUUID();
  readonly #places = new Map<string, Promise<Places>>();
  /** Rooms of which this store has what could not be read: they are not written over. */
  readonly #unread = new Set<string>();
  #seal: Seal = NO_SEAL;
  #database: Promise<Database> | undefined;
  #waiting: Waiting[] = [];
  #busy: Promise<void> | undefined;
  /** Encrypting takes time, and the order has to stay. */
  #sealing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(name: string, key: CryptoKey | undefined) {
    this.#name = name;
    this.#key = key;
  }

  /** Throws `store-key` where the key is not the store's; a browser that gives no room is told by the status. */
  static async open(name: string, key?: CryptoKey): Promise<IndexedDbStore> {
    const store = new IndexedDbStore(name, key);
    try {
      await store.#open();
    } catch (error) {
      if (store.#failed(error).code === "store-key") throw error;
    }
    return store;
  }

  async load(room: string): Promise<StoredRoom | undefined> {
    try {
      return await this.#load(room);
    } catch (error) {
      this.#unread.add(room);
      throw this.#failed(error);
    }
  }

  async #load(room: string): Promise<StoredRoom | undefined> {
    const database = await this.#open();
    const { key, edits } = await this.#of(room);
    const range = ofRoom(key);
    const [row, changes, waiting, refusals, authors, moved] = await Promise.all([
      database.get("rooms", key),
      database.getAll("changes", range),
      database.getAll("edits", range),
      database.getAll("refusals", range),
      database.getAll("authors", range),
      database.getAll("moved", range),
    ]);
    const open = <T>(values: unknown[]) => Promise.all(values.map((value) => this.#seal.open(value) as Promise<T>));
    if (row === undefined && waiting.length === 0 && refusals.length === 0) return undefined;
    const { epoch = 1, snapshot, readOnly = false } = row === undefined ? {} : ((await this.#seal.open(row)) as Pick<RoomWrite, "epoch" | "snapshot" | "readOnly">);
    const stored = await open<StoredEdit>(waiting);
    const numbers = await database.getAllKeys("edits", range);
    stored.forEach(({ edit }, at) => edits.set(edit, numbers[at]![1]));
    return {
      epoch,
      readOnly,
      ...(snapshot && { snapshot }),
      changes: await open<Uint8Array>(changes),
      edits: stored,
      refusals: await open<StoredRefusal>(refusals),
      authors: await open<StoredAuthor>(authors),
      moved: await open<[string, string]>(moved),
    };
  }

  async waiting(): Promise<StoredCounts[]> {
    const database = await this.#open();
    const counts = new Map<string, Omit<StoredCounts, "room">>();
    for (const table of ["edits", "refusals"] as const) {
      for (const [key] of await database.getAllKeys(table)) {
        const count = counts.get(key) ?? { edits: 0, refusals: 0 };
        count[table] += 1;
        counts.set(key, count);
      }
    }
    const named = await Promise.all([...counts].map(async ([key, count]) => ({ row: await database.get("rooms", key), count })));
    const opened = named.filter(({ row }) => row !== undefined).map(async ({ row, count }) => ({ room: ((await this.#seal.open(row)) as { name: string }).name, ...count }));
    return Promise.all(opened);
  }

  write(room: string, write: RoomWrite): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ChartroomError("client-closed", "the client was closed"));
    return new Promise<void>((resolve, reject) => {
      this.#sealing = this.#sealing
        .then(() => this.#prepare(room, write))
        .then((prepared) => {
          this.#waiting.push({ write: prepared, isEdit: (write.edits?.length ?? 0) > 0, resolve, reject });
          this.#busy ??= this.#pump();
        })
        .catch((error: unknown) => reject(this.#failed(error)));
    });
  }

  async wipe(): Promise<void> {
    await this.close();
    if (typeof indexedDB !== "undefined") await deleteDB(this.#name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sealing;
    await this.#busy;
    const database = await this.#database?.catch(() => undefined);
    this.#database = undefined;
    database?.close();
  }

  #open(): Promise<Database> {
    this.#database ??= this.#connect();
    this.#database.catch(() => (this.#database = undefined));
    return this.#database;
  }

  async #connect(): Promise<Database> {
    if (typeof indexedDB === "undefined") throw new ChartroomError("store-unavailable", "this browser keeps no data for this page");
    const lost = () => {
      this.#database = undefined;
      this.#unread.clear();
      if (!this.#isClosed) this.#is("lost", { code: "store-lost", message: "this device's store was deleted, or taken by a newer version of this app" });
    };
    const database = await openDB<Schema>(this.#name, VERSION, {
      upgrade: (older) => TABLES.filter((table) => !older.objectStoreNames.contains(table)).forEach((table) => older.createObjectStore(table)),
      // Another tab wants to delete or upgrade it, and must not wait for this one.
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase).close();
        lost();
      },
      terminated: lost,
    });
    try {
      await this.#begin(database);
    } catch (error) {
      database.close();
      throw error;
    }
    this.#places.clear();
    return database;
  }

  /** Takes over as the writer, and makes out what the store is encrypted with. */
  async #begin(database: Database): Promise<void> {
    const fresh = this.#key && (await newSecret(this.#key));
    const transaction = database.transaction("meta", "readwrite");
    const meta = transaction.store;
    const device = ((await meta.get("device")) as string | undefined) ?? token();
    const secret = (await meta.get("secret")) ?? ((await meta.get("plain")) ? undefined : fresh);
    await meta.put(this.#writer, "writer");
    await meta.put(device, "device");
    if (secret === undefined) await meta.put(true, "plain");
    else await meta.put(secret, "secret");
    await transaction.done;
    if ((secret === undefined) !== (this.#key === undefined)) {
      throw new ChartroomError("store-key", "this device's store was made with a key where there is none now, or without; wipe the store to change that");
    }
    this.device = device;
    this.#seal = this.#key ? await sealWith(this.#key, secret) : NO_SEAL;
  }

  #of(room: string): Promise<Places> {
    const known = this.#places.get(room);
    if (known) return known;
    const places = this.#find(room);
    this.#places.set(room, places);
    places.catch(() => this.#places.delete(room));
    return places;
  }

  async #find(room: string): Promise<Places> {
    const database = await this.#open();
    const key = await this.#seal.name(room);
    const last = async (table: "changes" | "edits") => (await database.transaction(table).store.openKeyCursor(ofRoom(key), "prev"))?.key[1] ?? 0;
    return { key, change: await last("changes"), edit: await last("edits"), edits: new Map() };
  }

  /** Everything that takes time, done ahead of the transaction, which would not wait for it. */
  async #prepare(room: string, { epoch, snapshot, readOnly, changes = [], edits = [], refusals = [], settled = [], dismissed = [], authors = [], moved = [], forget }: RoomWrite): Promise<Waiting["write"]> {
    await this.#open();
    if (this.#unread.has(room)) {
      if (await this.#load(room)) throw new ChartroomError("store-unavailable", "what this device has of a room could not be read when it was opened");
      this.#unread.delete(room);
    }
    const places = await this.#of(room);
    const { key } = places;
    const close = <T>(values: readonly T[]) => Promise.all(values.map((value) => this.#seal.close(value)));
    const row = epoch === undefined && snapshot === undefined ? undefined : await this.#seal.close({ name: room, epoch, snapshot, readOnly });
    const closed = { changes: await close(changes), edits: await close(edits), refusals: await close(refusals), authors: await close(authors), moved: await close(moved) };
    const actors = authors.map(({ actor }) => hex(actor.slice().buffer));
    return (transaction, done) => {
      const table = <T extends (typeof TABLES)[number]>(name: T) => transaction.objectStore(name);
      if (forget) {
        done.push(table("rooms").delete(key), ...OF_ROOMS.map((name) => table(name).delete(ofRoom(key))));
        return;
      }
      if (row !== undefined) {
        done.push(table("rooms").put(row, key), table("changes").delete(ofRoom(key)), table("moved").delete(ofRoom(key)));
      }
      closed.changes.forEach((value) => done.push(table("changes").put(value, [key, (places.change += 1)])));
      edits.forEach(({ edit }, at) => {
        const number = places.edits.get(edit) ?? (places.edit += 1);
        places.edits.set(edit, number);
        done.push(table("edits").put(closed.edits[at], [key, number]));
      });
      refusals.forEach(({ edit }, at) => done.push(table("refusals").put(closed.refusals[at], [key, edit])));
      settled.forEach((edit) => {
        const number = places.edits.get(edit);
        places.edits.delete(edit);
        if (number !== undefined) done.push(table("edits").delete([key, number]));
      });
      dismissed.forEach((edit) => done.push(table("refusals").delete([key, edit])));
      closed.moved.forEach((value, at) => done.push(table("moved").put(value, [key, moved[at]![0]])));
      closed.authors.forEach((value, at) => done.push(table("authors").put(value, [key, actors[at]!])));
    };
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#commit(batch);
        for (const { resolve } of batch) resolve();
        this.#is("ok", null);
      } catch (error) {
        const failed = this.#failed(error);
        // What came meanwhile would stand behind a gap.
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(failed);
      }
    }
    this.#busy = undefined;
  }

  async #commit(batch: Waiting[]): Promise<void> {
    const database = await this.#open();
    const durability = batch.some(({ isEdit }) => isEdit) ? "strict" : "relaxed";
    const transaction = database.transaction([...TABLES], "readwrite", { durability });
    const writes: Promise<unknown>[] = [];
    transaction.done.catch(() => {});
    if ((await transaction.objectStore("meta").get("writer")) !== this.#writer) {
      transaction.abort();
      throw new ChartroomError("store-taken", "another tab has taken this device's store over");
    }
    try {
      for (const { write } of batch) write(transaction, writes);
      await Promise.all([...writes, transaction.done]);
    } catch (error) {
      // All of it or nothing; and why a transaction was aborted, it knows better than its requests.
      for (const write of writes) write.catch(() => {});
      if (transaction.error === null) abort(transaction);
      await transaction.done.catch(() => {});
      throw transaction.error ?? error;
    }
  }

  #failed(error: unknown): ChartroomError {
    const fault = error instanceof ChartroomError ? error : faultOf(error);
    this.#is(statusOf(fault.code), { code: fault.code, message: fault.message });
    return fault;
  }

  #is(status: StorageStatus, fault: Fault | null): void {
    if (this.status === status && this.fault?.code === fault?.code) return;
    this.status = status;
    this.fault = fault;
    this.onStatus();
  }
}

function abort(transaction: Writing): void {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself.
  }
}

function faultOf(cause: unknown): ChartroomError {
  const name = cause instanceof Error || cause instanceof DOMException ? cause.name : "";
  switch (name) {
    case "QuotaExceededError":
      return new ChartroomError("store-full", "this device has no room left for this app's data", { cause });
    case "InvalidStateError":
    case "NotFoundError":
      return new ChartroomError("store-lost", "this device's store was deleted", { cause });
    default:
      return new ChartroomError("store-unavailable", "this browser keeps no data for this page", { cause });
  }
}

function statusOf(code: string): StorageStatus {
  if (code === "store-full") return "full";
  return code === "store-lost" ? "lost" : "unavailable";
}

/** All keys that begin with a room's. */
function ofRoom(key: string): IDBKeyRange {
  return IDBKeyRange.bound([key], [key, []]);
}

/** A secret of 32 characters of base64url. */
function token(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
