import { afterEach, expect, test } from "vitest";
import { ChartroomError, connect, type Client, type ConnectionStatus, type Edit } from "chartroom";
import WebSocket from "ws";
import { connectAs, startServerWithSignIn, until, withServer } from "./server.js";
import { Device } from "./device.js";
import { StubServer } from "./stub.js";

const ROOM = "patient:p1";
const condition = (id: string) => ({ resourceType: "Condition", id, subject: { reference: "Patient/p1" } });

let stub: StubServer | undefined;

afterEach(() => stub?.end());

/** How many connections the server has answered. */
let answered = 0;

/** A server that answers each connection's join with the next of these: a close code, or welcome. */
async function answering(...answers: (number | "welcome")[]): Promise<StubServer> {
  answered = 0;
  return new StubServer((frame, stub) => {
    if (frame.type !== "join") return;
    answered += 1;
    const answer = answers.shift() ?? "welcome";
    if (answer === "welcome") stub.welcome();
    else stub.hangUp(answer);
  }).start();
}

function history(client: Client): ConnectionStatus[] {
  const seen: ConnectionStatus[] = [];
  client.onStatus((status) => seen.push(status));
  return seen;
}

/** Long enough for an attempt that must not come, with the waits of `connectAs`. */
const noAttempt = () => new Promise((resolve) => setTimeout(resolve, 400));

test("a token travels as a subprotocol, and not in the address", async () => {
  stub = await answering();
  const client = await connectAs("Alice", stub.url, { token: "a.b-c_d" });
  await until(() => client.status === "online");
  expect(stub.asked).toEqual([{ url: "/sync", protocols: "chartroom,bearer.a.b-c_d" }]);
});

test("without a token no subprotocol is offered", async () => {
  stub = await answering();
  const client = await connectAs("Alice", stub.url);
  await until(() => client.status === "online");
  expect(stub.asked).toEqual([{ url: "/sync", protocols: undefined }]);
});

test("a function is asked for every connection, and at once where the server wants a fresh token", async () => {
  stub = await answering("welcome", 4001, "welcome");
  let tokens = 0;
  const token = async () => `t${(tokens += 1)}`;
  const client = await connectAs("Alice", stub.url, { token, backoff: { minMs: 600_000, maxMs: 600_000 } });
  await until(() => client.status === "online");
  const seen = history(client);
  stub.hangUp(4001);
  await until(() => client.status === "offline");
  expect(client.error).toMatchObject({ code: "authentication" });
  // The second attempt is refused, too: from then on there are waits.
  await until(() => answered === 2);
  client.signIn();
  await until(() => client.status === "online");
  expect(stub.asked.map(({ protocols }) => protocols)).toEqual(["chartroom,bearer.t1", "chartroom,bearer.t2", "chartroom,bearer.t3"]);
  expect(seen).toEqual(["offline", "online"]);
});

test("a text that the server does not take is not offered again, another one is", async () => {
  stub = await answering(4001, "welcome");
  const client = await connectAs("Mallory", stub.url, { token: "old" });
  await until(() => client.status === "signed-out");
  expect(client.error).toMatchObject({ code: "authentication" });
  await noAttempt();
  expect(stub.connections).toBe(1);
  client.signIn("new");
  await until(() => client.status === "online");
  expect(client.error).toBeNull();
  expect(stub.asked[1]!.protocols).toBe("chartroom,bearer.new");
});

test("a text that is given ahead of time is for the next connection", async () => {
  stub = await answering();
  const client = await connectAs("Alice", stub.url, { token: "old" });
  await until(() => client.status === "online");
  const seen = history(client);
  client.signIn("new");
  stub.hangUp(4001);
  await until(() => stub!.connections === 2 && client.status === "online");
  expect(stub.asked[1]!.protocols).toBe("chartroom,bearer.new");
  expect(seen).toEqual(["offline", "online"]);
});

test("a sign-in that was taken back ends the attempts until somebody signs in", async () => {
  stub = await answering("welcome", "welcome");
  const client = await connectAs("Alice", stub.url, { token: () => "t" });
  await until(() => client.status === "online");
  stub.hangUp(4003);
  await until(() => client.status === "signed-out");
  expect(client.error).toMatchObject({ code: "token-revoked" });
  await noAttempt();
  expect(stub.connections).toBe(1);
  client.signIn();
  await until(() => client.status === "online");
});

test("a function that fails is asked again; one that says signed-out is not, and a room still opens", async () => {
  stub = await answering();
  const fails = [new Error("the provider is away"), new ChartroomError("signed-out", "nobody is signed in")];
  let asked = 0;
  const token = () => {
    asked += 1;
    const failure = fails.shift();
    if (failure) throw failure;
    return "t";
  };
  const client = await connectAs("Alice", stub.url, { token });
  const seen = [client.state];
  client.onState((state) => seen.push(state));
  await until(() => client.status === "signed-out");
  expect(seen.map(({ connection, error }) => [connection, error?.code])).toContainEqual(["offline", "token-unavailable"]);
  expect(client.error).toMatchObject({ code: "signed-out" });
  const room = await client.open(ROOM);
  expect(room.put(condition("c1")).state).toBe("new");
  await noAttempt();
  expect({ asked, connections: stub.connections }).toEqual({ asked: 2, connections: 0 });
  client.signIn();
  await until(() => client.status === "online");
  expect(room.unsaved).toBe(1);
});

test("a token that comes too late is not used", async () => {
  stub = await answering();
  let give!: (token: string) => void;
  const client = await connectAs("Alice", stub.url, { token: () => new Promise((resolve) => (give = resolve)) });
  client.signIn("other");
  await until(() => client.status === "online");
  give("late");
  await noAttempt();
  expect(stub.asked.map(({ protocols }) => protocols)).toEqual(["chartroom,bearer.other"]);
  const closed = await connectAs("Alice", stub.url, { token: () => new Promise((resolve) => (give = resolve)) });
  await closed.close();
  give("late");
  closed.signIn();
  await noAttempt();
  expect(stub.connections).toBe(1);
});

test("what cannot be a token is said without it", async () => {
  const url = "ws://127.0.0.1:9/sync";
  const error = await connect({ url, WebSocket, token: "se cret" }).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "bad-token" });
  expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain("se cret");
  const client = await connectAs("Alice", url, { token: () => "se cret" });
  await until(() => client.error !== null);
  expect([client.status, client.error?.code]).toEqual(["offline", "bad-token"]);
  expect(() => client.signIn("")).toThrow(ChartroomError);
});

withServer("a server with sign-in", () => {
  test("edits outlive token after token, a sign-in that is taken back, and the next one", { timeout: 60_000 }, async () => {
    const server = await startServerWithSignIn();
    const operator = server.token("Olga", { role: "operator" });
    let asked = 0;
    const token = () => {
      asked += 1;
      // The last one outlives what follows: a fresh token is no sign-in that was taken back.
      return server.token("Alice", { seconds: asked < 4 ? 3 : 60 });
    };
    // The name that this side gives itself counts for nothing where there is sign-in.
    const client = await connectAs("Somebody", server.url, { token, person: { id: "alice", name: "Somebody" } });
    const room = await client.open(ROOM);
    const seen = history(client);
    const edits: Edit[] = [];
    const edit = () => edits.push(room.put(condition(`c${edits.length}`)));
    while (asked < 4) {
      edit();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(seen).not.toContain("signed-out");
    await until(() => room.unsaved === 0);

    await server.ask(operator, "/sign-in/revoke", "POST", { person: "alice" });
    await until(() => client.status === "signed-out");
    expect(client.error).toMatchObject({ code: "token-revoked", message: "the sign-in was taken back" });
    const before = asked;
    edit();
    edit();
    await noAttempt();
    expect({ asked, unsaved: room.unsaved }).toEqual({ asked: before, unsaved: 2 });

    client.signIn();
    await Promise.all(edits.map(({ saved }) => saved));
    const { resources } = await server.ask(server.token("Alice"), `/rooms/${ROOM}/document`);
    expect(Object.keys(resources.Condition).length).toBe(edits.length);
    const { events } = await server.ask(server.token("Alice"), `/rooms/${ROOM}/events?limit=1000`);
    expect(new Set(events.map((event: { author: unknown }) => JSON.stringify(event.author)))).toEqual(new Set([JSON.stringify({ id: "alice", name: "Alice" })]));
  });

  test("a room that is no longer this person's is refused by itself, and comes back with the access", async () => {
    const server = await startServerWithSignIn();
    const operator = server.token("Olga", { role: "operator" });
    const [membership, level] = [`/rooms/${ROOM}/members/bob`, { level: "write" }];
    await server.ask(operator, membership, "PUT", level);
    const client = await connectAs("Bob", server.url, { token: server.token("Bob", { role: "nurse" }) });
    const [chart, directory] = [await client.open(ROOM), await client.open("facility:directory")];
    await chart.put(condition("c1")).saved;

    await server.ask(operator, membership, "DELETE");
    await until(() => chart.status.error !== null);
    expect(chart.status).toMatchObject({ synced: false, error: { name: "ChartroomError", code: "room-not-found" } });
    await until(() => directory.synced);
    await directory.put({ resourceType: "Location", id: "l1", name: "Ward 1" }).saved;
    const kept = chart.put(condition("c2"));
    expect([chart.unsaved, kept.state]).toEqual([1, "new"]);
    expect(client.status).toBe("online");

    await server.ask(operator, membership, "PUT", level);
    await client.open(ROOM);
    await kept.saved;
    expect(chart.status).toMatchObject({ synced: true, unsaved: 0, error: null });
  });

  test("who may only read is told so, on this device without a network too, and when that ends", async () => {
    const server = await startServerWithSignIn();
    const operator = server.token("Olga", { role: "operator" });
    const level = (level: "read" | "write") => server.ask(operator, `/rooms/${ROOM}/members/bob`, "PUT", { level });
    await level("write");
    const token = () => server.token("Bob", { role: "nurse" });
    const device = new Device();
    const client = await device.connect("Bob", server.url, { token });
    const room = await client.open(ROOM);
    expect(room.status.readOnly).toBe(false);
    await room.put(condition("c1")).saved;
    await level("read");
    await until(() => room.status.readOnly);
    await expect(room.put(condition("c2")).saved).rejects.toMatchObject({ code: "read-only" });
    await until(() => room.list("Condition").length === 1);
    await client.close();

    device.kill();
    device.network.cut();
    const again = await (await device.connect("Bob", server.url, { token })).open(ROOM);
    expect(again.status).toMatchObject({ synced: false, readOnly: true });
    await level("write");
    device.network.mend();
    await until(() => again.synced);
    expect(again.status.readOnly).toBe(false);
    await again.put(condition("c3")).saved;
  });

  test("who brings no token is signed out", async () => {
    const server = await startServerWithSignIn();
    const client = await connectAs("Alice", server.url);
    await until(() => client.status === "signed-out");
    expect(client.error).toMatchObject({ code: "authentication", message: "a token is needed" });
    client.signIn(server.token("Alice"));
    await until(() => client.status === "online");
  });
});
