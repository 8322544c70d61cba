// A small peer of `/sync`, written from the protocol and from nothing of the project:
// automerge for the document, CBOR for the frames. It knows which of its changes were acknowledged.
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import * as Automerge from "@automerge/automerge";
import { Decoder, Encoder } from "cbor-x";
import WebSocket from "ws";
import { until } from "../support/server.mjs";

const encoder = new Encoder({ tagUint8Array: false, useRecords: false });
const decoder = new Decoder({ useRecords: false });

/** Of what was said, so much is told when a test waited in vain. */
const SAID_MAX = 12;
/** A store that failed rests for ten seconds at most, in which edits wait, and is then tried again. */
export const PATIENCE_MS = 60_000;

/**
 * Emits `synced` after each sync message, `seen` (hash) for a colleague's change, `saved` (hash), `closed` (code).
 * Whoever waits for a change of its own waits with `saved()`, since one that is refused never emits it.
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
  #refused = new Set();
  /** The code with which the connection ended, where it has. */
  #ended;
  #said = [];

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
    this.#ended = undefined;
    socket.on("error", () => {});
    socket.on("close", (code) => {
      if (socket !== this.#socket) return;
      this.#ended = code;
      this.#note(`closed ${code}`);
      this.emit("closed", code);
    });
    await Promise.race([once(socket, "open"), once(socket, "close").then(() => Promise.reject(new Error("the socket was closed")))]);
    socket.on("message", (bytes) => socket === this.#socket && this.#receive(decoder.decode(bytes)));
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
    const closed = once(this, "closed").then(() => Promise.reject(new Error(`closed before the first sync\n${this.standing()}`)));
    this.#push("request");
    do await Promise.race([once(this, "synced"), closed]);
    while (Automerge.getHeads(this.doc).length === 0);
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

  /** Waits until a change of this peer is acknowledged; fails at once where it never will be on this connection. */
  async saved(hash) {
    const acknowledged = () => {
      if (!this.#unsaved.has(hash)) return true;
      const lost = this.#refused.has(hash) ? "was refused" : this.#socket.readyState === WebSocket.CLOSED ? "was on its way when the connection ended" : undefined;
      if (lost) throw new Error(`a change of ${this.#person.id} ${lost}\n${this.standing()}`);
      return false;
    };
    await until(`a change of ${this.#person.id} is acknowledged`, acknowledged, { standing: () => this.standing() });
  }

  /** The code with which the server closes the connection that stands, or stood last. */
  closing() {
    return until(`the connection of ${this.#person.id} is closed`, () => this.#ended, { within: PATIENCE_MS, standing: () => this.standing() });
  }

  /** Hashes of every change of the document. */
  hashes() {
    return Automerge.getChangesMetaSince(this.doc, []).map((meta) => meta.hash);
  }

  /** Where this peer stands, for the message of a test that waited in vain. */
  standing() {
    const short = (hashes) => [...hashes].map((hash) => hash.slice(0, 8)).join(",");
    const heads = `heads ${short(Automerge.getHeads(this.doc))}; the server's ${short(this.#state?.theirHeads ?? [])}; unsaved ${short(this.#unsaved)}`;
    return `${heads}; last ${this.#said.join(", ")}`;
  }

  async close() {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    // An error comes before the close, and is none of a peer that goes.
    const closed = new Promise((done) => socket.once("close", done));
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
    this.#note(`sent ${message.type}`);
    this.#socket.send(encoder.encode(message));
  }

  /** Keeps what happened last, without anything of the document. */
  #note(what) {
    this.#said.push(`${what} at ${(performance.now() / 1000).toFixed(2)}`);
    if (this.#said.length > SAID_MAX) this.#said.shift();
  }

  #receive(message) {
    this.#note(["heard", message.type, message.code].filter(Boolean).join(" "));
    if (message.type === "refused" && message.documentId === this.#document) {
      for (const hash of message.hashes) this.#refused.add(Buffer.from(hash).toString("hex"));
    }
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
