// A server that only shakes hands and says what a test tells it to say.
import { Encoder } from "cbor-x";
import { WebSocketServer, type WebSocket } from "ws";

const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
type Frame = { type: string; [field: string]: unknown };

export class StubServer {
  readonly received: Frame[] = [];
  connections = 0;
  /** Address and subprotocols of each connection. */
  readonly asked: { url: string | undefined; protocols: string | undefined }[] = [];
  #server!: WebSocketServer;
  #sockets = new Set<WebSocket>();

  constructor(readonly answer: (frame: Frame, stub: StubServer) => void) {}

  async start(): Promise<this> {
    this.#server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    this.#server.on("connection", (socket, { url, headers }) => {
      this.connections += 1;
      this.asked.push({ url, protocols: headers["sec-websocket-protocol"] });
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("message", (data: Buffer) => {
        const frame = cbor.decode(data) as Frame;
        this.received.push(frame);
        this.answer(frame, this);
      });
    });
    await new Promise((resolve) => this.#server.once("listening", resolve));
    return this;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as { port: number }).port}/sync`;
  }

  send(frame: Frame): void {
    this.sendBytes(cbor.encode({ senderId: "stub", targetId: "client", ...frame }));
  }

  sendBytes(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.send(bytes);
  }

  /** As the server is expected to answer `join`. */
  welcome(): void {
    this.send({ type: "peer", selectedProtocolVersion: "1", peerMetadata: { chartroom: { version: 1, durableHeads: true } } });
  }

  hangUp(code: number): void {
    for (const socket of this.#sockets) socket.close(code);
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
