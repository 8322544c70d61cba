import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChartroomError, connect, type Client, type ConnectOptions, type Room } from "chartroom";
import WebSocket from "ws";
import { connectAs, until } from "./server.js";
import { Device } from "./device.js";
import { StubServer } from "./stub.js";

const ROOM = "patient:p1";
const A = "AllergyIntolerance";
const NOWHERE = "ws://127.0.0.1:9/sync";
const options: ConnectOptions = { url: NOWHERE, WebSocket, person: { id: "alice", name: "Alice" } };
const allergy = (id: string) => ({ resourceType: A, id, code: { text: id }, patient: { reference: "Patient/p1" } });
const note = { resourceType: "DocumentReference", id: "n1", status: "current", content: [{ attachment: { title: "Note" } }], subject: { reference: "Patient/p1" } };

/** The code of what a call throws or rejects with, which is a `ChartroomError` or a fault of the test. */
async function code(body: () => unknown): Promise<string | undefined> {
  try {
    await body();
  } catch (error) {
    expect(error).toBeInstanceOf(ChartroomError);
    expect((error as ChartroomError).message).not.toBe("");
    return (error as ChartroomError).code;
  }
  return undefined;
}

const codes = (bodies: Record<string, () => unknown>): Promise<Record<string, string | undefined>> =>
  Promise.all(Object.entries(bodies).map(async ([name, body]) => [name, await code(body)] as const)).then(Object.fromEntries);

/** The same code for all of them. */
const all = <T extends object>(bodies: T, code: string) => Object.fromEntries(Object.keys(bodies).map((name) => [name, code]));

describe("a client without a server", () => {
  let client: Client;
  let room: Room;

  beforeEach(async () => {
    client = await connect(options);
    room = await client.open(ROOM);
  });

  afterEach(() => client.close());

  /** Everything that a room can be asked for. */
  const callsOf = (room: Room): Record<string, () => unknown> => ({
    get: () => room.get(A, "a1"),
    list: () => room.list(A),
    query: () => room.query(A, () => true),
    types: () => room.types(),
    put: () => room.put(allergy("a2")),
    patch: () => room.patch(A, "a1", { criticality: "high" }),
    remove: () => room.remove(A, "a1"),
    restore: () => room.restore(A, "a1"),
    batch: () => room.batch((batch) => batch.put(allergy("a2"))),
    conflicts: () => room.conflicts(),
    heads: () => room.heads(),
    at: () => room.at([]),
    atTime: () => room.at(new Date()),
    history: () => room.history(A, "a1"),
    changedSince: () => room.changedSince([]),
    export: () => room.export(),
    activity: () => room.activity(),
    text: () => room.text("DocumentReference", "n1", "content"),
    on: () => room.on("change", () => {}),
    onEvent: () => room.on("RESOURCE_CREATED", () => {}, { after: 0 }),
    undo: () => room.undo,
    presence: () => room.presence,
    refused: () => room.refused,
  });

  test("a room that is closed says so, whatever it is asked, and others do not", async () => {
    const other = await client.open(ROOM);
    other.put(allergy("a1"));
    room.close();
    const calls = callsOf(room);
    expect(await codes(calls)).toEqual(all(calls, "room-closed"));
    expect(other.list(A)).toHaveLength(1);
    // What can be read of it yet is what it was.
    expect([room.name, room.status.error]).toEqual([ROOM, null]);
  });

  test("a client that is closed says so, whatever it is asked", async () => {
    const heads = room.heads();
    const past = await room.at(heads);
    room.put(note);
    const text = await room.text("DocumentReference", "n1", "content");
    const chart = await client.openChart("patient:p2");
    const edit = room.put(allergy("a1"));
    await client.close();
    const calls = {
      ...callsOf(room),
      open: () => client.open(ROOM),
      openChart: () => client.openChart(ROOM),
      signOut: () => client.signOut(),
      stored: () => edit.stored,
      saved: () => edit.saved,
      pastGet: () => past.get(A, "a1"),
      pastList: () => past.list(A),
      pastExport: () => past.export(),
      chartPut: () => chart.put({ ...allergy("a1"), patient: { reference: "Patient/p2" } }),
      chartList: () => chart.list(A),
    };
    expect(await codes(calls)).toEqual(all(calls, "client-closed"));
    expect(await code(() => text.splice(0, 0, "x"))).toMatch(/^(client|room)-closed$/);
    // These are harmless.
    client.signIn("a.b.c");
    room.close();
    chart.close();
    text.close();
    await client.close();
    expect([client.status, client.error]).toEqual(["closed", null]);
  });

  test("a past is asked of an open room", async () => {
    const past = await room.at(room.heads());
    room.close();
    const calls = { get: () => past.get(A, "a1"), list: () => past.list(A), export: () => past.export() };
    expect(await codes(calls)).toEqual(all(calls, "room-closed"));
  });

  test("what waits for an answer when the client is closed does not wait on", async () => {
    const waiting = [room.history(A, "a1"), room.export(), room.at(new Date()), room.changedSince([])];
    const ended = codes(Object.fromEntries(waiting.map((one, at) => [at, () => one])));
    await client.close();
    for (const code of Object.values(await ended)) expect([undefined, "client-closed"]).toContain(code);
  });

  test("a name that is none is refused, and harms nobody", async () => {
    for (const name of ["", "Patient 1", "patient:", "nothing", 5, null, undefined, {}, ["patient:p1"]]) {
      expect(await code(() => client.open(name as string)), String(name)).toBe("room-name-invalid");
      expect(await code(() => client.openChart(name as string)), String(name)).toBe("room-name-invalid");
    }
    const edit = room.put(allergy("a1"));
    await until(() => edit.hash !== null);
    expect(client.status).not.toBe("closed");
  });

  test("inputs of another shape are said to be such", async () => {
    room.put(allergy("a1"));
    const any = (value: unknown) => value as never;
    const heads = { at: () => room.at(any(["x", 5])), none: () => room.at(any(null)), since: () => room.changedSince(any([5])), text: () => room.changedSince(any("x")) };
    expect(await codes(heads)).toEqual(all(heads, "bad-shape"));
    const patches = { null: () => room.patch(A, "a1", any(null)), array: () => room.patch(A, "a1", any([])), text: () => room.patch(A, "a1", any("x")), batch: () => room.batch((batch) => batch.patch(A, "a1", any(null))), id: () => room.patch(A, "a1", { id: "a2" }), type: () => room.patch(A, "a1", { resourceType: "Condition" }) };
    expect(await codes(patches)).toEqual(all(patches, "bad-shape"));
    const texts = { none: () => room.text(A, "a1", any(undefined)), number: () => room.text(A, "a1", any(5)) };
    expect(await codes(texts)).toEqual(all(texts, "bad-shape"));
    const numbers = { time: () => room.at(new Date("nonsense")), after: () => room.on("*", () => {}, { after: 0.5 }), last: () => room.on("*", () => {}, { last: -1 }) };
    expect(await codes(numbers)).toEqual(all(numbers, "bad-number"));
    // The engine lives on.
    expect(await room.changedSince(room.heads())).toEqual([]);
    expect(client.status).not.toBe("closed");
  });

  test("what only the engine knows to be wrong is given back with its code", async () => {
    const refused = async (write: () => { saved: Promise<void> }) => code(() => write().saved);
    room.put(allergy("a1"));
    expect(await refused(() => room.put({ ...allergy("a2"), note: [{ text: "x".repeat(7_000_000) }] }))).toBe("too-large");
    expect(await refused(() => room.put({ ...allergy("a2"), "not an element": "x" }))).toBe("bad-shape");
    expect(await refused(() => room.restore(A, "never"))).toBe("not-found");
    expect(await refused(() => room.batch((batch) => Array.from({ length: 2_501 }, (_, n) => batch.put(allergy(`b${n}`)))))).toBe("too-large");
    expect(room.list(A)).toEqual([allergy("a1")]);
    expect(room.refused.map(({ code }) => code)).toEqual(["too-large", "bad-shape", "not-found", "too-large"]);
    for (const refusal of room.refused) refusal.drop();
    expect(room.refused).toEqual([]);
  });

  test("a text that gets too long goes back to what it was, and says so", async () => {
    room.put(note);
    const text = await room.text("DocumentReference", "n1", "content");
    text.set("short");
    await until(() => text.isSettled);
    const refused: string[] = [];
    text.on("refused", ({ code }) => refused.push(code));
    text.splice(5, 0, "x".repeat(2_000_000));
    await until(() => refused.length > 0);
    await until(() => text.toString() === "short");
    expect(refused).toEqual(["too-large"]);
    text.splice(5, 0, "er");
    await until(() => text.isSettled);
    expect(text.toString()).toBe("shorter");
  });
});

describe("options that cannot work", () => {
  test("are refused at once, with a code", async () => {
    const bad = (more: object) => () => connect({ ...options, ...more });
    const key = (algorithm: AesKeyGenParams | HmacKeyGenParams, usages: KeyUsage[]) => crypto.subtle.generateKey(algorithm, false, usages) as Promise<CryptoKey>;
    const device = new Device();
    const keyed = (key: unknown) => () => device.connect("Alice", NOWHERE, { store: { key: key as CryptoKey } });
    const urls = { none: bad({ url: undefined }), text: bad({ url: "nowhere" }), number: bad({ url: 5 }) };
    expect(await codes(urls)).toEqual(all(urls, "bad-url"));
    const tokens = { space: bad({ token: "a b" }), empty: bad({ token: "" }) };
    expect(await codes(tokens)).toEqual(all(tokens, "bad-token"));
    const people = { empty: bad({ person: {} }), number: bad({ person: { id: 5, name: "Five" } }), nameless: bad({ person: { id: "alice" } }), nobody: bad({ person: { id: "", name: "" } }), store: bad({ store: true, person: undefined }) };
    expect(await codes(people)).toEqual(all(people, "person-missing"));
    const hmac = await key({ name: "HMAC", hash: "SHA-256" }, ["sign", "verify"]);
    const half = await key({ name: "AES-GCM", length: 256 }, ["encrypt"]);
    const cbc = await key({ name: "AES-CBC", length: 256 }, ["encrypt", "decrypt"]);
    const keys = { text: keyed("secret"), none: keyed(undefined), hmac: keyed(hmac), half: keyed(half), cbc: keyed(cbc) };
    expect(await codes(keys)).toEqual(all(keys, "store-key"));
    expect(await device.disk.databases()).toEqual([]);
  });

  test("an address that no socket takes is no crash", async () => {
    const client = await connect({ ...options, url: "ftp://127.0.0.1/sync", backoff: { minMs: 10, maxMs: 20 } });
    await until(() => client.error?.code === "connection-failed");
    expect((await client.open(ROOM)).list(A)).toEqual([]);
    await client.close();
  });
});

describe("a server of another kind", () => {
  let stub: StubServer | undefined;

  afterEach(() => stub?.end());

  /** One that answers `join` so. */
  async function answering(answer: { type: string; [field: string]: unknown }): Promise<{ stub: StubServer; client: Client }> {
    stub = await new StubServer((frame, stub) => void (frame.type === "join" && stub.send(answer))).start();
    return { stub, client: await connectAs("Alice", stub.url) };
  }

  const ours = { chartroom: { version: 1, durableHeads: true } };
  test.each([
    ["another version of the protocol", { type: "peer", selectedProtocolVersion: "2", peerMetadata: ours }],
    ["no extensions", { type: "peer", selectedProtocolVersion: "1", peerMetadata: { isEphemeral: false } }],
    ["no metadata at all", { type: "peer", selectedProtocolVersion: "1" }],
    ["metadata of another shape", { type: "peer", selectedProtocolVersion: "1", peerMetadata: 5 }],
    ["a person of another shape", { type: "peer", selectedProtocolVersion: "1", peerMetadata: { chartroom: { version: 1, person: { id: 5 } } } }],
    ["no version", { type: "peer", peerMetadata: ours }],
  ])("is none to send anything to: %s", async (_name, answer) => {
    const { stub, client } = await answering(answer);
    await until(() => client.error?.code === "protocol" && client.status === "offline");
    const edit = (await client.open(ROOM)).put(allergy("a1"));
    // It is asked again, in case that it is replaced by one that fits.
    const before = stub.connections;
    await until(() => stub.connections > before + 1);
    expect(edit.state).toBe("new");
    expect(new Set(stub.received.map(({ type }) => type))).toEqual(new Set(["join"]));
    expect(client.person).toBeNull();
  });

  test("the reason that a server gives is told", async () => {
    stub = await new StubServer((frame, stub) => {
      if (frame.type !== "join") return;
      stub.send({ type: "error", message: "this server takes version 2 alone" });
      stub.hangUp(1002);
    }).start();
    const client = await connectAs("Alice", stub.url);
    await until(() => client.error !== null);
    expect(client.error).toMatchObject({ name: "ChartroomError", code: "protocol", message: "this server takes version 2 alone" });
  });

  test.each([
    [1001, "try-again"],
    [1008, "policy"],
    [1009, "too-large"],
    [1013, "try-again"],
    [4000, "connection-lost"],
  ])("a connection that is closed with %i is said to be so: %s", async (closing, code) => {
    stub = await new StubServer((frame, stub) => void (frame.type === "join" && stub.hangUp(closing))).start();
    const client = await connectAs("Alice", stub.url);
    await until(() => client.error !== null);
    expect(client.error).toMatchObject({ name: "ChartroomError", code });
  });

  test("a room with another document than ours is not synced with", async () => {
    stub = await new StubServer((frame, stub) => {
      if (frame.type === "join") stub.welcome();
      if (frame.type === "room" && frame.name === ROOM) stub.send({ type: "room", name: ROOM, epoch: 1, documentId: "another" });
    }).start();
    const client = await connectAs("Alice", stub.url);
    await expect(client.open(ROOM)).rejects.toMatchObject({ name: "ChartroomError", code: "protocol" });
    expect(stub.received.some(({ type }) => type === "sync")).toBe(false);
    expect(client.status).toBe("online");
  });
});
