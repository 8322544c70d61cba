// A network between a browser and the server that can fall silent without an end, as a sleeping
// laptop's does.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Line {
  #server;
  #sockets = new Set();
  #isSilent = false;
  #isAway = false;

  static async start(port) {
    const line = new Line();
    line.#server = createServer((near) => {
      if (line.#isAway) return near.destroy();
      const far = connect(port, "127.0.0.1");
      for (const [from, to] of [[near, far], [far, near]]) {
        line.#sockets.add(from);
        from.on("data", (data) => line.#isSilent || to.write(data));
        from.on("error", () => {});
        from.on("close", () => {
          line.#sockets.delete(from);
          if (!line.#isSilent) to.destroy();
        });
      }
    });
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    return line;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Whether what is sent is lost from now on, and nobody told. */
  silence(isSilent) {
    this.#isSilent = isSilent;
  }

  /** The address of the server behind it. */
  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends every connection and refuses others, until it is called with false. */
  away(isAway = true) {
    this.#isAway = isAway;
    if (isAway) this.cut();
  }

  /** Ends every connection there is. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async end() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
