import { serialize } from "node:v8";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ChartroomError, type Client, type Edit, type RefusedEdit, type Room } from "chartroom";
import { connectAs, startServer, startServerWithSignIn, until, withServer, type Server } from "./server.js";
import { Device, bytes, promised } from "./device.js";
import { StubServer } from "./stub.js";

const ROOM = "patient:p1";
const NOWHERE = "ws://127.0.0.1:9/sync";
const allergy = (id: string, text = id) => ({ resourceType: "AllergyIntolerance", id, code: { text }, patient: { reference: "Patient/p1" } });
const SIGNED_NOTE = { resourceType: "DocumentReference", id: "n1", status: "current", docStatus: "final", content: [{ attachment: { title: "Note" } }], subject: { reference: "Patient/p1" } };
const ids = (room: Room): string[] => room.list("AllergyIntolerance").map(({ id }) => id);
const newKey = () => crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);

/** A server that is not there, but will be at its address. */
async function sleepingServer(): Promise<Server> {
  const server = await startServer();
  await server.kill();
  return server;
}

/** The allergies as the server's document has them, by id. */
async function served(server: Server, room = ROOM): Promise<Record<string, unknown>[]> {
  const { resources } = await (await fetch(`${server.http}/rooms/${room}/document`)).json();
  return Object.values((resources.AllergyIntolerance ?? {}) as Record<string, Record<string, unknown>>).sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
}

let device: Device;

beforeEach(() => {
  device = new Device();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Writing fails as on a full disk, until the answer is called. */
function fillDisk(): () => void {
  const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("the disk is full", "QuotaExceededError");
  });
  return () => full.mockRestore();
}

test("without a store nothing is kept, and it says so", async () => {
  const client = await device.connect("Alice", NOWHERE, { store: false });
  const room = await client.open(ROOM);
  const edit = room.put(allergy("a1"));
  await until(() => edit.hash !== null);
  expect(client.state).toMatchObject({ storage: "none", storageError: null, unsaved: 1, unstored: 1 });
  expect(edit.state).toBe("new");
  await client.close();
  expect(await device.disk.databases()).toEqual([]);
});

test("a store is somebody's", async () => {
  const nobody = { store: true, person: undefined } as unknown as { store: true };
  await expect(device.connect("Alice", NOWHERE, nobody)).rejects.toMatchObject({ name: "ChartroomError", code: "person-missing" });
});

test("an edit is in the store before it is told to be", async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  const edit = room.put(allergy("a1"));
  expect(edit.state).toBe("new");
  expect(await Promise.race([edit.stored.then(() => "stored"), "not yet"])).toBe("not yet");
  await edit.stored;
  expect(edit.state).toBe("local");
  expect(await device.rows("edits")).toBe(1);
  await until(() => client.state.unstored === 0);
  expect(client.state).toMatchObject({ storage: "ok", unsaved: 1 });
});

test("an app that dies without a word finds its edits again", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const room = await first.open(ROOM);
  const edits = [room.put(allergy("a1")), room.put(allergy("a2")), room.patch("AllergyIntolerance", "a1", { criticality: "high" })];
  await Promise.all(edits.map((edit) => edit.stored));
  device.kill();
  const second = await device.connect("Alice", NOWHERE);
  const again = await second.open(ROOM);
  expect(again.list("AllergyIntolerance")).toEqual([{ ...allergy("a1"), criticality: "high" }, allergy("a2")]);
  expect([again.unsaved, second.state.unsaved, second.state.unstored]).toEqual([3, 3, 0]);
});

test("edits of the moment in which a client is closed are kept", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const room = await first.open(ROOM);
  room.put(allergy("a1"));
  await first.close();
  const second = await device.connect("Alice", NOWHERE);
  expect(ids(await second.open(ROOM))).toEqual(["a1"]);
});

test("a writer that another has followed writes no more, and says so", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const before = await first.open(ROOM);
  await before.put(allergy("a1")).stored;
  const second = await device.connect("Alice", NOWHERE);
  const room = await second.open(ROOM);
  const late = before.put(allergy("a2"));
  await until(() => first.state.storage === "unavailable");
  expect(first.state.storageError).toMatchObject({ name: "ChartroomError", code: "store-taken" });
  await until(() => first.state.unstored === 1);
  expect(late.state).toBe("new");
  await room.put(allergy("a3")).stored;
  expect(second.state.storage).toBe("ok");
  await second.close();
  const third = await device.connect("Alice", NOWHERE);
  expect(ids(await third.open(ROOM))).toEqual(["a1", "a3"]);
});

test("a full disk is told, and what could not be written is written when there is room", { timeout: 40_000 }, async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  await room.put(allergy("a1")).stored;
  const states: string[] = [];
  client.onState(({ storage }) => states.push(storage));
  const makeRoom = fillDisk();
  const edit = room.put(allergy("a2"));
  await until(() => client.state.storage === "full");
  expect(client.state.storageError).toMatchObject({ name: "ChartroomError", code: "store-full" });
  expect(client.state).toMatchObject({ unsaved: 2, unstored: 1 });
  expect([edit.state, ids(room)]).toEqual(["new", ["a1", "a2"]]);
  makeRoom();
  await edit.stored;
  await until(() => client.state.storage === "ok");
  expect(client.state).toMatchObject({ storageError: null, unsaved: 2, unstored: 0 });
  expect(states).toContain("full");
  // Each is there once.
  expect(await device.rows("edits")).toBe(2);
  await client.close();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect([ids(again), again.unsaved]).toEqual([["a1", "a2"], 2]);
});

test("a disk that is full only when it comes to the end of a write is a full one", async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  await room.put(allergy("a1")).stored;
  const { put } = IDBObjectStore.prototype;
  // As browsers do it: the transaction is aborted, and with it each of its requests fails.
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...written) {
    const request = put.apply(this, written);
    (this.transaction as unknown as { _abort(name: string): void })._abort("QuotaExceededError");
    return request;
  });
  room.put(allergy("a2"));
  await until(() => client.state.storage !== "ok");
  expect(client.state).toMatchObject({ storage: "full", storageError: { code: "store-full" } });
});

test("a write that fails in the middle leaves nothing of it", async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  await room.put(allergy("a1")).stored;
  const rows = async () => [await device.rows("rooms"), await device.rows("changes"), await device.rows("edits")];
  await room.put(allergy("a2")).stored;
  const before = await rows();
  const { put } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...written) {
    if (this.name === "edits") throw new DOMException("the disk is full", "QuotaExceededError");
    return put.apply(this, written);
  });
  room.put(allergy("a3"));
  await until(() => client.state.storage === "full");
  await client.close();
  expect(await rows()).toEqual(before);
  vi.restoreAllMocks();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect([ids(again), again.unsaved]).toEqual([["a1", "a2"], 2]);
});

test("what this device itself refuses is kept until somebody has looked at it, too", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const room = await first.open(ROOM);
  const stray = { ...allergy("a1"), patient: { reference: "Patient/other" } };
  await expect(room.put(stray).saved).rejects.toMatchObject({ code: "wrong-patient" });
  await first.close();
  const second = await device.connect("Alice", NOWHERE);
  const again = await second.open(ROOM);
  expect(again.refused).toMatchObject([{ code: "wrong-patient", command: { kind: "put", resource: stray } }]);
  expect([again.unsaved, ids(again)]).toEqual([0, []]);
  again.refused[0]!.drop();
  await second.close();
  expect((await (await device.connect("Alice", NOWHERE)).open(ROOM)).refused).toEqual([]);
});

test("a refused edit counts among what a closed window would take until the store has it", { timeout: 40_000 }, async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  const makeRoom = fillDisk();
  const stray = { ...allergy("a1"), patient: { reference: "Patient/other" } };
  await expect(room.put(stray).saved).rejects.toMatchObject({ code: "wrong-patient" });
  await until(() => client.state.storage === "full");
  expect(client.state).toMatchObject({ unsaved: 0, unstored: 1 });
  room.close();
  makeRoom();
  await until(() => client.state.unstored === 0);
  device.kill();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect(again.refused).toMatchObject([{ code: "wrong-patient", command: { resource: stray } }]);
});

test("signing out asks for refused edits that nobody has looked at, also of rooms that nobody opened", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const stray = { ...allergy("a1"), patient: { reference: "Patient/other" } };
  await expect((await first.open(ROOM)).put(stray).saved).rejects.toMatchObject({ code: "wrong-patient" });
  await until(() => first.state.refused === 1);
  await first.close();
  const second = await device.connect("Alice", NOWHERE);
  await until(() => second.state.refused === 1);
  await expect(second.signOut()).rejects.toMatchObject({ name: "ChartroomError", code: "unsaved-edits" });
  const room = await second.open(ROOM);
  expect([second.state.refused, room.refused.length]).toEqual([1, 1]);
  room.close();
  await second.signOut({ unsaved: "keep" });
  const third = await device.connect("Alice", NOWHERE);
  const again = await third.open(ROOM);
  again.refused[0]!.drop();
  await until(() => third.state.refused === 0);
  await third.signOut();
  expect(await device.disk.databases()).toEqual([]);
});

test("without a store a refused edit counts until somebody has looked at it", async () => {
  const client = await device.connect("Alice", NOWHERE, { store: false });
  const room = await client.open(ROOM);
  await expect(room.put({ ...allergy("a1"), patient: { reference: "Patient/other" } }).saved).rejects.toMatchObject({ code: "wrong-patient" });
  await until(() => client.state.unstored === 1);
  expect(client.state.unsaved).toBe(0);
  room.refused[0]!.drop();
  await until(() => client.state.unstored === 0);
});

test("refused edits come back in the order in which they were made", async () => {
  const first = await device.connect("Alice", NOWHERE);
  const room = await first.open(ROOM);
  const made = Array.from({ length: 12 }, (_, at) => `a${at}`);
  const edits = made.map((id) => room.put({ ...allergy(id), patient: { reference: "Patient/other" } }).saved.catch(() => undefined));
  await Promise.all(edits);
  await first.close();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect(again.refused.map(({ edit }) => edit.resource.id)).toEqual(made);
});

test("a long tail of changes becomes part of the snapshot", { timeout: 60_000 }, async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  const edits: Edit[] = [];
  // In several breaths, as people do it.
  for (let n = 0; n < 6; n += 1) {
    for (let m = 0; m < 200; m += 1) edits.push(room.put(allergy(`a${n}-${m}`)));
    await Promise.all(edits.map((edit) => edit.stored));
  }
  expect(await device.rows("edits")).toBe(1_200);
  expect(await device.rows("changes")).toBeLessThan(1_000);
  device.kill();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect([ids(again).length, again.unsaved]).toEqual([1_200, 1_200]);
  expect(again.heads()).toEqual(room.heads());
});

test("a database that somebody deletes is told to be lost, and begun anew with what waits", { timeout: 40_000 }, async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  const before = room.put(allergy("a1"));
  await before.stored;
  const [{ name }] = (await device.disk.databases()) as [{ name: string }];
  await promised(device.disk.deleteDatabase(name));
  await until(() => client.state.storage === "lost");
  expect(client.state.storageError).toMatchObject({ name: "ChartroomError", code: "store-lost" });
  await until(() => client.state.unstored === 1);
  expect(before.state).toBe("new");
  const after = room.put(allergy("a2"));
  await after.stored;
  await until(() => client.state.storage === "ok" && client.state.unstored === 0);
  expect([before.state, after.state]).toEqual(["local", "local"]);
  device.kill();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect([ids(again), again.unsaved]).toEqual([["a1", "a2"], 2]);
});

test("a store that cannot be read is told, and what waits in it is not written over", async () => {
  const first = await device.connect("Alice", NOWHERE);
  await (await first.open(ROOM)).put(allergy("a1")).stored;
  await first.close();
  const broken = vi.spyOn(IDBObjectStore.prototype, "getAll").mockImplementation(() => {
    throw new DOMException("the disk is broken", "UnknownError");
  });
  const second = await device.connect("Alice", NOWHERE);
  const room = await second.open(ROOM);
  expect(ids(room)).toEqual([]);
  expect(second.state).toMatchObject({ storage: "unavailable", storageError: { code: "store-unavailable" } });
  const edit = room.put(allergy("a2"));
  await until(() => second.state.unstored === 1);
  broken.mockRestore();
  expect([edit.state, second.state.storage]).toEqual(["new", "unavailable"]);
  await second.close();
  const again = await (await device.connect("Alice", NOWHERE)).open(ROOM);
  expect([ids(again), again.unsaved]).toEqual([["a1"], 1]);
});

test("a browser without IndexedDB is told of, and edits are as without a store", async () => {
  vi.stubGlobal("indexedDB", undefined);
  const client = await connectAs("Alice", NOWHERE, { store: true });
  expect(client.state).toMatchObject({ storage: "unavailable", storageError: { code: "store-unavailable" } });
  const room = await client.open(ROOM);
  const edit = room.put(allergy("a1"));
  await until(() => client.state.unstored === 1);
  expect([edit.state, ids(room)]).toEqual(["new", ["a1"]]);
});

test("with a key nothing of a patient is readable on the disk, and it all comes back", async () => {
  const canary = "Xylocanary";
  const secrets = [canary, "patient:p1", "Patient/p1", "AllergyIntolerance", "alice", "Alice"];
  const key = await newKey();
  const write = async (client: Client) => {
    const room = await client.open(ROOM);
    await Promise.all([room.put(allergy("a1", canary)).stored, room.put(allergy("a2", canary)).stored]);
    await client.close();
  };
  const found = async (on: Device) => {
    const all = serialize(await on.everything());
    return secrets.filter((secret) => all.includes(secret) || all.includes(Buffer.from(secret, "utf16le")));
  };
  await write(await device.connect("Alice", NOWHERE, { store: { key } }));
  expect(await found(device)).toEqual([]);
  const client = await device.connect("Alice", NOWHERE, { store: { key } });
  const room = await client.open(ROOM);
  expect(room.list("AllergyIntolerance")).toEqual([allergy("a1", canary), allergy("a2", canary)]);
  expect(room.unsaved).toBe(2);
  // Who looks this way finds all of it where there is no key.
  const open = new Device();
  await write(await open.connect("Alice", NOWHERE));
  expect(await found(open)).toEqual(expect.arrayContaining([canary, "patient:p1", "Patient/p1", "AllergyIntolerance"]));
});

test("another key than the store's is refused, and harms nothing", async () => {
  const key = await newKey();
  const client = await device.connect("Alice", NOWHERE, { store: { key } });
  await (await client.open(ROOM)).put(allergy("a1")).stored;
  await client.close();
  const wrong = { name: "ChartroomError", code: "store-key" };
  await expect(device.connect("Alice", NOWHERE, { store: { key: await newKey() } })).rejects.toMatchObject(wrong);
  await expect(device.connect("Alice", NOWHERE)).rejects.toMatchObject(wrong);
  const again = await device.connect("Alice", NOWHERE, { store: { key } });
  expect(ids(await again.open(ROOM))).toEqual(["a1"]);
  // Nor does a key fit where there was none.
  const plain = new Device();
  const open = await plain.connect("Alice", NOWHERE);
  await (await open.open(ROOM)).put(allergy("a2")).stored;
  await open.close();
  await expect(plain.connect("Alice", NOWHERE, { store: { key } })).rejects.toMatchObject(wrong);
  expect(ids(await (await plain.connect("Alice", NOWHERE)).open(ROOM))).toEqual(["a2"]);
});

test("each person has a store of their own", async () => {
  const alice = await device.connect("Alice", NOWHERE);
  await (await alice.open(ROOM)).put(allergy("a1")).stored;
  await alice.close();
  const bob = await device.connect("Bob", NOWHERE);
  const his = await bob.open(ROOM);
  expect([ids(his), his.unsaved, bob.state.unsaved]).toEqual([[], 0, 0]);
  await his.put(allergy("b1")).stored;
  expect(await device.disk.databases()).toHaveLength(2);
  await bob.close();
  expect(ids(await (await device.connect("Alice", NOWHERE)).open(ROOM))).toEqual(["a1"]);
});

test("signing out with unsaved edits asks first; kept edits stay, discarded ones are wiped", async () => {
  const client = await device.connect("Alice", NOWHERE);
  const room = await client.open(ROOM);
  await room.put(allergy("a1")).stored;
  await expect(client.signOut()).rejects.toMatchObject({ name: "ChartroomError", code: "unsaved-edits" });
  expect(ids(room)).toEqual(["a1"]);
  expect(client.status).not.toBe("closed");
  await client.signOut({ unsaved: "keep" });
  expect([client.status, client.error]).toEqual(["closed", null]);
  await expect(client.open(ROOM)).rejects.toMatchObject({ code: "client-closed" });
  expect(() => room.put(allergy("a2"))).toThrow(expect.objectContaining({ code: "client-closed" }));

  const again = await device.connect("Alice", NOWHERE);
  expect(ids(await again.open(ROOM))).toEqual(["a1"]);
  await again.signOut({ unsaved: "discard" });
  expect(await device.disk.databases()).toEqual([]);
  const third = await device.connect("Alice", NOWHERE);
  expect(ids(await third.open(ROOM))).toEqual([]);
});

test("signing out asks for edits of rooms that nobody opened, also at once", async () => {
  const first = await device.connect("Alice", NOWHERE);
  await (await first.open(ROOM)).put(allergy("a1")).stored;
  await first.close();
  const second = await device.connect("Alice", NOWHERE);
  await expect(second.signOut()).rejects.toMatchObject({ code: "unsaved-edits" });
  expect(await device.rows("edits")).toBe(1);
  await until(() => second.state.unsaved === 1);
});

test("a device that the server wants wiped is wiped, and says so", async () => {
  const devices: unknown[] = [];
  const stub = await new StubServer((frame, stub) => {
    if (frame.type !== "join") return;
    devices.push((frame.peerMetadata as { device?: string }).device);
    stub.welcome();
  }).start();
  try {
    device.network.cut();
    const offline = await device.connect("Alice", stub.url);
    await (await offline.open(ROOM)).put(allergy("a0")).stored;
    await offline.close();
    device.network.mend();
    for (const name of ["Alice", "Alice", "Bob"]) {
      const client = await device.connect(name, stub.url);
      await until(() => client.status === "online");
      await client.close();
    }
    // By a secret of each store the server knows which one to wipe.
    expect(devices).toEqual([expect.stringMatching(/^[\w-]{32}$/), devices[0], expect.stringMatching(/^[\w-]{32}$/)]);
    expect(devices[2]).not.toBe(devices[0]);
    const client = await device.connect("Alice", stub.url);
    await until(() => client.status === "online");
    const edit = (await client.open(ROOM)).put(allergy("a1"));
    await edit.stored;
    stub.hangUp(4004);
    await until(() => client.status === "closed");
    expect(client.error).toMatchObject({ name: "ChartroomError", code: "wiped" });
    await expect(edit.saved).rejects.toMatchObject({ code: "wiped" });
    await until(async () => (await device.disk.databases()).length === 1);
    const again = await device.connect("Alice", NOWHERE);
    expect([ids(await again.open(ROOM)), again.state.unsaved]).toEqual([[], 0]);
  } finally {
    await stub.end();
  }
});

test("what a device has is shown before the server answers", async () => {
  const stub = await new StubServer(() => {}).start();
  try {
    const first = await device.connect("Alice", stub.url);
    device.network.cut();
    await until(() => first.status === "offline");
    await (await first.open(ROOM)).put(allergy("a1")).stored;
    await first.close();
    device.network.mend();
    const second = await device.connect("Alice", stub.url);
    const room = await second.open(ROOM);
    expect([second.status, ids(room), room.synced]).toEqual(["connecting", ["a1"], false]);
  } finally {
    await stub.end();
  }
});

test("a store is not opened to another person's sign-in", async () => {
  let signedIn = { id: "bob", name: "Bob" };
  const stub = await new StubServer((frame, stub) => {
    const chartroom = { version: 1, durableHeads: true, person: signedIn };
    if (frame.type === "join") stub.send({ type: "peer", selectedProtocolVersion: "1", peerMetadata: { chartroom } });
  }).start();
  try {
    const first = await device.connect("Alice", stub.url);
    await until(() => first.status === "signed-out");
    expect(first.error).toMatchObject({ name: "ChartroomError", code: "other-person" });
    const edit = (await first.open(ROOM)).put(allergy("a1"));
    await edit.stored;
    await first.close();
    const second = await device.connect("Alice", stub.url);
    await until(() => second.status === "signed-out");
    expect([second.state.unsaved, second.person]).toEqual([1, null]);
    // Nothing but greetings was said.
    expect(stub.received.map(({ type }) => type)).toEqual(["join", "join"]);
    signedIn = { id: "alice", name: "Alice" };
    second.signIn();
    await until(() => second.status === "online" && stub.received.some(({ type, name }) => type === "room" && name === ROOM));
    expect(second.person).toEqual(signedIn);
  } finally {
    await stub.end();
  }
});

withServer("a device that keeps its rooms", () => {
  test("begins without a network, is written on, and brings it all when there is one", async () => {
    const server = await sleepingServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    expect(first.state).toMatchObject({ storage: "ok", connection: "offline" });
    room.put(allergy("a1"));
    await room.put(allergy("a2")).stored;
    await first.close();

    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    expect(again.list("AllergyIntolerance")).toEqual([allergy("a1"), allergy("a2")]);
    expect(again.status).toMatchObject({ synced: false, unsaved: 2, error: null });
    await again.patch("AllergyIntolerance", "a1", { criticality: "high" }).stored;
    await again.remove("AllergyIntolerance", "a2").stored;
    device.kill();

    const third = await device.connect("Alice", server.url);
    const last = await third.open(ROOM);
    expect([last.list("AllergyIntolerance"), last.unsaved]).toEqual([[{ ...allergy("a1"), criticality: "high" }], 4]);
    await server.start();
    await until(() => third.state.unsaved === 0 && last.synced);
    expect(last.unsaved).toBe(0);
    expect(await served(server)).toEqual([{ ...allergy("a1"), criticality: "high" }]);
    // What has arrived does not wait in the store.
    await until(() => third.state.unstored === 0);
    await third.close();
    expect(await device.rows("edits")).toBe(0);
    device.network.cut();
    const offline = await (await device.connect("Alice", server.url)).open(ROOM);
    expect([offline.unsaved, ids(offline)]).toEqual([0, ["a1"]]);
  });

  test("sends what waits also where nobody opens the room", async () => {
    const server = await sleepingServer();
    const first = await device.connect("Alice", server.url);
    await (await first.open(ROOM)).put(allergy("a1")).stored;
    await first.close();
    const second = await device.connect("Alice", server.url);
    await until(() => second.state.unsaved === 1);
    await server.start();
    await until(() => second.state.unsaved === 0);
    expect(await served(server)).toEqual([allergy("a1")]);
  });

  test("an edit goes from new over local and sent to saved", async () => {
    const server = await startServer();
    const client = await device.connect("Alice", server.url);
    const room = await client.open(ROOM);
    device.network.cut();
    await until(() => client.status === "offline");
    const edit = room.put(allergy("a1"));
    const seen = [edit.state];
    let isSaved = false;
    void edit.saved.then(() => (isSaved = true));
    await edit.stored;
    seen.push(edit.state);
    device.network.mend();
    await until(() => client.status === "online" && room.synced && room.unsaved === 0);
    await edit.saved;
    seen.push(edit.state);
    device.network.deafen();
    const other = room.put(allergy("a2"));
    // It is in the store as well, though the server's answer is all that its state waits for.
    await other.stored;
    await until(() => other.state === "sent");
    expect([room.unsaved, client.state.unsaved, other.hash]).toEqual([1, 1, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    device.network.hear();
    await other.saved;
    expect([...seen, other.state]).toEqual(["new", "local", "saved", "saved"]);
    expect([isSaved, room.unsaved]).toEqual([true, 0]);
  });

  test("two devices that were away for a night lose nothing and agree with the server", async () => {
    const server = await startServer();
    const laptop = new Device();
    const start = () => Promise.all([device.connect("Alice", server.url), laptop.connect("Bob", server.url)]);
    let [alice, bob] = await start();
    let [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    for (const id of ["same", "apart", "gone", "kept"]) await hers.put(allergy(id)).saved;
    await until(() => ids(his).length === 4);
    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");

    const edits: Edit[] = [];
    const type = "AllergyIntolerance";
    edits.push(hers.patch(type, "same", { criticality: "high" }), his.patch(type, "same", { criticality: "low" }));
    edits.push(hers.patch(type, "apart", { criticality: "high" }), his.patch(type, "apart", { onsetString: "childhood" }));
    edits.push(hers.remove(type, "gone"), his.patch(type, "gone", { onsetString: "last year" }));
    edits.push(hers.put(allergy("hers")), his.put(allergy("his")));
    edits.push(hers.put({ ...allergy("both"), criticality: "high" }), his.put({ ...allergy("both"), onsetString: "childhood" }));
    edits.push(his.remove(type, "kept"), his.restore(type, "kept"));
    await Promise.all(edits.map((edit) => edit.stored));
    await Promise.all([alice.close(), bob.close()]);

    await server.start();
    [alice, bob] = await start();
    [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await until(() => alice.state.unsaved === 0 && bob.state.unsaved === 0);
    await until(() => hers.synced && his.synced && String(hers.heads()) === String(his.heads()));
    const all = await served(server);
    expect(hers.list(type)).toEqual(all);
    expect(his.list(type)).toEqual(all);
    // Whether a delete or the edit beside it shows is the server's order; both stand until a person chooses.
    expect(ids(hers).filter((id) => id !== "gone")).toEqual(["apart", "both", "hers", "his", "kept", "same"]);
    expect(hers.get(type, "apart")).toEqual({ ...allergy("apart"), criticality: "high", onsetString: "childhood" });
    expect(hers.get(type, "both")).toEqual({ ...allergy("both"), criticality: "high", onsetString: "childhood" });
    expect(his.conflicts()).toEqual(hers.conflicts());
    const conflict = (id: string) => hers.conflicts().find((one) => one.id === id);
    expect(conflict("same")).toMatchObject({ kind: "element", elements: ["criticality"] });
    expect(conflict("same")!.values.map(({ value, author }) => [value, author?.name]).sort()).toEqual([
      [{ criticality: "high" }, "Alice"],
      [{ criticality: "low" }, "Bob"],
    ]);
    expect(conflict("gone")).toMatchObject({ kind: "deleted" });
    const edited = hers.describe(conflict("gone")!).sides.find(({ author }) => author?.name === "Bob")!;
    await hers.resolve(conflict("gone")!, edited.choice).saved;
    await until(() => his.get(type, "gone")?.onsetString === "last year" && !his.conflicts().some(({ id }) => id === "gone"));
    expect(conflict("apart")).toBeUndefined();
    expect(hers.refused).toEqual([]);
    expect(his.refused).toEqual([]);
  });

  test("a refused edit is kept where the room goes on before it is written", async () => {
    const server = await startServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    await room.put(SIGNED_NOTE).saved;
    const goesOn = new Promise((resolve) => room.on("refused", () => resolve(room.put(allergy("a1")).saved)));
    await expect(room.patch("DocumentReference", "n1", { description: "late" }).saved).rejects.toMatchObject({ code: "signed" });
    await goesOn;
    await first.close();
    expect(await device.rows("refusals")).toBe(1);
  });

  test("a refused edit is kept with its reason until somebody has looked at it", async () => {
    const server = await startServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    await room.put(SIGNED_NOTE).saved;
    // The device does not know that a signed note cannot be changed; the server does.
    const edit = room.patch("DocumentReference", "n1", { description: "late" });
    await expect(edit.saved).rejects.toMatchObject({ name: "ChartroomError", code: "signed" });
    expect([edit.state, room.unsaved]).toEqual(["refused", 0]);
    expect(room.get("DocumentReference", "n1")).toEqual(SIGNED_NOTE);
    const command = { kind: "patch", resourceType: "DocumentReference", id: "n1", elements: { description: "late" } };
    expect(room.refused).toMatchObject([{ code: "signed", command }]);
    device.network.cut();
    await first.close();

    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    expect(again.refused).toMatchObject([{ code: "signed", command, edit: { state: "refused", resource: { type: "DocumentReference", id: "n1" } } }]);
    await expect(again.refused[0]!.edit.saved).rejects.toMatchObject({ code: "signed" });
    expect([again.unsaved, again.get("DocumentReference", "n1")]).toEqual([0, SIGNED_NOTE]);
    const told: number[] = [];
    again.on("refused", () => told.push(again.refused.length));
    const [old] = again.refused as [RefusedEdit];
    const retried = old.retry();
    expect([told, again.refused, retried.state]).toEqual([[0], [], "new"]);
    expect(again.undo.undoText).toBe("change description of note");
    expect(() => old.drop()).toThrow(expect.objectContaining({ name: "ChartroomError", code: "settled" }));
    expect(again.get("DocumentReference", "n1")).toMatchObject({ description: "late" });
    await retried.stored;
    device.network.mend();
    await expect(retried.saved).rejects.toMatchObject({ code: "signed" });
    expect(again.refused).toHaveLength(1);
    await second.close();

    const third = await device.connect("Alice", server.url);
    const last = await third.open(ROOM);
    expect(last.refused).toHaveLength(1);
    last.refused[0]!.drop();
    expect(last.refused).toEqual([]);
    await last.put(allergy("a1")).saved;
    await third.close();
    const fourth = await device.connect("Alice", server.url);
    expect((await fourth.open(ROOM)).refused).toEqual([]);
  });

  test("an edit that the disk has no room for reaches the server, and is not kept twice", { timeout: 40_000 }, async () => {
    const server = await startServer();
    const client = await device.connect("Alice", server.url);
    const room = await client.open(ROOM);
    device.network.cut();
    await until(() => client.status === "offline");
    const before = room.put(allergy("a1"));
    await before.stored;
    const makeRoom = fillDisk();
    const edit = room.put(allergy("a2"));
    await until(() => client.state.storage === "full");
    device.network.mend();
    await Promise.all([before.saved, edit.saved, edit.stored]);
    expect([edit.state, client.state.storage, client.state.unsaved]).toEqual(["saved", "full", 0]);
    makeRoom();
    await until(() => client.state.storage === "ok");
    device.network.cut();
    await client.close();
    expect(await device.rows("edits")).toBe(0);
    const again = await (await device.connect("Alice", server.url)).open(ROOM);
    expect([ids(again), again.unsaved]).toEqual([["a1", "a2"], 0]);
  });

  test("without IndexedDB an edit is saved all the same", async () => {
    const server = await startServer();
    vi.stubGlobal("indexedDB", undefined);
    const client = await connectAs("Alice", server.url, { store: true });
    const edit = (await client.open(ROOM)).put(allergy("a1"));
    await Promise.all([edit.stored, edit.saved]);
    expect(client.state).toMatchObject({ storage: "unavailable", unsaved: 0, unstored: 0 });
  });

  test("one person's edits never go out in another's session", async () => {
    const server = await sleepingServer();
    const alice = await device.connect("Alice", server.url);
    await (await alice.open(ROOM)).put(allergy("a1")).stored;
    await alice.signOut({ unsaved: "keep" });
    await server.start();
    const bob = await device.connect("Bob", server.url);
    const his = await bob.open(ROOM);
    await his.put(allergy("b1")).saved;
    expect(await served(server)).toEqual([allergy("b1")]);
    await bob.signOut();
    const back = await device.connect("Alice", server.url);
    const hers = await back.open(ROOM);
    await until(() => back.state.unsaved === 0 && ids(hers).length === 2);
    expect(await served(server)).toEqual([allergy("a1"), allergy("b1")]);
    expect((await hers.history("AllergyIntolerance", "a1")).map(({ author }) => author)).toEqual([{ id: "alice", name: "Alice" }]);
    // Nothing waits, so nobody is asked, and nothing stays.
    await back.signOut();
    expect(await device.disk.databases()).toEqual([]);
  });

  test("five hundred edits of a night arrive in their order", { timeout: 60_000 }, async () => {
    const server = await sleepingServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    const edits: Edit[] = [room.put(allergy("a"))];
    for (let n = 0; n < 249; n += 1) edits.push(room.patch("AllergyIntolerance", "a", { onsetString: `${n}` }), room.put(allergy(`a${n}`)));
    edits.push(room.remove("AllergyIntolerance", "a0"));
    await Promise.all(edits.map((edit) => edit.stored));
    await first.close();
    expect(await device.rows("edits")).toBe(500);
    await server.start();
    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    await until(() => second.state.unsaved === 0 && again.synced);
    const all = await served(server);
    expect(all).toHaveLength(249);
    expect(all[0]).toEqual({ ...allergy("a"), onsetString: "248" });
    expect(again.list("AllergyIntolerance")).toEqual(all);
    const numbers = (await again.history("AllergyIntolerance", "a")).length;
    expect(numbers).toBe(250);
    const { events } = await (await fetch(`${server.http}/rooms/${ROOM}/events?after=0`)).json();
    const order = (events as { event: string; resource: { onsetString?: string }; resource_id: string }[]).filter(({ event, resource_id, resource }) => event === "RESOURCE_UPDATED" && resource_id === "a" && resource.onsetString);
    expect(order.map(({ resource }) => resource.onsetString)).toEqual(Array.from({ length: 249 }, (_, n) => `${n}`));
    await second.close();
    expect(await device.rows("edits")).toBe(0);
  });

  test("edits that waited while the room was founded anew are made again in it", async () => {
    const server = await startServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    await room.put(allergy("a1")).saved;
    const { url } = room;
    device.network.cut();
    await until(() => first.status === "offline");
    const waiting = [room.patch("AllergyIntolerance", "a1", { criticality: "high" }), room.put(allergy("a2"))];
    await Promise.all(waiting.map((edit) => edit.stored));
    await first.close();
    device.network.mend();
    expect((await fetch(`${server.http}/rooms/${ROOM}/refound`, { method: "POST" })).status).toBe(200);
    const bob = await connectAs("Bob", server.url);
    const his = await bob.open(ROOM);
    await his.patch("AllergyIntolerance", "a1", { onsetString: "childhood" }).saved;

    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    await until(() => second.state.unsaved === 0 && again.url !== url && again.synced);
    const expected = [{ ...allergy("a1"), criticality: "high", onsetString: "childhood" }, allergy("a2")];
    await until(() => again.list("AllergyIntolerance").length === 2);
    expect(again.list("AllergyIntolerance")).toEqual(expected);
    expect(await served(server)).toEqual(expected);
    expect(again.refused).toEqual([]);
    device.network.cut();
    await second.close();
    // The store has followed into the new document.
    const third = await (await device.connect("Alice", server.url)).open(ROOM);
    expect([third.url, third.unsaved, third.list("AllergyIntolerance")]).toEqual([again.url, 0, expected]);
  });

  test("authors, conflicts and the past are known without a connection, from a cold start", async () => {
    const server = await startServer();
    const bob = await connectAs("Bob", server.url);
    const his = await bob.open(ROOM);
    await his.put(allergy("a1")).saved;
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    await until(() => room.synced && ids(room).length === 1);
    const seen = room.heads();
    device.network.cut();
    await until(() => first.status === "offline");
    await room.patch("AllergyIntolerance", "a1", { criticality: "high" }).stored;
    await his.patch("AllergyIntolerance", "a1", { criticality: "low" }).saved;
    device.network.mend();
    await until(() => room.unsaved === 0 && room.conflicts().length === 1);
    const [conflicts, history] = [room.conflicts(), await room.history("AllergyIntolerance", "a1")];
    expect(history.map(({ author }) => author?.name).sort()).toEqual(["Alice", "Bob", "Bob"]);
    device.network.cut();
    await until(() => first.status === "offline");
    await first.close();
    const again = await (await device.connect("Alice", server.url)).open(ROOM);
    // Bob's was first at the server, and is what shows; Alice's was first on her device.
    expect(again.get("AllergyIntolerance", "a1")?.criticality).toBe("low");
    expect(again.conflicts()).toEqual(conflicts);
    expect(await again.history("AllergyIntolerance", "a1")).toEqual(history);
    expect(await again.changedSince(seen)).toEqual([["AllergyIntolerance", "a1"]]);
    expect(await (await again.at(seen)).list("AllergyIntolerance")).toEqual([allergy("a1")]);
  });

  test("a room that has gone bad in the store says so, and its edits are made again", async () => {
    const server = await startServer();
    const first = await device.connect("Alice", server.url);
    const room = await first.open(ROOM);
    await room.put(allergy("a1")).saved;
    device.network.cut();
    await until(() => first.status === "offline");
    await Promise.all([room.put(allergy("a2")).stored, room.patch("AllergyIntolerance", "a1", { criticality: "high" }).stored]);
    await first.close();
    const [{ name }] = (await device.disk.databases()) as [{ name: string }];
    const database = await promised(device.disk.open(name));
    const rooms = database.transaction("rooms", "readwrite").objectStore("rooms");
    const row = (await promised(rooms.get(ROOM))) as { snapshot: Uint8Array };
    await promised(rooms.put({ ...row, snapshot: row.snapshot.map((byte, at) => (at > 40 ? byte ^ 0xff : byte)) }, ROOM));
    database.close();

    const second = await device.connect("Alice", server.url);
    const again = await second.open(ROOM);
    expect(again.status).toMatchObject({ unsaved: 2, error: { name: "ChartroomError", code: "store-unreadable" } });
    device.network.mend();
    await until(() => second.state.unsaved === 0 && again.synced);
    expect(again.status.error).toBeNull();
    expect(await served(server)).toEqual([{ ...allergy("a1"), criticality: "high" }, allergy("a2")]);
    expect(again.list("AllergyIntolerance")).toEqual(await served(server));
    device.network.cut();
    await second.close();
    const third = await (await device.connect("Alice", server.url)).open(ROOM);
    expect([third.status.error, third.unsaved, ids(third)]).toEqual([null, 0, ["a1", "a2"]]);
  });

  test("a device that returns is sent what it lacks, and sends what is lacking", async () => {
    const server = await startServer();
    const alice = await connectAs("Alice", server.url);
    const hers = await alice.open(ROOM);
    const long = () => Array.from({ length: 40 }, () => Math.random().toString(36)).join(" ");
    await Promise.all(Array.from({ length: 200 }, (_, n) => hers.put(allergy(`a${n}`, long())).saved));
    const first = await device.connect("Bob", server.url);
    await until(() => first.status === "online");
    const room = await first.open(ROOM);
    await until(() => room.synced && ids(room).length === 200);
    const whole = bytes(device.network.received);
    device.network.cut();
    await until(() => first.status === "offline");
    await room.put(allergy("b1")).stored;
    await first.close();
    await hers.put(allergy("c1")).saved;

    device.network.mend();
    device.network.count();
    const second = await device.connect("Bob", server.url);
    const again = await second.open(ROOM);
    await until(() => second.state.unsaved === 0 && again.synced && again.get("AllergyIntolerance", "c1") !== undefined);
    await until(() => String(again.heads()) === String(hers.heads()));
    expect(ids(again)).toHaveLength(202);
    expect(whole).toBeGreaterThan(50_000);
    expect(bytes(device.network.received)).toBeLessThan(whole / 20);
    expect(bytes(device.network.sent)).toBeLessThan(2_000);
    expect(device.network.sent.length + device.network.received.length).toBeLessThan(20);
  });

  test("a room that this person may not see any more does not stay on the device", async () => {
    const server = await startServerWithSignIn();
    const operator = server.token("Olga", { role: "operator" });
    const membership = `/rooms/${ROOM}/members/bob`;
    await server.ask(operator, membership, "PUT", { level: "write" });
    const connect = () => device.connect("Bob", server.url, { token: server.token("Bob", { role: "nurse" }) });
    const first = await connect();
    await (await first.open(ROOM)).put(allergy("a1")).saved;
    await first.close();
    expect(await device.rows("rooms")).toBe(1);
    await server.ask(operator, membership, "DELETE");
    const second = await connect();
    const room = await second.open(ROOM);
    await until(() => room.status.error !== null);
    expect(room.status.error).toBeInstanceOf(ChartroomError);
    expect(room.status.error).toMatchObject({ code: "room-not-found" });
    await second.close();
    expect(await device.rows("rooms")).toBe(0);
    expect(await device.rows("changes")).toBe(0);
  });
});
