// A link that can be cut: a TCP relay in the test's own process.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Relay {
  /** Bytes that went through, both ways. */
  bytes = 0;
  #listener = createServer((near) => this.#accept(near));
  #sockets = new Set();
  #isCut = false;
  #target;

  static async to(target) {
    const relay = new Relay();
    relay.#target = target;
    relay.#listener.listen(0, "127.0.0.1");
    await once(relay.#listener, "listening");
    return relay;
  }

  get url() {
    return `ws://127.0.0.1:${this.#listener.address().port}`;
  }

  /** Breaks what goes through, wherever in a frame that is, and lets nothing through until `restore`. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  restore() {
    this.#isCut = false;
  }

  /** Lets nothing more through of what is open now, and breaks nothing: as when a cable is pulled. */
  stall() {
    for (const socket of this.#sockets) socket.removeAllListeners("data").unpipe().pause();
  }

  close() {
    this.cut();
    this.#listener.close();
  }

  #accept(near) {
    if (this.#isCut) return void near.on("error", () => {}).resetAndDestroy();
    const far = connect(this.#target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from);
      from.setNoDelay();
      from.on("error", () => {});
      from.on("data", (data) => (this.bytes += data.length));
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
