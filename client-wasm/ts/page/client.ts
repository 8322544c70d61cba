import { Emitter } from "../emitter.js";
import { checkToken } from "../host/token.js";
import { ChartroomError } from "../errors.js";
import { storeName } from "../store/name.js";
import type { Answers, ClientState, Fault, FromPage, HostSetup, Question, ToPage } from "../protocol.js";
import type { ConnectionStatus, ConnectOptions, Person, StorageStatus, Token, Unsubscribe } from "../types.js";
import { Chart } from "./chart.js";
import { checkSocket, link, type Link } from "./link.js";
import { Room } from "./room.js";
import { RoomView, type ViewLink } from "./view.js";

/** A room's view and how many open rooms use it. */
interface Held {
  view: RoomView;
  uses: number;
}

/** How a client stands, as one object that stays the same until it changes. */
export interface ClientStatus {
  /** Where the connection stands. */
  readonly connection: ConnectionStatus;
  /** Why there is no connection; `null` while there is one, or was none yet. */
  readonly error: ChartroomError | null;
  /** Whether rooms and edits are kept on this device. */
  readonly storage: StorageStatus;
  /** Why nothing is kept on this device. */
  readonly storageError: ChartroomError | null;
  /** Edits of all rooms, of every window of this browser, that the server has not made durable yet. */
  readonly unsaved: number;
  /** Refused edits of all rooms, open or not, that nobody has looked at; see `room.refused`. */
  readonly refused: number;
  /** Those of both that a closed window would take with it. */
  readonly unstored: number;
}

/** How edits that wait, and refused ones that nobody has looked at, are treated when their author signs out. */
export interface SignOutOptions {
  /** `keep`: this device keeps everything for the next time; `discard`: everything is wiped, these edits included. */
  unsaved?: "keep" | "discard";
}

/** One person's connection to a server, and the rooms that are open on it. Made by `connect`. */
export class Client {
  /** This window, as others know it in `room.presence`. */
  readonly window = crypto.randomUUID() as string;
  readonly #emitter = new Emitter<{ status: ConnectionStatus; client: ClientStatus }>();
  readonly #rooms = new Map<string, Held>();
  readonly #charts = new Set<Chart>();
  readonly #questions = new Map<number, { resolve: (value: never) => void; reject: (error: ChartroomError) => void }>();
  readonly #view: ViewLink;
  readonly #forgetHints: Unsubscribe;
  #token: Token | undefined;
  #link: Link | undefined;
  #closing: Promise<void> | undefined;
  #asked = 0;
  #state: ClientStatus = Object.freeze({ connection: "connecting", error: null, storage: "none", storageError: null, unsaved: 0, refused: 0, unstored: 0 });
  #person: Person | null = null;
  #ended: ChartroomError | undefined;
  #ready: { resolve: () => void; reject: (error: ChartroomError) => void } | undefined;

  private constructor(options: ConnectOptions) {
    this.#token = options.token;
    this.#view = {
      page: this.window,
      send: (message) => this.#send(message),
      ask: (room, question) => this.#ask(room, question),
    };
    this.#forgetHints = onHints(() => this.#send({ kind: "nudge" }));
  }

  /** @internal */
  static async make(options: ConnectOptions): Promise<Client> {
    checkSocket(options);
    const client = new Client(options);
    try {
      const setup = await setupOf(options);
      const ready = new Promise<void>((resolve, reject) => (client.#ready = { resolve, reject }));
      client.#link = await link(client.window, setup, options, {
        message: (message) => client.#receive(message),
        renewed: () => client.#announce(),
      });
      await ready;
      return client;
    } catch (error) {
      client.#endWith(error instanceof ChartroomError ? error : new ChartroomError("internal", "the client could not be made", { cause: error }));
      throw error;
    }
  }

  /** Where the connection stands. */
  get status(): ConnectionStatus {
    return this.#state.connection;
  }

  /** Why there is no connection; `null` while there is one, or was none yet. */
  get error(): ChartroomError | null {
    return this.#state.error;
  }

  /** Connection, storage and what waits, as one object that stays the same until one of them changes. */
  get state(): ClientStatus {
    return this.#state;
  }

  /** @internal Edits, and texts with words, that have not left this window. */
  get unheard(): number {
    return [...this.#rooms.values()].reduce((sum, { view }) => sum + view.unheard, 0);
  }

  /** Who the server says this is, once it has said. */
  get person(): Person | null {
    return this.#person;
  }

  /**
   * Opens a room: resolves when it can be read, which is at once where this device has it, else after
   * the first sync or, without a connection, with what is known. Rejects with the server's code if it
   * refuses the room.
   */
  async open(name: string): Promise<Room> {
    const held = this.#hold(name);
    try {
      await held.view.opened;
    } catch (error) {
      this.#release(name, held);
      throw error;
    }
    return this.#room(name, held);
  }

  /**
   * Opens a patient's chart with those of its restricted compartments that the person may see, as one.
   * Resolves and rejects as {@link Client.open} does for the chart's own room.
   */
  async openChart(name: string): Promise<Chart> {
    const hold = (room: string) => this.#room(room, this.#hold(room));
    const isOpen = this.#rooms.has(name);
    const chart = new Chart(hold(name), hold, () => this.#charts.delete(chart));
    this.#charts.add(chart);
    // A room that is open was asked for before the chart could hear of its compartments.
    if (isOpen) this.#send({ kind: "enter", room: name });
    try {
      await this.#rooms.get(name)!.view.opened;
    } catch (error) {
      chart.close();
      throw error;
    }
    return chart;
  }

  /** Subscribes to {@link Client.status}. */
  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe {
    return this.#emitter.on("status", listener);
  }

  /** Subscribes to {@link Client.state}. */
  onState(listener: (state: ClientStatus) => void): Unsubscribe {
    return this.#emitter.on("client", listener);
  }

  /**
   * Comes back from `signed-out`, with `token` where one is given, else as the options say. While
   * there is a connection, `token` is for the next one.
   *
   * Rooms and unsaved edits are as they were, so it has to be the same person: a connection as
   * somebody else is given up. Make another client for another person.
   */
  signIn(token?: Token): void {
    if (typeof token === "string") checkToken(token);
    if (token !== undefined) this.#token = token;
    this.#send({ kind: "sign-in", ...(token !== undefined && { token: typeof token === "string" ? token : true }) });
  }

  /**
   * Ends the client and wipes what this device keeps for this person, in all windows. Where edits
   * have not reached the server, or were refused and nobody has looked at them, it rejects with
   * `unsaved-edits`, and nothing happens: ask the person then, and say with `unsaved` what becomes of
   * them. Kept edits stay sealed under their author and
   * go out when that person signs in here again.
   */
  async signOut({ unsaved }: SignOutOptions = {}): Promise<void> {
    this.#check();
    await this.#question((id) => ({ kind: "sign-out", id, how: unsaved ?? "ask" }));
    this.#endWith(new ChartroomError("client-closed", "this person signed out"));
    await this.#closing;
  }

  /**
   * Closes every room for good, and the socket where no other window uses it. Without a store, edits
   * that are unsaved by then are given up, and their `saved` rejects with `client-closed`: wait for
   * `saved` first where that matters. With one they go out when this person is here again.
   */
  async close(): Promise<void> {
    this.#endWith(new ChartroomError("client-closed", "the client was closed"));
    await this.#closing;
  }

  #hold(name: string): Held {
    this.#check();
    if (typeof name !== "string") throw new ChartroomError("room-name-invalid", "a room's name is a text such as patient:1");
    let held = this.#rooms.get(name);
    if (!held) {
      held = { view: new RoomView(name, this.#view), uses: 0 };
      this.#rooms.set(name, held);
      held.view.opened.catch(() => {});
      held.view.announce();
    } else held.view.openAgain();
    held.uses += 1;
    return held;
  }

  #room(name: string, held: Held): Room {
    this.#check();
    return new Room(held.view, () => this.#release(name, held));
  }

  #release(name: string, held: Held): void {
    held.uses -= 1;
    this.#endIfUnused(name);
  }

  /** A view stays while promises of its edits are to be kept. */
  #endIfUnused(name: string): void {
    const held = this.#rooms.get(name);
    if (!held || held.uses > 0 || held.view.isBusy) return;
    this.#rooms.delete(name);
    this.#send({ kind: "close", room: name });
    held.view.end(new ChartroomError("room-closed", "the room was closed"), false);
  }

  #receive(message: ToPage): void {
    if (this.#ended) return;
    switch (message.kind) {
      case "hello":
        return this.#announce();
      case "client":
        return this.#setState(message.state);
      case "ended":
        return this.#endWith(new ChartroomError(message.fault.code, message.fault.message));
      case "answer":
        return this.#answered(message.id, message.value, message.fault);
      case "ask-token":
        return void this.#giveToken(message.id);
      default:
        return this.#receiveOf(message);
    }
  }

  #receiveOf(message: Extract<ToPage, { room: string }>): void {
    const view = this.#rooms.get(message.room)?.view;
    if (!view) return;
    switch (message.kind) {
      case "update":
        view.take(message.update);
        return this.#endIfUnused(message.room);
      case "opened":
        return view.wasOpened(message.fault);
      case "compartments":
        for (const chart of this.#charts) if (chart.name === message.room) chart.joins(message.names);
        return;
      case "followed":
        return view.followed(message.key, message.events);
      case "follow-ended":
        return view.followEnded(message.key, message.end);
      case "presence":
        return view.presence.told(message.peers);
      case "text":
        return view.texts.get(message.text)?.told(message.content);
      case "text-changed":
        return view.texts.get(message.text)?.changed(message.changes);
      case "text-taken":
        view.texts.get(message.text)?.taken(message.fault && new ChartroomError(message.fault.code, message.fault.message));
        return this.#endIfUnused(message.room);
    }
  }

  /** Tells a host that has never heard of this page all that it wants. */
  #announce(): void {
    this.#send({ kind: "hello" });
    for (const { view } of this.#rooms.values()) view.announce();
    for (const { reject } of this.#questions.values()) reject(new ChartroomError("try-again", "the client's host has changed; ask again"));
    this.#questions.clear();
  }

  async #giveToken(id: number): Promise<void> {
    const token = this.#token;
    try {
      const text = typeof token === "function" ? await token() : token;
      this.#send(text === undefined ? { kind: "token", id } : { kind: "token", id, token: text });
    } catch (error) {
      const { code, message } = error instanceof ChartroomError ? error : { code: "token-unavailable", message: "there is no token for now" };
      this.#send({ kind: "token", id, fault: { code, message } });
    }
  }

  #ask<Q extends Question>(room: string, question: Q): Promise<Answers[Q["about"]]> {
    return this.#question((id) => ({ kind: "ask", id, room, question }));
  }

  async #question<T>(message: (id: number) => FromPage): Promise<T> {
    this.#check();
    const id = (this.#asked += 1);
    return new Promise<T>((resolve, reject) => {
      this.#questions.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#send(message(id));
    });
  }

  #answered(id: number, value: unknown, fault: Fault | undefined): void {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (fault) question?.reject(new ChartroomError(fault.code, fault.message));
    else question?.resolve(value as never);
  }

  #setState({ status, fault, person, storage, storageFault, unsaved, refused, unstored }: ClientState): void {
    const before = this.#state;
    this.#person = person ?? this.#person;
    this.#state = Object.freeze({
      connection: status,
      error: errorOf(fault, before.error),
      storage,
      storageError: errorOf(storageFault, before.storageError),
      unsaved,
      refused,
      unstored,
    });
    this.#ready?.resolve();
    this.#ready = undefined;
    if (before.connection !== status) this.#emitter.emit("status", status);
    if ((Object.keys(before) as (keyof ClientStatus)[]).some((name) => before[name] !== this.#state[name])) this.#emitter.emit("client", this.#state);
    else this.#state = before;
  }

  #endWith(reason: ChartroomError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#forgetHints();
    this.#ready?.reject(reason);
    for (const { reject } of this.#questions.values()) reject(reason);
    this.#questions.clear();
    for (const { view } of this.#rooms.values()) view.end(reason, true);
    this.#rooms.clear();
    this.#charts.clear();
    this.#closing = this.#link?.close();
    const error = reason.code === "client-closed" ? null : reason;
    this.#state = Object.freeze({ ...this.#state, connection: "closed", error });
    this.#emitter.emit("status", "closed");
    this.#emitter.emit("client", this.#state);
  }

  #send(message: FromPage): void {
    this.#link?.send(message);
  }

  #check(): void {
    if (this.#ended) throw this.#ended;
  }
}

async function setupOf({ url, person, token, backoff, wasm, store }: ConnectOptions): Promise<HostSetup> {
  if (typeof token === "string") checkToken(token);
  let address: string;
  try {
    address = new URL(url).href;
  } catch (cause) {
    throw new ChartroomError("bad-url", "the server's address is no URL", { cause });
  }
  const isKept = store ?? (typeof window !== "undefined" && typeof indexedDB !== "undefined" && person !== undefined);
  if (person && ![person.id, person.name].every((text) => typeof text === "string" && text !== "")) {
    throw new ChartroomError("person-missing", "a person has an id and a name, which are texts");
  }
  if (typeof store === "object" && !isKey(store.key)) {
    throw new ChartroomError("store-key", "the store's key is a CryptoKey of AES-GCM that encrypts and decrypts");
  }
  if (isKept && !person) throw new ChartroomError("person-missing", "what a device keeps is one person's; say whose, as `person`");
  return {
    url: address,
    ...(person && { person: { id: person.id, name: person.name } }),
    ...(token !== undefined && { token: typeof token === "string" ? token : (true as const) }),
    ...(backoff && { backoff }),
    ...(wasm !== undefined && { wasm }),
    ...(isKept && person && { store: { name: await storeName(address, person.id), ...(typeof store === "object" && { key: store.key }) } }),
  };
}

function isKey(key: unknown): boolean {
  return key instanceof CryptoKey && key.algorithm.name === "AES-GCM" && ["encrypt", "decrypt"].every((usage) => key.usages.includes(usage as KeyUsage));
}

/** The same object for the same error. */
function errorOf(fault: Fault | null, before: ChartroomError | null): ChartroomError | null {
  if (fault === null) return null;
  return before?.code === fault.code && before.message === fault.message ? before : new ChartroomError(fault.code, fault.message);
}

/** In a browser: the network came or went, or the page is looked at again. */
function onHints(hint: () => void): Unsubscribe {
  if (typeof window === "undefined") return () => {};
  const seen = () => {
    if (document.visibilityState === "visible") hint();
  };
  window.addEventListener("online", hint);
  window.addEventListener("offline", hint);
  document.addEventListener("visibilitychange", seen);
  return () => {
    window.removeEventListener("online", hint);
    window.removeEventListener("offline", hint);
    document.removeEventListener("visibilitychange", seen);
  };
}
