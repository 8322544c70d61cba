import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChartroomError, connect, type Client, type ConnectOptions, type Room } from "chartroom";
import WebSocket from "ws";
import { until } from "./server.js";

/** Nobody listens on the discard port of this machine. */
const options: ConnectOptions = { url: "ws://127.0.0.1:9/sync", WebSocket, person: { id: "alice", name: "Alice" } };
const condition = (id: string) => ({ resourceType: "Condition", id, subject: { reference: "Patient/p1" }, code: { text: id } });
const code = (body: () => unknown): string | undefined => {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(ChartroomError);
    return (error as ChartroomError).code;
  }
  return undefined;
};

let client: Client;
let room: Room;

beforeEach(async () => {
  client = await connect(options);
  room = await client.open("patient:p1");
});

afterEach(() => client.close());

describe("without a server", () => {
  test("a room opens with what is known, and edits show at once", () => {
    expect(client.status).toBe("offline");
    expect(room.list("Condition")).toEqual([]);
    const edit = room.put(condition("c1"));
    expect([edit.state, edit.resource]).toEqual(["new", { type: "Condition", id: "c1" }]);
    expect(room.get("Condition", "c1")).toEqual(condition("c1"));
    expect(room.status).toEqual({ synced: false, unsaved: 1, progress: null, readOnly: false, error: null });
  });

  test("an edit that changes nothing is no edit", async () => {
    room.put(condition("c1"));
    const again = room.put(condition("c1"));
    await again.saved;
    expect([again.hash, again.state]).toEqual([null, "saved"]);
    expect(room.unsaved).toBe(1);
  });

  test("arrays and objects stay the same until their own content changes", () => {
    room.put(condition("c1"));
    room.put(condition("c2"));
    const [list, c1, c2] = [room.list("Condition"), room.get("Condition", "c1"), room.get("Condition", "c2")];
    expect(list).toEqual([c1, c2]);
    room.put({ resourceType: "Procedure", id: "p", status: "completed", subject: { reference: "Patient/p1" } });
    expect(room.list("Condition")).toBe(list);
    room.patch("Condition", "c2", { code: { text: "other" } });
    expect(room.list("Condition")).not.toBe(list);
    expect(room.get("Condition", "c1")).toBe(c1);
    expect(room.get("Condition", "c2")).not.toBe(c2);
    room.remove("Condition", "c1");
    expect(room.list("Condition").map(({ id }) => id)).toEqual(["c2"]);
    expect(room.get("Condition", "c1")).toBeUndefined();
  });

  test("subscribers hear batches, single events by name, and status", async () => {
    const heard: string[] = [];
    room.on("change", (events) => heard.push(`change ${events.map((event) => event.event)}`));
    room.on("*", (event) => heard.push(`* ${event.event} ${event.local} ${event.author?.name}`));
    room.on("RESOURCE_CREATED", (event) => heard.push(event.event_type));
    room.on("status", (status) => heard.push(`unsaved ${status.unsaved}`));
    const stop = room.on("RESOURCE_DELETED", () => heard.push("never"));
    stop();
    stop();
    room.put(condition("c1"));
    room.remove("Condition", "c1");
    // An edit shows before it is an event.
    expect(heard.filter((line) => line.startsWith("change"))).toEqual(["change ", "change "]);
    await until(() => heard.some((line) => line.includes("RESOURCE_DELETED")));
    expect(heard).toContain("* RESOURCE_CREATED true Alice");
    expect(heard).toContain("resource.created");
    expect(heard).toContain("unsaved 2");
    expect(heard).not.toContain("never");
    expect(heard.filter((line) => /^change ./.test(line))).toHaveLength(2);
  });

  test("a listener that edits does not trap the engine", async () => {
    room.on("RESOURCE_CREATED", (event) => {
      if (event.resource_id === "c1") room.put(condition("c2"));
    });
    room.put(condition("c1"));
    await until(() => room.list("Condition").length === 2);
    expect(room.list("Condition").map(({ id }) => id)).toEqual(["c1", "c2"]);
  });

  test("what is wrong with a command is said with a code", async () => {
    const bad = (resource: unknown) => code(() => room.put(resource as never));
    expect(bad({ resourceType: "Nonsense", id: "1" })).toBe("unknown-resource-type");
    expect(bad({ resourceType: "Condition" })).toBe("bad-id");
    expect(bad({ resourceType: "Condition", id: "a b" })).toBe("bad-id");
    expect(bad(null)).toBe("bad-shape");
    expect(bad([condition("c1")])).toBe("bad-shape");
    const holdsItself: { [name: string]: unknown } = { ...condition("c1") };
    holdsItself.note = [{ holdsItself }];
    const unfit = [Number.NaN, 1n, new Date(), () => {}, new Map(), Symbol("s")].map((note) => ({ ...condition("c1"), note }));
    expect([...unfit, holdsItself].map(bad)).toEqual(Array.from({ length: 7 }, () => "bad-value"));
    expect(code(() => room.batch(() => {}))).toBe("bad-shape");
    expect(code(() => room.patch("Condition", "none", { code: null }))).toBe("not-found");
    expect(code(() => room.remove("Condition", "none"))).toBe("not-found");
    expect(room.unsaved).toBe(0);
    // What only the engine knows comes a moment later, and what was shown goes back.
    const refused: string[] = [];
    room.on("refused", (edits) => refused.push(...edits.map(({ code }) => code)));
    const edit = room.put({ ...condition("c1"), subject: { reference: "Patient/other" } });
    expect(room.list("Condition")).toHaveLength(1);
    await expect(edit.saved).rejects.toMatchObject({ code: "wrong-patient" });
    expect([room.list("Condition"), refused, room.unsaved]).toEqual([[], ["wrong-patient"], 0]);
  });

  test("calls after close throw, and closing twice does not", async () => {
    const edit = room.put(condition("c1"));
    const other = await client.open("patient:p1");
    room.close();
    room.close();
    expect(code(() => room.list("Condition"))).toBe("room-closed");
    expect(code(() => room.put(condition("c2")))).toBe("room-closed");
    expect(other.list("Condition")).toHaveLength(1);
    await client.close();
    await client.close();
    expect(client.status).toBe("closed");
    expect(code(() => other.list("Condition"))).toBe("client-closed");
    await expect(client.open("patient:p1")).rejects.toMatchObject({ code: "client-closed" });
    await expect(edit.saved).rejects.toMatchObject({ code: "client-closed" });
  });

  test("options that cannot work are refused at once", async () => {
    await expect(connect({ ...options, url: "nowhere" })).rejects.toMatchObject({ code: "bad-url" });
    await expect(client.open("Patient 1")).rejects.toMatchObject({ code: "room-name-invalid" });
  });
});
