import { DEFAULT_BACKOFF, waitMs } from "./backoff.js";
import { ChartroomError } from "../errors.js";
import { decodeFrame, encodeFrame, encodeJoin, encodeLeave, type ClientFrame, type ServerFrame } from "./frames.js";
import { checkToken, protocols } from "./token.js";
import type { Backoff, ConnectionStatus, Person, Token, WebSocketClass, WebSocketLike } from "../types.js";

/** What the connection tells the host that owns it. */
export interface ConnectionListener {
  status(status: ConnectionStatus): void;
  frame(frame: ServerFrame): void;
  /** The server wants what this device keeps to be wiped. */
  wipe(reason: ChartroomError): void;
}

/** To where, and as whom. */
export interface ConnectionOptions {
  url: string;
  person?: Person;
  token?: Token;
  backoff?: Backoff;
  WebSocket?: WebSocketClass;
  /** The secret that names this device's store. */
  device?: string | undefined;
}

/** From opening the socket to the server's answer to `join`. */
const JOIN_MS = 10_000;
/** So long without a message, and the server is asked whether it is there. */
const SILENCE_MS = 20_000;
/** How long it may take to answer. */
const PROBE_MS = 8_000;
/** A connection that lived so long was a good one: the next wait starts small again. */
const GOOD_MS = 5_000;
/** A sign-in that was taken for so long is followed at once by the next. */
const SIGNED_IN_MS = 1_000;
/** How long a closing handshake may take. */
const CLOSE_MS = 2_000;

const CLOSE_NORMAL = 1000;
const CLOSE_AUTHENTICATION = 4001;
const CLOSE_REVOKED = 4003;
const CLOSE_WIPE = 4004;

/** One socket to the server, made anew whenever it breaks. */
export class Connection {
  status: ConnectionStatus = "connecting";
  /** Why there is no connection, or why the last one ended. */
  error: ChartroomError | null = null;
  /** Whom the server takes this for. */
  person: Person | null = null;
  readonly #url: string;
  readonly #WebSocket: WebSocketClass;
  readonly #backoff: Backoff;
  /** The same over reconnects, so that the server drops the socket that this one replaces. */
  readonly peerId = `chartroom-${crypto.randomUUID()}`;
  #serverId: string | undefined;
  #token: Token | undefined;
  /** What the last attempt was made with. */
  #tried: Token | undefined;
  #socket: WebSocketLike | undefined;
  /** Of the attempt that goes on; an answer to an older one comes too late. */
  #attempt = 0;
  /** Attempts that failed, one after another. */
  #failures = 0;
  /** Whether a fresh token was tried already. */
  #refreshed = false;
  /** Bounds the attempt that goes on. */
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** Begins the next one. */
  #retry: ReturnType<typeof setTimeout> | undefined;
  #lastError: string | undefined;
  #onlineAt = 0;
  #heardAt = 0;
  #probedAt: number | undefined;

  constructor(
    readonly options: ConnectionOptions,
    readonly listener: ConnectionListener,
  ) {
    const WebSocketGlobal = (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
    const chosen = options.WebSocket ?? WebSocketGlobal;
    if (!chosen) throw new ChartroomError("websocket-missing", "this runtime has no WebSocket; pass one in the options");
    this.#WebSocket = chosen;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#url = address(options);
    this.#token = options.token;
    if (typeof this.#token === "string") checkToken(this.#token);
  }

  /** Makes the first attempt. */
  start(): void {
    this.#dial();
  }

  /** Sends a message if the server is there; whoever needs it again says so when it is back. */
  send(frame: ClientFrame): void {
    if (this.status === "online" && this.#serverId !== undefined) {
      this.#socket?.send(encodeFrame(frame, this.peerId, this.#serverId));
    }
  }

  /** Something hints that the network came, went or woke: look now, do not wait. */
  nudge(): void {
    if (this.status === "online") {
      this.#probe();
    } else if (this.#retry !== undefined) {
      this.#failures = 0;
      this.#dial();
    }
  }

  /** Brings this token from now on, if one is given; without a connection, at once. */
  signIn(token?: Token): void {
    if (typeof token === "string") checkToken(token);
    this.#token = token ?? this.#token;
    this.#refreshed = false;
    this.#failures = 0;
    if (this.status === "online" || this.status === "closed") return;
    this.#detach()?.close();
    this.#dial();
  }

  /** Call about once a second: notices a server that fell silent. A browser hides its pings. */
  tick(): void {
    if (this.status !== "online") return;
    const now = Date.now();
    if (this.#probedAt !== undefined && now - this.#probedAt > PROBE_MS) {
      this.drop(new ChartroomError("connection-lost", "the server did not answer"));
    } else if (this.#probedAt === undefined && now - this.#heardAt > SILENCE_MS) {
      this.#probe();
    }
  }

  /** Gives the socket up and makes another one. */
  drop(reason: ChartroomError): void {
    const socket = this.#detach();
    if (!socket) return;
    socket.close();
    this.#lost(reason);
  }

  /** Ends the connection for good; resolves when the socket is closed. */
  async close(): Promise<void> {
    if (this.status === "closed") return;
    clearTimeout(this.#retry);
    const wasOnline = this.status === "online";
    this.#setStatus("closed");
    const socket = this.#detach();
    if (!socket) return;
    const closed = new Promise<void>((resolve) => {
      const overdue = setTimeout(resolve, CLOSE_MS);
      socket.onclose = () => {
        clearTimeout(overdue);
        resolve();
      };
    });
    if (wasOnline) socket.send(encodeLeave(this.peerId));
    socket.close(CLOSE_NORMAL);
    await closed;
  }

  #dial(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#lastError = undefined;
    this.#tried = this.#token;
    const attempt = (this.#attempt += 1);
    protocols(this.#tried).then(
      (offered) => attempt === this.#attempt && this.#open(offered),
      (error: ChartroomError) => attempt === this.#attempt && this.#lost(error),
    );
  }

  #open(offered: string[]): void {
    let socket: WebSocketLike;
    try {
      socket = new this.#WebSocket(this.#url, offered);
    } catch (cause) {
      return this.#lost(new ChartroomError("connection-failed", "the address cannot be connected to", { cause }));
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encodeJoin(this.peerId, this.options.person, this.options.device));
    socket.onmessage = (event: { data: unknown }) => this.#receive(event.data);
    socket.onclose = (event: { code?: number }) => {
      this.#detach();
      this.#lost(closeReason(event.code, this.#lastError));
    };
    // A close event follows, which says as much.
    socket.onerror = () => {};
    this.#patience = setTimeout(() => this.drop(new ChartroomError("connection-failed", "the server did not answer")), JOIN_MS);
  }

  #receive(data: unknown): void {
    this.#heardAt = Date.now();
    this.#probedAt = undefined;
    if (!(data instanceof ArrayBuffer)) return;
    let frame: ServerFrame;
    try {
      frame = decodeFrame(new Uint8Array(data));
    } catch (error) {
      return this.drop(error as ChartroomError);
    }
    if (frame.type === "error") this.#lastError = frame.message;
    else if (frame.type === "peer") this.#joined(frame);
    else if (this.status === "online") this.listener.frame(frame);
  }

  #joined(frame: Extract<ServerFrame, { type: "peer" }>): void {
    if (frame.version !== "1" || !frame.extensions) {
      return this.drop(new ChartroomError("protocol", "the server does not speak Chartroom's extensions"));
    }
    const { person } = this.options;
    if (person && frame.person && frame.person.id !== person.id) {
      return this.drop(new ChartroomError("other-person", "the sign-in is another person's than this client; make a client for them"));
    }
    clearTimeout(this.#patience);
    this.#serverId = frame.senderId;
    this.person = frame.person;
    this.#onlineAt = Date.now();
    this.error = null;
    this.#setStatus("online");
  }

  /** Plans the next attempt, unless a person has to sign in first. */
  #lost(reason: ChartroomError): void {
    if (this.status === "closed") return;
    const livedMs = this.status === "online" ? Date.now() - this.#onlineAt : 0;
    if (livedMs > GOOD_MS) this.#failures = 0;
    if (livedMs > SIGNED_IN_MS) this.#refreshed = false;
    this.error = reason;
    const isStale = reason.code === "authentication";
    // A text that was refused would only be refused again.
    const isSpent = isStale && typeof this.#token !== "function" && this.#token === this.#tried;
    if (reason.code === "wiped") {
      this.#setStatus("closed");
      return this.listener.wipe(reason);
    }
    if (isSpent || ["token-revoked", "signed-out", "other-person"].includes(reason.code)) {
      return this.#setStatus("signed-out");
    }
    if (isStale && !this.#refreshed) {
      this.#refreshed = true;
      this.#retry = setTimeout(() => this.#dial(), 0);
    } else {
      this.#retry = setTimeout(() => this.#dial(), waitMs(this.#failures, this.#backoff));
      this.#failures += 1;
    }
    this.#setStatus("offline");
  }

  /** Asks for a room without a name: the server answers that it is none, and touches nothing. */
  #probe(): void {
    if (this.#probedAt !== undefined) return;
    this.#probedAt = Date.now();
    this.send({ type: "room", name: "" });
  }

  #detach(): WebSocketLike | undefined {
    const socket = this.#socket;
    clearTimeout(this.#patience);
    this.#attempt += 1;
    this.#socket = undefined;
    this.#serverId = undefined;
    this.#probedAt = undefined;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }

  #setStatus(status: ConnectionStatus): void {
    if (this.status === status) return;
    this.status = status;
    this.listener.status(status);
  }
}

function address({ url }: ConnectionOptions): string {
  try {
    return new URL(url).href;
  } catch (cause) {
    throw new ChartroomError("bad-url", "the server's address is no URL", { cause });
  }
}

function closeReason(code: number | undefined, message: string | undefined): ChartroomError {
  switch (code) {
    case CLOSE_AUTHENTICATION:
      return new ChartroomError("authentication", message ?? "the server did not accept the credentials");
    case CLOSE_REVOKED:
      return new ChartroomError("token-revoked", message ?? "the sign-in was taken back");
    case CLOSE_WIPE:
      return new ChartroomError("wiped", message ?? "what this device kept is to be wiped");
    case 1002:
      return new ChartroomError("protocol", message ?? "the server did not understand this client");
    case 1008:
      return new ChartroomError("policy", message ?? "the server does not allow this");
    case 1009:
      return new ChartroomError("too-large", message ?? "a message was over the server's limit");
    case 1001:
    case 1013:
      return new ChartroomError("try-again", message ?? "the server asks to come back later");
    default:
      return new ChartroomError("connection-lost", message ?? "the connection broke");
  }
}
