// Servers that Chartroom dials and that do wrong, each in its own way: the operator reads why, they are
// not dialled again soon, and a healthy server beside them goes on unaffected.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodeSyncMessage } from "@automerge/automerge";
import { WebSocketServer } from "ws";
import { Server, temporaryFolder, until } from "../support/server.mjs";
import { decoder, encoder } from "./wire.mjs";
import { link, put, shows } from "./people.mjs";

const ROOM = "patient:p1";
const PROMISED = "patient:promised";
/** "Well in the future" begins here: what may pass is dialled again in half a second. */
const SOON_MS = 5000;
/** A server that names heads has a minute to bring them. */
const PROMISE_MS = 60_000;

/** What each server does, by its name, and what is said of it. */
const BAD = {
  "another-version": {
    answers: (far) => far.peer({ selectedProtocolVersion: "2" }),
    problem: /it speaks version "2" of the protocol/,
  },
  garbage: {
    answers: (far) => far.socket.send(randomBytes(100)),
    problem: /it sends garbage/,
  },
  "garbage-later": {
    answers: (far) => {
      far.peer();
      far.socket.send(Buffer.from([0xa1, 0x64]));
    },
    problem: /it sends garbage/,
  },
  "not-a-server": {
    answers: (far) => far.socket.send("hello"),
    problem: /no sync server/,
  },
  "outside-its-rooms": {
    answers: (far) => {
      far.peer();
      far.tell("pharmacy:queue");
    },
    problem: /names a room outside of what it may have/,
  },
  "no-room": {
    answers: (far) => {
      far.peer();
      far.tell("no room at all");
    },
    problem: /names a room that cannot be/,
  },
  "promises-heads": {
    answers: (far) => {
      far.peer();
      far.tell(PROMISED);
    },
    hears: (far, { type, documentId }) => {
      if (type === "sync" || type === "request") far.promise(documentId);
    },
    problem: /names heads that it does not bring/,
    within: PROMISE_MS + 20_000,
  },
};

/** A server of a few lines that does what it should not. */
class Bad {
  joins = 0;
  #listener;
  #promised = new Set();
  #heads = randomBytes(32).toString("hex");

  static async start({ answers, hears = () => {} }) {
    const bad = new Bad();
    bad.#listener = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    bad.#listener.on("connection", (socket) => {
      bad.socket = socket;
      socket.on("error", () => {});
      socket.on("message", (bytes) => {
        const frame = decoder.decode(bytes);
        if (frame.type !== "join") return hears(bad, frame);
        bad.joins += 1;
        bad.near = frame.senderId;
        answers(bad);
      });
    });
    await once(bad.#listener, "listening");
    return bad;
  }

  get url() {
    return `ws://127.0.0.1:${this.#listener.address().port}`;
  }

  peer(fields) {
    const peerMetadata = { storageId: `store-${randomBytes(6).toString("hex")}`, isEphemeral: false, chartroom: { version: 1, durableHeads: true }, server: { name: "bad" } };
    this.send({ type: "peer", peerMetadata, selectedProtocolVersion: "1", ...fields });
  }

  tell(name) {
    this.send({ type: "rooms", rooms: [{ name, epoch: 1, heads: randomBytes(16) }], complete: true });
  }

  /** Heads that nobody has ever seen, and never a change. */
  promise(documentId) {
    if (this.#promised.has(documentId)) return;
    this.#promised.add(documentId);
    this.send({ type: "sync", documentId, data: encodeSyncMessage({ heads: [this.#heads], need: [], have: [{ lastSync: [], bloom: new Uint8Array() }], changes: [] }) });
  }

  send(frame) {
    this.socket.send(encoder.encode({ senderId: "bad", targetId: this.near, ...frame }));
  }

  close() {
    for (const socket of this.#listener.clients) socket.terminate();
    this.#listener.close();
  }
}

let folder, hospital, clinic, bad;

before(async () => {
  folder = await temporaryFolder("bad-peers");
  clinic = await Server.start(join(folder.path, "clinic"));
  bad = Object.fromEntries(await Promise.all(Object.entries(BAD).map(async ([name, does]) => [name, await Bad.start(does)])));
  const listed = [...Object.entries(bad).map(([name, { url }]) => ({ name, url })), { name: "clinic", url: `ws://127.0.0.1:${clinic.port}` }];
  const file = join(folder.path, "servers.json");
  await writeFile(file, JSON.stringify({ name: "hospital", servers: listed.map((server) => ({ ...server, rooms: ["patient:*"] })) }));
  hospital = await Server.start(join(folder.path, "hospital"), { args: ["--servers", file] });
});

after(async () => {
  for (const server of Object.values(bad ?? {})) server.close();
  await hospital?.end("SIGKILL");
  await clinic?.end("SIGKILL");
  await folder?.remove();
});

/** An edit at each end of the healthy link arrives at the other. */
async function healthy(id) {
  await put(hospital, ROOM, `${id}-hospital`, "Written in the hospital");
  await put(clinic, ROOM, `${id}-clinic`, "Written in the clinic");
  await until("the clinic has the hospital's edit", () => shows(clinic, ROOM, `${id}-hospital`, "Written in the hospital"));
  await until("the hospital has the clinic's edit", () => shows(hospital, ROOM, `${id}-clinic`, "Written in the clinic"));
  assert.equal((await link(hospital, "clinic")).state, "connected");
}

for (const [name, { problem, within = 20_000 }] of Object.entries(BAD)) {
  test(`${name}: the reason is told, it is dialled again late, and the healthy server goes on`, async () => {
    await healthy(`before-${name}`);
    let found;
    const named = async () => (found = await link(hospital, name)).state === "waiting";
    await until("it is given up for a while", named, { within, standing: () => JSON.stringify(found) });
    assert.match(found.problem.message, problem);
    const wait = Date.parse(found.problem.tryAgainAt) - Date.parse(found.problem.at);
    assert.ok(wait >= SOON_MS, `dialled again after ${wait} ms`);
    await healthy(`after-${name}`);
  });
}

test("nothing of theirs is left here, and none was dialled in circles", async () => {
  const { rooms } = await hospital.json("/rooms");
  assert.deepEqual(rooms.map(({ room }) => room).filter((room) => room !== "facility:directory"), [ROOM]);
  for (const [name, { joins }] of Object.entries(bad)) assert.ok(joins <= 6, `${name} was dialled ${joins} times`);
  assert.equal((await link(hospital, "clinic")).problem, undefined);
});
