import { Chart } from "./chart.js";
import { Connection } from "./connection.js";
import { ChartroomError } from "./errors.js";
import type { ServerFrame } from "./frames.js";
import { Emitter } from "./emitter.js";
import { Room } from "./room.js";
import { RoomSession, type SessionLink } from "./session.js";
import type { ConnectionStatus, ConnectOptions, Token, Unsubscribe } from "./types.js";

const TICK_MS = 1_000;

/** A room's session and how many open rooms use it. */
interface Held {
  session: RoomSession;
  uses: number;
}

/** One socket to a server and the rooms that are open on it. Made by `connect`. */
export class Client {
  readonly #connection: Connection;
  readonly #emitter = new Emitter<{ status: ConnectionStatus }>();
  readonly #rooms = new Map<string, Held>();
  readonly #charts = new Set<Chart>();
  readonly #link: SessionLink;
  /** How often events were asked for; each asking has its number, so that late answers are told apart. */
  #follows = 0;
  readonly #ticker: ReturnType<typeof setInterval>;
  readonly #forgetHints: Unsubscribe;

  /** @internal */
  constructor(options: ConnectOptions) {
    this.#connection = new Connection(options, {
      status: (status) => this.#statusChanged(status),
      frame: (frame) => this.#receive(frame),
    });
    this.#link = {
      person: options.person,
      send: ({ documentId }, data) => this.#connection.send({ type: "sync", documentId, data }),
      enter: ({ name }) => this.#connection.send({ type: "room", name }),
      follow: ({ documentId }, after) => {
        const id = (this.#follows += 1);
        this.#connection.send({ type: "follow", documentId, id, after });
        return id;
      },
      unfollow: (id) => this.#connection.send({ type: "unfollow", id }),
      reconnect: (reason) => this.#connection.drop(reason),
      drained: ({ name }) => this.#endIfUnused(name),
    };
    this.#forgetHints = onHints(() => this.#connection.nudge());
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#connection.start();
  }

  /** Where the connection stands. */
  get status(): ConnectionStatus {
    return this.#connection.status;
  }

  /** Why there is no connection; `null` while there is one, or was none yet. */
  get error(): ChartroomError | null {
    return this.#connection.error;
  }

  /**
   * Opens a room: resolves when it can be read, which is after the first sync or, without a
   * connection, at once with what is known. Rejects with the server's code if it refuses the room.
   */
  async open(name: string): Promise<Room> {
    const held = this.#hold(name);
    if (isAway(this.status)) return this.#room(name, held);
    try {
      await held.session.firstAnswer;
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
    const { session } = this.#rooms.get(name)!;
    // A room that is open was asked for before the chart could hear of its compartments.
    if (isOpen) this.#link.enter(session);
    try {
      if (!isAway(this.status)) await session.firstAnswer;
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

  /**
   * Comes back from `signed-out`, with `token` where one is given, else as the options say. While
   * there is a connection, `token` is for the next one.
   *
   * Rooms and unsaved edits are as they were, so it has to be the same person: edits would go out
   * as somebody else's, or be refused. Make another client for another person.
   */
  signIn(token?: Token): void {
    this.#connection.signIn(token);
  }

  /**
   * Closes the socket and every room for good. Edits that are unsaved by then are given up, and
   * their `saved` rejects with `client-closed`: wait for `saved` first where that matters.
   */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#forgetHints();
    const closed = this.#connection.close();
    for (const { session } of this.#rooms.values()) session.end(closedError());
    this.#rooms.clear();
    this.#charts.clear();
    await closed;
  }

  #hold(name: string): Held {
    if (this.status === "closed") throw closedError();
    let held = this.#rooms.get(name);
    if (!held) {
      held = { session: new RoomSession(name, this.#link), uses: 0 };
      this.#rooms.set(name, held);
      this.#link.enter(held.session);
    } else if (held.session.status.error) {
      this.#link.enter(held.session);
    }
    held.uses += 1;
    return held;
  }

  #room(name: string, held: Held): Room {
    if (this.status === "closed") throw closedError();
    return new Room(held.session, () => this.#release(name, held));
  }

  #release(name: string, held: Held): void {
    held.uses -= 1;
    if (this.#rooms.get(name) === held) this.#endIfUnused(name);
  }

  /** A room that nobody has open stays while it has unsaved edits. */
  #endIfUnused(name: string): void {
    const held = this.#rooms.get(name);
    if (!held || held.uses > 0 || held.session.status.unsaved > 0) return;
    this.#rooms.delete(name);
    this.#connection.send({ type: "leave-room", documentId: held.session.documentId });
    // The session may be in the middle of telling its listeners.
    queueMicrotask(() => held.session.end(new ChartroomError("room-closed", "the room was closed")));
  }

  #statusChanged(status: ConnectionStatus): void {
    const sessions = this.#sessions();
    if (status === "online") sessions.forEach((session) => this.#link.enter(session));
    if (isAway(status)) sessions.forEach((session) => session.left());
    this.#emitter.emit("status", status);
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "room":
        return this.#entered(frame.name, frame.epoch, frame.documentId, frame.compartments);
      case "room-refused":
        return this.#rooms.get(frame.name)?.session.refusedRoom(new ChartroomError(frame.code, frame.message));
      case "sync":
        return this.#session(frame.documentId)?.received(frame.data);
      case "sync-part":
        return this.#session(frame.documentId)?.receivedPart(frame.total, frame.data);
      case "doc-unavailable":
        return this.#session(frame.documentId)?.refusedRoom(new ChartroomError("room-unavailable", "the server does not have this room for you"));
      case "authors":
        return this.#session(frame.documentId)?.introduced(frame.authors);
      case "refused":
        return this.#session(frame.documentId)?.refusedChanges(frame.hashes, new ChartroomError(frame.code, frame.message));
      case "events":
        return this.#sessions().forEach((session) => session.followed(frame.id, frame.events));
      case "follow-ended":
        return this.#sessions().forEach(({ follows }) => follows.ended(frame.id, frame.end));
      case "peer":
      case "error":
      case "other":
        return;
    }
  }

  #entered(name: string, epoch: number, documentId: string, compartments: readonly string[]): void {
    this.#rooms.get(name)?.session.entered(epoch, documentId);
    for (const chart of this.#charts) if (chart.name === name) chart.joins(compartments);
  }

  #session(documentId: string): RoomSession | undefined {
    return this.#sessions().find((session) => session.documentId === documentId);
  }

  #sessions(): RoomSession[] {
    return [...this.#rooms.values()].map(({ session }) => session);
  }

  #tick(): void {
    this.#connection.tick();
    for (const session of this.#sessions()) session.tick();
  }
}

/** Whether the server cannot be asked at present. */
function isAway(status: ConnectionStatus): boolean {
  return status === "offline" || status === "signed-out";
}

function closedError(): ChartroomError {
  return new ChartroomError("client-closed", "the client was closed");
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
