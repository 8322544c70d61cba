import type { Fault, FromPage, HostSetup, ToPage } from "../protocol.js";
import { IndexedDbStore } from "../store/indexed_db.js";
import { MEMORY } from "../store/memory.js";
import type { WebSocketClass } from "../types.js";
import { loadEngine } from "./engine.js";
import { Host, faultOf } from "./host.js";

/** How often a tab asks the host in another one whether it is there, and how long that may take. */
const PING_MS = 5_000;
const PATIENCE_MS = 15_000;

/** What tabs of one browser say to each other. */
type Said =
  | { to: "host"; page: string; message: FromPage | "ping" }
  | { to: "pages"; message: "host" }
  | { to: string; message: ToPage | "pong" };

/** What a page's seat is made of. */
export interface SeatParts {
  page: string;
  setup: HostSetup;
  WebSocket?: WebSocketClass;
  /** Tells the page something. */
  say(message: ToPage): void;
  /** The engine has trapped: this thread is of no use any more. */
  onTrap?(): void;
}

/**
 * Where a page meets its host. Tabs that share a store share a host: the one that holds the store's
 * lock runs it, and hands on for the others. When that tab ends, the lock goes to the next.
 */
export class Seat {
  readonly #parts: SeatParts;
  #host: Host | undefined;
  #channel: BroadcastChannel | undefined;
  /** Gives the lock back. */
  #release: (() => void) | undefined;
  readonly #leave = new AbortController();
  #pinging: ReturnType<typeof setInterval> | undefined;
  #heardAt = Date.now();
  /** Pages of other tabs that this host knows. */
  readonly #guests = new Set<string>();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  private constructor(parts: SeatParts) {
    this.#parts = parts;
  }

  /** Tells the page `ended` where it cannot be. */
  static async take(parts: SeatParts): Promise<Seat> {
    const seat = new Seat(parts);
    try {
      await seat.#start();
    } catch (error) {
      parts.say({ kind: "ended", fault: faultOf(error) });
      void seat.close();
    }
    return seat;
  }

  /** The page says something. */
  receive(message: FromPage): void {
    if (this.#isClosed) return;
    if (this.#host) this.#host.receive(this.#parts.page, message);
    else this.#broadcast({ to: "host", page: this.#parts.page, message });
    if (message.kind === "bye") void this.close();
  }

  /** Resolves when what it has of a host has ended, and the store is free. */
  close(host = this.#host): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#end(host);
    return this.#closing;
  }

  async #end(host: Host | undefined): Promise<void> {
    this.#leave.abort();
    clearInterval(this.#pinging);
    await host?.end();
    this.#release?.();
    this.#channel?.close();
  }

  async #start(): Promise<void> {
    const { setup, page } = this.#parts;
    const locks = typeof navigator === "undefined" ? undefined : (navigator.locks as LockManager | undefined);
    if (!setup.store || !locks) return this.#run();
    this.#channel = new BroadcastChannel(setup.store.name);
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => this.#heard(data);
    // Held for as long as this thread lives: a page whose lock is free is gone.
    const isHeld = new Promise<void>((resolve) => void locks.request(lockOf(page), () => (resolve(), this.#never())));
    await isHeld;
    if (await this.#lock(locks, { ifAvailable: true })) return this.#run();
    this.#follow(locks);
  }

  /** Takes the store's lock; with `ifAvailable` says whether it could, without it waits. */
  #lock(locks: LockManager, options: LockOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const held = (lock: Lock | null) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>((release) => (this.#release = release));
      };
      // It ends early where another tab, tired of waiting for this one, takes it away.
      locks.request(this.#parts.setup.store!.name, options, held).catch((error: unknown) => {
        if (!this.#host) return reject(error);
        void this.#host.end();
        this.#host = undefined;
        if (!this.#isClosed) this.#follow(locks);
      });
    });
  }

  /** Hands on to the host of another tab, until it is this one's turn. */
  #follow(locks: LockManager): void {
    const { page } = this.#parts;
    this.#heardAt = Date.now();
    this.#broadcast({ to: "host", page, message: { kind: "hello" } });
    const turn = new AbortController();
    this.#leave.signal.addEventListener("abort", () => turn.abort());
    this.#pinging = setInterval(() => {
      if (Date.now() - this.#heardAt > PATIENCE_MS) {
        turn.abort();
        clearInterval(this.#pinging);
        this.#takeOver(this.#lock(locks, { steal: true }));
      } else this.#broadcast({ to: "host", page, message: "ping" });
    }, PING_MS);
    this.#takeOver(this.#lock(locks, { signal: turn.signal }));
  }

  #takeOver(turn: Promise<boolean>): void {
    turn.then(
      async () => {
        clearInterval(this.#pinging);
        if (this.#isClosed) return this.#release?.();
        try {
          await this.#run();
          this.#parts.say({ kind: "hello" });
        } catch (error) {
          this.#parts.say({ kind: "ended", fault: faultOf(error) });
        }
      },
      () => {},
    );
  }

  async #run(): Promise<void> {
    const { setup, page, WebSocket, say } = this.#parts;
    await loadEngine(setup.wasm);
    const store = setup.store ? await IndexedDbStore.open(setup.store.name, setup.store.key) : MEMORY;
    if (this.#isClosed) return store.close();
    this.#host = new Host({ setup, store, ...(WebSocket && { WebSocket }), onEnd: (fault) => this.#ended(fault) });
    this.#host.attach(page, say);
    this.#host.start();
    this.#broadcast({ to: "pages", message: "host" });
  }

  #heard(said: Said): void {
    const { page, say } = this.#parts;
    if (this.#host && said.to === "host") return this.#serve(said as Extract<Said, { to: "host" }>);
    if (this.#host) return;
    if (said.to === "pages") {
      this.#heardAt = Date.now();
      this.#broadcast({ to: "host", page, message: { kind: "hello" } });
      return say({ kind: "hello" });
    }
    if (said.to !== page) return;
    this.#heardAt = Date.now();
    const { message } = said as { message: ToPage | "pong" };
    if (message === "pong") return;
    // The next host takes over from one that has trapped.
    if (message.kind === "ended" && message.fault.code === "engine-failed") return;
    say(message);
    if (message.kind === "ended") void this.close();
  }

  /** A page of another tab says something to this host. */
  #serve({ page, message }: Extract<Said, { to: "host" }>): void {
    if (message === "ping") return this.#broadcast({ to: page, message: "pong" });
    if (!this.#guests.has(page)) {
      // It has not said hello to this host: everything it is about is unknown here.
      if (message.kind !== "hello") return this.#broadcast({ to: page, message: { kind: "hello" } });
      this.#guests.add(page);
      this.#host!.attach(page, (answer) => this.#broadcast({ to: page, message: answer }));
      const gone = () => {
        this.#guests.delete(page);
        this.#host?.detach(page);
      };
      navigator.locks.request(lockOf(page), { signal: this.#leave.signal }, gone).catch(() => {});
    }
    this.#host!.receive(page, message);
    if (message.kind === "bye") this.#guests.delete(page);
  }

  #ended(fault: Fault): void {
    const host = this.#host;
    this.#host = undefined;
    if (fault.code === "engine-failed") this.#parts.onTrap?.();
    void this.close(host);
  }

  #broadcast(said: Said): void {
    this.#channel?.postMessage(said);
  }

  #never(): Promise<void> {
    return new Promise((resolve) => this.#leave.signal.addEventListener("abort", () => resolve()));
  }
}

function lockOf(page: string): string {
  return `chartroom page ${page}`;
}

