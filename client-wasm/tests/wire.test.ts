import { afterEach, expect, test } from "vitest";
import { connect, type FollowEnd, type RefusedEdit } from "chartroom";
import WebSocket from "ws";
import { connectAs, until } from "./server.js";
import { StubServer } from "./stub.js";

const ROOM = "patient:p1";
const condition = (id: string) => ({ resourceType: "Condition", id, subject: { reference: "Patient/p1" } });

let stub: StubServer | undefined;

afterEach(() => stub?.end());

/** The document's id of an epoch, from a client that never reaches a server. */
async function documentId(): Promise<string> {
  const client = await connect({ url: "ws://127.0.0.1:9/sync", WebSocket });
  const id = (await client.open(ROOM)).url.slice("automerge:".length);
  await client.close();
  return id;
}

/** A server that has the room, and nothing in it that the client has not. */
async function emptyServer(): Promise<StubServer> {
  const id = await documentId();
  return new StubServer((frame, stub) => {
    if (frame.type === "join") stub.welcome();
    if (frame.type === "room" && frame.name === ROOM) stub.send({ type: "room", name: ROOM, epoch: 1, documentId: id });
    // The opening message, sent back, says that the server has what the client has.
    if (frame.type === "sync" && stub.received.filter(({ type }) => type === "sync").length === 1) {
      stub.send({ type: "sync", documentId: id, data: frame.data });
    }
  }).start();
}

test("the handshake names the person, the extensions and the room", async () => {
  stub = await emptyServer();
  const client = await connectAs("Alice", stub.url);
  await client.open(ROOM);
  expect(stub.received[0]).toMatchObject({
    type: "join",
    supportedProtocolVersions: ["1"],
    peerMetadata: { chartroom: { version: 1 }, person: { id: "alice", name: "Alice" } },
  });
  expect(stub.received[1]).toMatchObject({ type: "room", name: ROOM, senderId: stub.received[0]!.senderId, targetId: "stub" });
  expect(stub.received[2]).toMatchObject({ type: "sync", documentId: await documentId() });
});

test("a sync message in parts is taken whole, and shows how much of it is here", async () => {
  const id = await documentId();
  const part = (total: number, data: Uint8Array) => stub?.send({ type: "sync-part", documentId: id, total, data });
  let answered = false;
  stub = await new StubServer((frame, stub) => {
    if (frame.type === "join") stub.welcome();
    if (frame.type === "room") stub.send({ type: "room", name: ROOM, epoch: 1, documentId: id });
    if (frame.type !== "sync" || answered) return;
    answered = true;
    const opening = frame.data as Uint8Array;
    part(opening.length, opening.subarray(0, 10));
    part(opening.length, opening.subarray(10));
  }).start();
  const client = await connectAs("Alice", stub.url);
  const room = await client.open(ROOM);
  expect(room.status).toMatchObject({ synced: true, progress: null });
  const seen: (number | null)[] = [];
  room.on("status", ({ progress }) => seen.push(progress));
  part(40, new Uint8Array(10));
  await until(() => seen.length > 0);
  expect(seen).toEqual([0.25]);
  // The client may be back, and the error gone, before anybody looks.
  const ended: (string | undefined)[] = [];
  client.onStatus((status) => void (status === "offline" && ended.push(client.error?.code)));
  part(40, new Uint8Array(31));
  await until(() => ended.length > 0);
  expect(ended).toEqual(["protocol"]);
  expect(room.status.progress).toBeNull();
});

test("a refused edit is given back with the server's code, and later ones that build on it", async () => {
  stub = await emptyServer();
  const client = await connectAs("Alice", stub.url);
  const room = await client.open(ROOM);
  const told: RefusedEdit[] = [];
  room.on("refused", (refused) => told.push(...refused));
  const first = room.put(condition("c1"));
  const second = room.put(condition("c2"));
  await until(() => second.state === "sent");
  expect(first.state).toBe("sent");
  stub.send({ type: "refused", documentId: await documentId(), hashes: [Buffer.from(first.hash!, "hex")], code: "read-only", message: "this person may read" });
  await expect(first.saved).rejects.toMatchObject({ name: "ChartroomError", code: "read-only" });
  await expect(second.saved).rejects.toMatchObject({ code: "read-only" });
  expect(first.state).toBe("refused");
  expect(room.list("Condition")).toEqual([]);
  expect(room.unsaved).toBe(0);
  expect(told.map(({ code, command }) => [code, command])).toEqual([
    ["read-only", { kind: "put", resource: condition("c1") }],
    ["read-only", { kind: "put", resource: condition("c2") }],
  ]);
  const third = room.put(condition("c3"));
  await until(() => third.state === "sent");
  expect(third.hash).toMatch(/^[0-9a-f]{64}$/);
});

test("a refused room rejects with the server's code, and the socket lives on", async () => {
  stub = await new StubServer((frame, stub) => {
    if (frame.type === "join") stub.welcome();
    if (frame.type === "room") stub.send({ type: "room-refused", name: frame.name, code: "room-unreadable", message: "key 7 cannot be read" });
  }).start();
  const client = await connectAs("Alice", stub.url);
  await expect(client.open(ROOM)).rejects.toMatchObject({ code: "room-unreadable", message: "key 7 cannot be read" });
  expect(client.status).toBe("online");
});

test("numbered events are asked for again from the last one, and late answers are passed over", async () => {
  stub = await emptyServer();
  const client = await connectAs("Alice", stub.url);
  const room = await client.open(ROOM);
  const heard: (number | undefined)[] = [];
  const ends: FollowEnd[] = [];
  room.on("*", ({ seq }) => heard.push(seq), { after: 7, onEnd: (end) => ends.push(end) });
  const live = stub;
  const asked = () => live.received.filter(({ type }) => type === "follow");
  const send = (id: unknown, ...numbers: number[]) =>
    live.send({ type: "events", id, events: numbers.map((seq) => JSON.stringify({ seq, event: "RESOURCE_CREATED", changes: [] })) });
  await until(() => asked().length === 1);
  expect(asked()[0]).toMatchObject({ documentId: await documentId(), after: 7 });
  send(asked()[0]!.id, 8, 9);
  await until(() => heard.length === 2);
  stub.hangUp(1001);
  await until(() => asked().length === 2);
  expect(asked()[1]).toMatchObject({ after: 9 });
  send(asked()[0]!.id, 9, 10);
  send(asked()[1]!.id, 10);
  await until(() => heard.length > 2);
  expect(heard).toEqual([8, 9, 10]);
  stub.send({ type: "follow-ended", id: asked()[1]!.id, code: "events-gone", message: "not kept", first: 12 });
  await until(() => ends.length > 0);
  expect(ends).toEqual([{ code: "events-gone", message: "not kept", first: 12 }]);
  send(asked()[1]!.id, 12);
  room.on("*", ({ seq }) => heard.push(seq), { after: 11 });
  await until(() => asked().length === 3);
  send(asked()[2]!.id, 12);
  await until(() => heard.length > 3);
  expect(heard).toEqual([8, 9, 10, 12]);
  room.close();
  await until(() => live.received.some(({ type, id }) => type === "unfollow" && id === asked()[2]!.id));
});

test("bytes that are no message break the connection, not the client", async () => {
  stub = await emptyServer();
  const client = await connectAs("Alice", stub.url);
  const room = await client.open(ROOM);
  room.put(condition("c1"));
  stub.sendBytes(new Uint8Array([0xff, 0x00, 0x13]));
  const live = stub;
  // What is said of a room is heard once its document was named on the new connection.
  await until(() => live.received.filter(({ type }) => type === "room").length === 2);
  stub.send({ type: "sync", documentId: await documentId(), data: new Uint8Array([1, 2, 3]) });
  await until(() => live.connections === 3 && client.status === "online");
  expect(room.list("Condition")).toHaveLength(1);
});

test("a server that does not speak the extensions is said to be none of ours", async () => {
  stub = await new StubServer((frame, stub) => {
    if (frame.type === "join") stub.send({ type: "peer", selectedProtocolVersion: "1", peerMetadata: { isEphemeral: false } });
  }).start();
  const client = await connectAs("Alice", stub.url);
  await until(() => client.error?.code === "protocol");
});
