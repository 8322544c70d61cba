import { ChartroomError } from "../errors.js";
import type { ClientState, Fault, FromPage, HostSetup, ToPage, Update } from "../protocol.js";
import type { Store } from "../store/store.js";
import type { ConnectionStatus, Token, WebSocketClass } from "../types.js";
import { Connection } from "./connection.js";
import type { EngineEvent } from "./engine.js";
import type { ServerFrame } from "./frames.js";
import { RoomPresence } from "./presence.js";
import { RoomSession, type SessionLink } from "./session.js";

const TICK_MS = 1_000;
/** How long a page may take to give a token. */
const TOKEN_MS = 30_000;

/** A room, and which pages have it open. */
interface Held {
  session: RoomSession;
  presence: RoomPresence;
  pages: Set<string>;
  /** Ends the pages' follows, by page and key. */
  follows: Map<string, () => void>;
}

/** A page, and how it is spoken to. */
interface Page {
  send(message: ToPage): void;
  rooms: Set<string>;
}

/** What a host is made of beside its setup. */
export interface HostParts {
  setup: HostSetup;
  store: Store;
  WebSocket?: WebSocketClass;
  /** The engine has trapped, or the host has closed for good: nothing is to be said to it any more. */
  onEnd(fault: Fault): void;
}

/**
 * One person's rooms on this device: the engine, the socket and the store, for all their pages.
 *
 * One host at a time has a store. It is told what pages want and tells them what is.
 */
export class Host {
  readonly #parts: HostParts;
  readonly #connection: Connection;
  readonly #pages = new Map<string, Page>();
  readonly #rooms = new Map<string, Promise<Held>>();
  readonly #held = new Map<string, Held>();
  readonly #link: SessionLink;
  readonly #ticker: ReturnType<typeof setInterval>;
  /** How often events were asked for; each asking has its number, so that late answers are told apart. */
  #asked = 0;
  readonly #tokens = new Map<number, (answer: { token?: string; fault?: Fault }) => void>();
  #ended = false;
  #ending: Promise<void> | undefined;
  /** Resolves when the rooms in which edits wait are held. */
  #waiting: Promise<unknown> = Promise.resolve();
  /** How many refused edits the store has of rooms that are not held. */
  readonly #refused = new Map<string, number>();
  #counting = false;

  constructor(parts: HostParts) {
    this.#parts = parts;
    const { setup, store } = parts;
    this.#connection = new Connection(
      { ...setup, token: this.#token(setup.token), device: store.device, ...(parts.WebSocket && { WebSocket: parts.WebSocket }) } as ConstructorParameters<typeof Connection>[0],
      {
        status: (status) => this.#statusChanged(status),
        frame: (frame) => this.#receive(frame),
        wipe: (reason) => void this.#wiped(reason),
      },
    );
    this.#link = this.#linkOf(setup, store);
    store.onStatus = () => {
      if (store.status === "lost") {
        this.#refused.clear();
        for (const { session } of this.#held.values()) session.storeLost();
      }
      this.#tellState();
    };
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Begins to connect, with a page there that can give a token. */
  start(): void {
    this.#connection.start();
    // What waits goes out also where nobody opens its room.
    this.#waiting = this.#parts.store.waiting().then(
      (rooms) => {
        for (const { room, refusals } of rooms) if (!this.#refused.has(room)) this.#refused.set(room, refusals);
        this.#counted();
        return Promise.allSettled(rooms.filter(({ edits }) => edits > 0).map(({ room }) => this.#hold(room)));
      },
      () => {},
    );
  }

  /** A page comes, or comes again. */
  attach(page: string, send: (message: ToPage) => void): void {
    this.#pages.set(page, { send, rooms: new Set() });
    send({ kind: "client", state: this.#state() });
  }

  /** A page is gone. */
  detach(page: string): void {
    const known = this.#pages.get(page);
    this.#pages.delete(page);
    for (const room of known?.rooms ?? []) this.#close(page, room);
  }

  receive(page: string, message: FromPage): void {
    if (this.#ended) return;
    switch (message.kind) {
      case "hello":
        return;
      case "open":
        return void this.#open(page, message.room);
      case "enter":
        return void this.#rooms.get(message.room)?.then(({ session }) => this.#enter(session), () => {});
      case "close":
        return this.#close(page, message.room);
      case "sign-in":
        return this.#connection.signIn(message.token === undefined ? undefined : this.#token(message.token));
      case "token":
        this.#tokens.get(message.id)?.(message);
        return;
      case "sign-out":
        return void this.#signOut(page, message.id, message.how);
      case "nudge":
        return this.#connection.nudge();
      case "bye":
        return this.detach(page);
      case "ask":
        return this.#answer(page, message);
      case "command":
        return this.#with(message.room, ({ session }) => void session.command(message.edit, message.command, message.hash));
      case "refused": {
        const { room, edit, hash, command, fault } = message;
        return this.#with(room, ({ session }) => session.recall({ edit, hash, command, fault }));
      }
      case "settle":
        return this.#with(message.room, ({ session }) => session.settle(message.edit));
      case "follow":
        return this.#with(message.room, (held) => this.#follow(held, page, message));
      case "unfollow":
        return this.#with(message.room, ({ follows }) => this.#unfollow(follows, `${page} ${message.key}`));
      case "presence":
        return this.#with(message.room, ({ presence, pages }) => pages.has(page) && presence.set(page, message.state));
      case "text-open":
        return this.#with(message.room, ({ session }) => session.texts.open(page, message.text));
      case "text-close":
        return this.#with(message.room, ({ session }) => session.texts.close(page, message.text));
      case "text-change": {
        const { text, seen, changes, edit } = message;
        return this.#with(message.room, ({ session }) => session.texts.change(page, text, seen, changes, edit, (id, command) => session.command(id, command)));
      }
    }
  }

  /** Ends everything; what the store has stays. */
  end(): Promise<void> {
    // Pages of other tabs hear nothing of it: the next host is theirs.
    this.#ended = true;
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    clearInterval(this.#ticker);
    const closed = this.#connection.close();
    const gone = new ChartroomError("client-closed", "the client was closed");
    for (const { session, presence } of this.#held.values()) {
      presence.end();
      session.end(gone);
    }
    await Promise.all([closed, this.#parts.store.close()]);
  }

  #linkOf(setup: HostSetup, store: Store): SessionLink {
    return {
      person: setup.person,
      store,
      send: ({ documentId }, data) => this.#connection.send({ type: "sync", documentId, data }),
      follow: ({ documentId }, from) => {
        const id = (this.#asked += 1);
        this.#connection.send({ type: "follow", documentId, id, ...from });
        return id;
      },
      unfollow: (id) => this.#connection.send({ type: "unfollow", id }),
      reconnect: (reason) => this.#connection.drop(reason),
      tell: ({ name }, update) => this.#tellRoom(name, update),
      say: (page, message) => this.#say(page, message),
      counted: () => this.#counted(),
      trapped: (error) => this.#trapped(error),
    };
  }

  #hold(name: string): Promise<Held> {
    const known = this.#rooms.get(name);
    if (known) return known;
    const held = this.#load(name);
    this.#rooms.set(name, held);
    held.catch(() => this.#rooms.delete(name));
    return held;
  }

  async #load(name: string): Promise<Held> {
    const stored = await this.#parts.store.load(name).catch(() => undefined);
    if (this.#ended) throw new ChartroomError("client-closed", "the client was closed");
    const session = new RoomSession(name, this.#link, stored);
    const presence = new RoomPresence(name, {
      own: this.#connection.peerId,
      person: () => this.#connection.person,
      show: (state) => this.#connection.send({ type: "presence", documentId: session.documentId, state }),
      say: (page, message) => this.#say(page, message),
    });
    const held: Held = { session, presence, pages: new Set(), follows: new Map() };
    this.#held.set(name, held);
    this.#enter(session);
    if (isAway(this.#connection.status)) session.left();
    this.#counted();
    return held;
  }

  /** Asks the server for the room, which names its document. */
  #enter({ name }: RoomSession): void {
    this.#connection.send({ type: "room", name });
  }

  /** Once the room is there, if it is held. */
  #with(room: string, act: (held: Held) => void): void {
    const held = this.#held.get(room);
    if (held) act(held);
    else this.#rooms.get(room)?.then(act, () => {});
  }

  async #open(page: string, room: string): Promise<void> {
    let held: Held;
    this.#pages.get(page)?.rooms.add(room);
    try {
      held = await this.#hold(room);
    } catch (error) {
      return this.#say(page, { kind: "opened", room, fault: faultOf(error) });
    }
    if (!this.#pages.get(page)?.rooms.has(room)) return this.#endIfUnused(room);
    // An update that is on its way to this page would come before what it is of.
    for (const update of held.session.everything()) this.#say(page, { kind: "update", room, update });
    held.pages.add(page);
    if (held.session.hasFault) this.#enter(held.session);
    if (held.session.isKnown || isAway(this.#connection.status)) return this.#say(page, { kind: "opened", room });
    held.session.firstAnswer.then(
      () => this.#say(page, { kind: "opened", room }),
      (error) => this.#say(page, { kind: "opened", room, fault: faultOf(error) }),
    );
  }

  #close(page: string, room: string): void {
    this.#pages.get(page)?.rooms.delete(room);
    this.#with(room, ({ session, presence, pages, follows }) => {
      pages.delete(page);
      presence.left(page);
      session.texts.left(page);
      for (const key of [...follows.keys()]) if (key.startsWith(`${page} `)) this.#unfollow(follows, key);
      this.#endIfUnused(room);
    });
  }

  /** A room that nobody has open stays while it is busy with edits. */
  #endIfUnused(name: string): void {
    const held = this.#held.get(name);
    if (!held || held.pages.size > 0 || held.session.isBusy) return;
    if ([...this.#pages.values()].some(({ rooms }) => rooms.has(name))) return;
    this.#held.delete(name);
    this.#rooms.delete(name);
    this.#refused.set(name, this.#parts.store.status === "none" ? 0 : held.session.refused);
    held.presence.end();
    this.#connection.send({ type: "leave-room", documentId: held.session.documentId });
    // The session may be in the middle of telling.
    queueMicrotask(() => held.session.end(new ChartroomError("room-closed", "the room was closed")));
  }

  #answer(page: string, { id, room, question }: Extract<FromPage, { kind: "ask" }>): void {
    if (!this.#rooms.has(room)) {
      return this.#say(page, { kind: "answer", id, fault: { code: "room-closed", message: "the room was closed; open it again" } });
    }
    this.#with(room, ({ session }) => {
      try {
        this.#say(page, { kind: "answer", id, value: session.answer(question) });
      } catch (error) {
        this.#say(page, { kind: "answer", id, fault: faultOf(error) });
      }
    });
  }

  #follow(held: Held, page: string, { room, key, after, last }: Extract<FromPage, { kind: "follow" }>): void {
    const id = `${page} ${key}`;
    if (held.follows.has(id) || !held.pages.has(page)) return;
    const tell = (events: EngineEvent[]) => this.#say(page, { kind: "followed", room, key, events });
    const end = held.session.follows.add(last === undefined ? { after: after ?? 0 } : { last }, tell, (end) => {
      held.follows.delete(id);
      this.#say(page, { kind: "follow-ended", room, key, end });
    });
    held.follows.set(id, end);
  }

  #unfollow(follows: Map<string, () => void>, id: string): void {
    follows.get(id)?.();
    follows.delete(id);
  }

  #statusChanged(status: ConnectionStatus): void {
    if (status === "online") for (const { session } of this.#held.values()) this.#enter(session);
    if (isAway(status)) {
      for (const { session, presence } of this.#held.values()) {
        session.left();
        presence.offline();
      }
    }
    this.#tellState();
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "room": {
        const held = this.#held.get(frame.name);
        held?.session.entered(frame);
        held?.presence.online();
        return held?.pages.forEach((page) => this.#say(page, { kind: "compartments", room: frame.name, names: frame.compartments }));
      }
      case "room-refused":
        return this.#held.get(frame.name)?.session.refusedRoom(new ChartroomError(frame.code, frame.message));
      case "sync":
        return this.#of(frame.documentId)?.session.received(frame.data);
      case "sync-part":
        return this.#of(frame.documentId)?.session.receivedPart(frame.total, frame.data);
      case "doc-unavailable":
        return this.#of(frame.documentId)?.session.refusedRoom(new ChartroomError("room-unavailable", "the server does not have this room for you"));
      case "authors":
        return this.#of(frame.documentId)?.session.introduced(frame.authors);
      case "refused":
        return this.#of(frame.documentId)?.session.refusedChanges(frame.hashes, new ChartroomError(frame.code, frame.message));
      case "events":
        return this.#held.forEach(({ session }) => session.follows.events(frame.id, frame.events));
      case "follow-ended":
        return this.#held.forEach(({ session }) => session.follows.ended(frame.id, frame.end));
      case "presence":
        return this.#of(frame.documentId)?.presence.received(frame);
      case "peer":
      case "error":
      case "other":
        return;
    }
  }

  #of(documentId: string): Held | undefined {
    for (const held of this.#held.values()) if (held.session.documentId === documentId) return held;
    return undefined;
  }

  #tick(): void {
    this.#connection.tick();
    for (const { session } of [...this.#held.values()]) session.tick();
  }

  #tellRoom(room: string, update: Update): void {
    const held = this.#held.get(room);
    for (const page of held?.pages ?? []) this.#say(page, { kind: "update", room, update });
  }

  #say(page: string, message: ToPage): void {
    if (!this.#ended) this.#pages.get(page)?.send(message);
  }

  /** How many edits wait has changed; told once for all that one moment brings. */
  #counted(): void {
    if (this.#counting) return;
    this.#counting = true;
    queueMicrotask(() => {
      this.#counting = false;
      this.#tellState();
      for (const name of [...this.#held.keys()]) this.#endIfUnused(name);
    });
  }

  #tellState(): void {
    const state = this.#state();
    for (const page of this.#pages.keys()) this.#say(page, { kind: "client", state });
  }

  #state(): ClientState {
    const { status, error, person } = this.#connection;
    const { store } = this.#parts;
    const sessions = [...this.#held.values()].map(({ session }) => session);
    return {
      status,
      fault: error && faultOf(error),
      person,
      storage: store.status,
      storageFault: store.fault,
      unsaved: sum(sessions.map(({ unsaved }) => unsaved)),
      refused: sum(sessions.map(({ refused }) => refused)) + sum([...this.#refused].map(([room, refused]) => (this.#held.has(room) ? 0 : refused))),
      unstored: sum(sessions.map(({ unstored }) => unstored)),
    };
  }

  #token(token: string | true | undefined): Token | undefined {
    return token === true ? () => this.#askForToken() : token;
  }

  /** Asks the pages; the first that answers with one is taken, the last failure is told. */
  #askForToken(): Promise<string> {
    return new Promise((resolve, reject) => {
      const id = (this.#asked += 1);
      let waiting = this.#pages.size;
      const settle = ({ token, fault }: { token?: string; fault?: Fault }) => {
        waiting -= 1;
        if (token === undefined && waiting > 0) return;
        clearTimeout(overdue);
        this.#tokens.delete(id);
        if (token !== undefined) return resolve(token);
        reject(new ChartroomError(fault?.code ?? "token-unavailable", fault?.message ?? "there is no token for now"));
      };
      const overdue = setTimeout(() => {
        waiting = 0;
        settle({});
      }, waiting === 0 ? 0 : TOKEN_MS);
      this.#tokens.set(id, settle);
      for (const page of this.#pages.keys()) this.#say(page, { kind: "ask-token", id });
    });
  }

  async #signOut(page: string, id: number, how: "ask" | "keep" | "discard"): Promise<void> {
    const { store } = this.#parts;
    await this.#waiting;
    const { unsaved, refused } = this.#state();
    if (how === "ask" && unsaved + refused > 0) {
      const message = `${unsaved} edits have not reached the server, and of ${refused} that were refused nobody has looked at the reason; keep them on this device, or discard them`;
      const fault = { code: "unsaved-edits", message };
      return this.#say(page, { kind: "answer", id, fault });
    }
    try {
      if (how !== "keep") await store.wipe();
      this.#say(page, { kind: "answer", id });
    } catch (error) {
      this.#say(page, { kind: "answer", id, fault: faultOf(error) });
    }
    this.#endWith({ code: "client-closed", message: "this person signed out" });
  }

  async #wiped(reason: ChartroomError): Promise<void> {
    await this.#parts.store.wipe().catch(() => {});
    this.#endWith(faultOf(reason));
  }

  #trapped(error: ChartroomError): void {
    if (this.#ended) return;
    this.#endWith(faultOf(error));
  }

  #endWith(fault: Fault): void {
    for (const page of this.#pages.keys()) this.#say(page, { kind: "ended", fault });
    void this.end();
    this.#parts.onEnd(fault);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Whether the server cannot be asked at present. */
function isAway(status: ConnectionStatus): boolean {
  return status === "offline" || status === "signed-out";
}

/** An error as it crosses to a page. */
export function faultOf(error: unknown): Fault {
  if (error instanceof ChartroomError) return { code: error.code, message: error.message };
  return { code: "internal", message: "something unforeseen went wrong; load the page again" };
}
