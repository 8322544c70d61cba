// A device of the tests: a disk, which is an IndexedDB of its own, and a network that can be cut.
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import WebSocket from "ws";
import type { Client, ConnectOptions, WebSocketClass } from "chartroom";
import { connectAs } from "./server.js";

/** The network of one device, which counts what goes through it. */
export class Network {
  readonly sent: Uint8Array[] = [];
  readonly received: Uint8Array[] = [];
  /** How often a socket was asked for. */
  dials = 0;
  readonly WebSocket: WebSocketClass;
  readonly #sockets = new Set<WebSocket>();
  #isUp = true;
  /** What is not sent yet, while the device is mute. */
  #unsaid: (() => void)[] | undefined;

  constructor() {
    const network = this;
    this.WebSocket = class extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        // Nobody listens on the discard port.
        super(network.#isUp ? url : "ws://127.0.0.1:9/sync", protocols);
        network.dials += 1;
        network.#sockets.add(this);
        this.on("close", () => network.#sockets.delete(this));
        this.on("message", (data: ArrayBuffer) => network.received.push(new Uint8Array(data)));
      }

      override send(data: Uint8Array): void {
        network.sent.push(data);
        if (network.#unsaid) network.#unsaid.push(() => super.send(data));
        else super.send(data);
      }
    } as unknown as WebSocketClass;
  }

  cut(): void {
    this.#isUp = false;
    for (const socket of this.#sockets) socket.terminate();
  }

  mend(): void {
    this.#isUp = true;
  }

  /** What the server says waits until `hear`. */
  deafen(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  hear(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  /** What the device says waits until `speak`; it hears the server meanwhile. */
  mute(): void {
    this.#unsaid = [];
  }

  speak(): void {
    const unsaid = this.#unsaid ?? [];
    this.#unsaid = undefined;
    for (const send of unsaid) send();
  }

  /** Forgets what it has counted. */
  count(): void {
    this.sent.length = this.received.length = 0;
  }
}

export const bytes = (messages: Uint8Array[]): number => messages.reduce((sum, { length }) => sum + length, 0);

export class Device {
  readonly disk = new IDBFactory();
  network = new Network();

  /** An app is started on it; `store: true` unless the options say else. */
  async connect(name: string, url: string, options: Partial<ConnectOptions> = {}): Promise<Client> {
    globalThis.indexedDB = this.disk;
    return connectAs(name, url, { store: true, WebSocket: this.network.WebSocket, ...options });
  }

  /** The app's process dies where it stands: nothing of it reaches the network again, and its writer is fenced off by the next. */
  kill(): void {
    this.network.cut();
    this.network = new Network();
  }

  /** Everything on the disk, names and keys included. */
  async everything(): Promise<unknown[]> {
    const all: unknown[] = [];
    for (const { name } of await this.disk.databases()) {
      const database = await promised(this.disk.open(name!));
      all.push(name);
      for (const table of database.objectStoreNames) {
        const store = database.transaction(table).objectStore(table);
        all.push(table, ...(await promised(store.getAllKeys())), ...(await promised(store.getAll())));
      }
      database.close();
    }
    return all;
  }

  /** How many rows a table of the only database has. */
  async rows(table: string): Promise<number> {
    const [{ name }] = (await this.disk.databases()) as [{ name: string }];
    const database = await promised(this.disk.open(name));
    const count = await promised(database.transaction(table).objectStore(table).count());
    database.close();
    return count;
  }
}

export function promised<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
