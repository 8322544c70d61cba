import { ChartroomError } from "../errors.js";
import type { FromPage, HostSetup, ToPage } from "../protocol.js";
import type { ConnectOptions } from "../types.js";

/** So many traps of the engine in so short a time, and it is given up. */
const TRAPS_MAX = 3;
const TRAPS_MS = 60_000;

/** What a link tells the client that owns it. */
interface LinkListener {
  message(message: ToPage): void;
  /** A new host takes the place of one whose engine has trapped: tell it everything. */
  renewed(): void;
}

/** An end of the talk between a page and its host. */
export interface Link {
  send(message: FromPage): void;
  /** Resolves when a host of this page's own has written what it was told. */
  close(): Promise<void>;
}

/** Begins the talk with a host, in a worker where that can be. */
export async function link(page: string, setup: HostSetup, options: ConnectOptions, listener: LinkListener): Promise<Link> {
  const make = options.worker === false || options.WebSocket ? undefined : workerMaker(options);
  return make ? new WorkerLink(page, setup, make, listener) : hostHere(page, setup, options, listener);
}

function workerMaker({ worker }: ConnectOptions): (() => Worker) | undefined {
  if (typeof worker === "function") return worker;
  // A worker of Node is no such thing, and needs another kind of file.
  if (typeof Worker === "undefined" || typeof window === "undefined") return undefined;
  return () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "chartroom" });
}

/** A host in a worker. After a trap of the engine another worker begins from what the store has. */
class WorkerLink implements Link {
  #worker: Worker | undefined;
  #traps: number[] = [];

  constructor(
    readonly page: string,
    readonly setup: HostSetup,
    readonly make: () => Worker,
    readonly listener: LinkListener,
  ) {
    this.#start();
  }

  send(message: FromPage): void {
    this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.postMessage({ kind: "bye" } satisfies FromPage);
    if (worker) worker.onmessage = worker.onerror = null;
  }

  #start(): void {
    const worker = this.make();
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
      if (worker !== this.#worker) return;
      if (data.kind === "ended" && data.fault.code === "engine-failed" && this.#mayTryAgain()) return this.#restart();
      this.listener.message(data);
    };
    // It could not be loaded, or something in it was thrown that nobody caught.
    worker.onerror = (event) => {
      event.preventDefault();
      const fault = { code: "worker-failed", message: "the client's worker could not be started, or has failed; load the page again" };
      this.listener.message({ kind: "ended", fault });
    };
    worker.postMessage({ kind: "setup", page: this.page, setup: this.setup });
  }

  #restart(): void {
    this.#worker?.terminate();
    this.#start();
    this.listener.renewed();
  }

  #mayTryAgain(): boolean {
    const now = Date.now();
    this.#traps = [...this.#traps.filter((at) => now - at < TRAPS_MS), now];
    return this.#traps.length < TRAPS_MAX;
  }
}

/** A host in this thread. */
async function hostHere(page: string, setup: HostSetup, options: ConnectOptions, listener: LinkListener): Promise<Link> {
  const { Seat } = await import("../host/seat.js");
  let isClosed = false;
  // As between threads: nobody hears anything while they are saying something.
  const say = (message: ToPage) => queueMicrotask(() => void (isClosed || listener.message(message)));
  const seat = Seat.take({ page, setup, say, ...(options.WebSocket && { WebSocket: options.WebSocket }) });
  return {
    send: (message) => void seat.then((taken) => taken.receive(message)),
    close: () => {
      isClosed = true;
      return seat.then((taken) => (taken.receive({ kind: "bye" }), taken.close()));
    },
  };
}

/** Throws where there is no socket to be had in this thread. */
export function checkSocket({ WebSocket, worker }: ConnectOptions): void {
  const isHere = WebSocket === undefined && (worker === false || typeof window === "undefined");
  if (isHere && !("WebSocket" in globalThis)) {
    throw new ChartroomError("websocket-missing", "this runtime has no WebSocket; pass one in the options");
  }
}
