// A small peer of `/sync`, written from the protocol and from nothing of the project:
// automerge for the document, CBOR for the frames. It knows which of its changes were acknowledged.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import * as Automerge from "@automerge/automerge";
import { Decoder, Encoder } from "cbor-x";
import WebSocket from "ws";

const encoder = new Encoder({ tagUint8Array: false, useRecords: false });
const decoder = new Decoder({ useRecords: false });

/**
 * Emits `synced` after each sync message, `seen` (hash) for a colleague's change, `saved` (hash), `closed` (code).
 * The genesis of a room, which has no dependencies, is nobody's: a server makes it anew until something is written.
 */
export class Peer extends EventEmitter {
  doc = Automerge.init({ actor: randomBytes(16).toString("hex") });
  #id = `test-${randomBytes(6).toString("hex")}`;
  #person;
  #extensions;
  #socket;
  #server;
  #state;
  #document;
  #unsaved = new Set();
  #known = new Set();

  constructor({ person = { id: "alice", name: "Alice" }, extensions = true } = {}) {
    super();
    this.setMaxListeners(0);
    this.#person = person;
    this.#extensions = extensions;
  }

  /** Connects and says who is there; a peer that was connected before keeps its document. */
  async connect(url) {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.binaryType = "nodebuffer";
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("close", (code) => socket === this.#socket && this.emit("closed", code));
    await Promise.race([once(socket, "open"), once(socket, "close").then(() => Promise.reject(new Error("the socket was closed")))]);
    socket.on("message", (bytes) => this.#receive(decoder.decode(bytes)));
    const peerMetadata = { isEphemeral: true, person: this.#person, ...(this.#extensions && { chartroom: { version: 1 } }) };
    this.#send({ type: "join", senderId: this.#id, peerMetadata, supportedProtocolVersions: ["1"] });
    const { senderId, peerMetadata: about } = await this.#answer("peer");
    this.#server = senderId;
    this.durableHeads = about?.chartroom?.durableHeads === true;
  }

  /** The local end of the connection, by which a trace of the server knows it. */
  get localPort() {
    return this.#socket._socket.localPort;
  }

  get connected() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get unsaved() {
    return this.#unsaved.size;
  }

  /** Enters a room by name, or by document id without the extension, and waits for the first sync. */
  async open({ name, documentId }) {
    if (name !== undefined) {
      const answer = this.#answer("room", "room-refused");
      this.#send({ type: "room", senderId: this.#id, targetId: this.#server, name });
      const room = await answer;
      if (room.type === "room-refused") throw new Error(`${name} was refused: ${room.code}`);
      this.#document = room.documentId;
    } else {
      this.#document = documentId;
    }
    this.#state = Automerge.initSyncState();
    const first = once(this, "synced");
    this.#push("request");
    await Promise.race([first, once(this, "closed").then(() => Promise.reject(new Error("closed before the first sync")))]);
    while (Automerge.getHeads(this.doc).length === 0) await once(this, "synced");
  }

  /** Makes one change and sends it; answers with its hash. */
  change(edit) {
    const before = this.doc;
    this.doc = Automerge.change(this.doc, edit);
    if (this.doc === before) throw new Error("the edit changed nothing");
    const hash = Automerge.decodeChange(Automerge.getLastLocalChange(this.doc)).hash;
    this.#unsaved.add(hash);
    this.#known.add(hash);
    this.#push("sync");
    return hash;
  }

  /** Sends one chunk as it is, under a hash, as if it were a change of this peer. */
  offer(chunk, hash) {
    const changes = [chunk];
    const data = Automerge.encodeSyncMessage({ heads: [hash], need: [], have: [], changes });
    this.#send({ type: "sync", documentId: this.#document, senderId: this.#id, targetId: this.#server, data });
  }

  /** Hashes of every change of the document. */
  hashes() {
    return Automerge.getChangesMetaSince(this.doc, []).map((meta) => meta.hash);
  }

  /** Where this peer stands, for the message of a test that waited in vain. */
  standing() {
    const short = (hashes) => [...hashes].map((hash) => hash.slice(0, 8)).join(",");
    return `heads ${short(Automerge.getHeads(this.doc))}; the server's ${short(this.#state?.theirHeads ?? [])}; unsaved ${short(this.#unsaved)}`;
  }

  async close() {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    const closed = once(socket, "close");
    socket.close();
    await closed;
  }

  #push(type) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const [state, data] = Automerge.generateSyncMessage(this.doc, this.#state);
    this.#state = state;
    if (data) this.#send({ type, documentId: this.#document, senderId: this.#id, targetId: this.#server, data });
  }

  #send(message) {
    this.#socket.send(encoder.encode(message));
  }

  #receive(message) {
    this.emit(`frame:${message.type}`, message);
    if (message.type !== "sync" || message.documentId !== this.#document) return;
    const heads = Automerge.getHeads(this.doc);
    [this.doc, this.#state] = Automerge.receiveSyncMessage(this.doc, this.#state, message.data);
    for (const { hash, deps } of Automerge.getChangesMetaSince(this.doc, heads)) {
      if (deps.length === 0 || this.#known.has(hash)) continue;
      this.#known.add(hash);
      this.emit("seen", hash);
    }
    this.#acknowledge(Automerge.decodeSyncMessage(message.data).heads);
    this.#push("sync");
    this.emit("synced");
  }

  /** What the server's heads cover is durable there: that is its acknowledgement. */
  #acknowledge(heads) {
    if (this.#unsaved.size === 0 || !Automerge.hasHeads(this.doc, heads)) return;
    const beyond = new Set(Automerge.getChangesMetaSince(this.doc, heads).map((meta) => meta.hash));
    for (const hash of this.#unsaved) {
      if (beyond.has(hash)) continue;
      this.#unsaved.delete(hash);
      this.emit("saved", hash);
    }
  }

  async #answer(...types) {
    const closed = once(this, "closed").then(() => Promise.reject(new Error("the connection was closed")));
    const [message] = await Promise.race([...types.map((type) => once(this, `frame:${type}`)), closed]);
    return message;
  }
}
