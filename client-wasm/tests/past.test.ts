import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ChartroomError, connect, type ChartEvent, type Client, type Room } from "chartroom";
import WebSocket from "ws";
import { connectAs, startServer, until, withServer } from "./server.js";

const ROOM = "patient:p1";
const A = "AllergyIntolerance";
const ALICE = { id: "alice", name: "Alice" };
const allergy = (id: string, text = "Penicillin") => ({ resourceType: A, id, code: { text }, patient: { reference: "Patient/p1" } });
const code = (body: () => unknown): string | undefined => {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(ChartroomError);
    return (error as ChartroomError).code;
  }
  return undefined;
};
/** Heads name what the engine has; what only shows is not in them yet. */
const answered = (...edits: { hash: string | null }[]) => until(() => edits.every(({ hash }) => hash !== null));

describe("without a server", () => {
  let client: Client;
  let room: Room;

  beforeEach(async () => {
    client = await connect({ url: "ws://127.0.0.1:9/sync", WebSocket, person: ALICE });
    room = await client.open(ROOM);
  });

  afterEach(async () => {
    vi.useRealTimers();
    await client.close();
  });

  test("a batch happens as one change", async () => {
    room.put(allergy("a1"));
    room.put(allergy("a2"));
    const heard: (readonly ChartEvent[])[] = [];
    room.on("change", (events) => heard.push(events));
    const edit = room.batch((batch) => {
      batch.put(allergy("a3", "Latex"));
      batch.patch(A, "a1", { criticality: "high" });
      batch.remove(A, "a2");
    });
    const expected = [{ ...allergy("a1"), criticality: "high" }, allergy("a3", "Latex")];
    expect(room.list(A)).toEqual(expected);
    expect(room.unsaved).toBe(3);
    await answered(edit);
    expect(room.list(A)).toEqual(expected);
    expect(edit.resource).toEqual({ type: A, id: "a3" });
    for (const id of ["a1", "a2", "a3"]) expect((await room.history(A, id)).at(-1)!.hash).toBe(edit.hash);
    const touched = () => heard.map((events) => new Set(events.filter(({ changes }) => String(changes) === edit.hash).map(({ resource_id }) => resource_id)));
    await until(() => touched().some(({ size }) => size === 3));
  });

  test("a batch of which one part cannot be happens not at all", async () => {
    room.put(allergy("a1"));
    const stray = { ...allergy("a3"), patient: { reference: "Patient/other" } };
    const edit = room.batch((batch) => {
      batch.patch(A, "a1", { criticality: "high" });
      batch.put(stray);
    });
    expect(room.list(A)).toHaveLength(2);
    await expect(edit.saved).rejects.toMatchObject({ name: "ChartroomError", code: "wrong-patient" });
    expect(room.list(A)).toEqual([allergy("a1")]);
    expect([edit.state, edit.hash, room.unsaved]).toEqual(["refused", null, 1]);
    expect(room.refused).toMatchObject([{ code: "wrong-patient", command: { kind: "batch", commands: [{ kind: "patch" }, { kind: "put" }] } }]);
    // What is wrong on its face is thrown, and nothing of it done.
    const before = room.get(A, "a1");
    const bad = (write: Parameters<Room["batch"]>[0]) => code(() => room.batch(write));
    expect(bad(() => {})).toBe("bad-shape");
    expect(bad((batch) => (batch.patch(A, "a1", { criticality: "high" }), batch.remove(A, "none")))).toBe("not-found");
    expect(bad((batch) => (batch.patch(A, "a1", { criticality: "high" }), batch.put({ resourceType: "Nonsense", id: "1" })))).toBe("unknown-resource-type");
    expect(bad((batch) => batch.patch(A, "a b", {}))).toBe("bad-id");
    expect(bad((batch) => batch.put({ ...allergy("a4"), note: Number.NaN }))).toBe("bad-value");
    expect(bad(() => { throw new ChartroomError("of-the-app", "an app's own"); })).toBe("of-the-app");
    expect([room.get(A, "a1"), room.unsaved]).toEqual([before, 1]);
    const twice = room.batch((batch) => (batch.patch(A, "a1", { criticality: "high" }), batch.remove(A, "a1")));
    await expect(twice.saved).rejects.toMatchObject({ code: "twice" });
    expect(room.get(A, "a1")).toEqual(allergy("a1"));
  });

  test("the past is read at heads and at times, and does not move", async () => {
    const founded = room.heads();
    const first = room.put(allergy("a1"));
    await answered(first);
    const heads = room.heads();
    expect(heads).not.toEqual(founded);
    const ms = (await room.history(A, "a1"))[0]!.authored_ms;
    // Changes claim their time in whole seconds; the next has another one.
    await until(() => Date.now() >= ms + 1_000);
    await answered(room.patch(A, "a1", { criticality: "high" }), room.put(allergy("a2", "Latex")));
    const past = await room.at(heads);
    expect(past.heads).toEqual(heads);
    expect([await past.get(A, "a1"), await past.get(A, "a2"), await past.list(A)]).toEqual([allergy("a1"), undefined, [allergy("a1")]]);
    const then = await room.at(new Date(ms));
    expect(then.heads).toEqual(heads);
    expect(await then.list(A)).toEqual([allergy("a1")]);
    const now = await room.at(new Date());
    expect(await now.list(A)).toEqual(room.list(A));
    expect((await now.list(A)).map(({ id }) => id)).toEqual(["a1", "a2"]);
    const before = await room.at(new Date(ms - 1));
    expect([await before.list(A), await before.list("Condition")]).toEqual([[], []]);
    // A version out of the history reads the chart as it left it.
    const [created, patched] = await room.history(A, "a1");
    expect(await (await room.at([created!.hash])).get(A, "a1")).toEqual(allergy("a1"));
    expect(await (await room.at([patched!.hash])).get(A, "a1")).toEqual({ ...allergy("a1"), criticality: "high" });
    await answered(room.remove(A, "a1"));
    expect(await past.get(A, "a1")).toEqual(allergy("a1"));
  });

  test("heads that the room does not have are said to be unknown", async () => {
    const unknown = { name: "ChartroomError", code: "unknown-heads" };
    for (const heads of [["00".repeat(32)], ["nothing"], [""]]) {
      await expect((await room.at(heads)).get(A, "a1")).rejects.toMatchObject(unknown);
      await expect((await room.at(heads)).list(A)).rejects.toMatchObject(unknown);
      await expect((await room.at(heads)).export()).rejects.toMatchObject(unknown);
      await expect(room.changedSince(heads)).rejects.toMatchObject(unknown);
    }
    // It is the question that was wrong, not the room.
    await answered(room.put(allergy("a1")));
    expect(room.list(A)).toHaveLength(1);
  });

  test("the history tells each change of a resource, with who and what", async () => {
    const edits = [room.put(allergy("a1")), room.patch(A, "a1", { criticality: "high", onsetString: "childhood" }), room.remove(A, "a1"), room.restore(A, "a1"), room.put(allergy("a2"))];
    await answered(...edits);
    const history = await room.history(A, "a1");
    expect(history.map(({ action }) => action)).toEqual(["created", "updated", "deleted", "created"]);
    expect(history.map(({ hash }) => hash)).toEqual(edits.slice(0, 4).map(({ hash }) => hash));
    expect(history.map(({ author }) => author)).toEqual(Array.from({ length: 4 }, () => ALICE));
    expect(history[1]!.changed).toEqual(["criticality", "onsetString"]);
    for (const { authored_ms } of history) expect(Math.abs(Date.now() - authored_ms)).toBeLessThan(60_000);
    expect(await room.history(A, "none")).toEqual([]);
    await expect(room.history("Nonsense", "a1")).rejects.toMatchObject({ code: "unknown-resource-type" });
    await expect(room.history(A, "a b")).rejects.toMatchObject({ code: "bad-id" });
  });

  test("what changed since somebody last looked", async () => {
    await answered(room.put(allergy("a1")), room.put(allergy("a2")));
    const heads = room.heads();
    expect(await room.changedSince(heads)).toEqual([]);
    await answered(room.patch(A, "a1", { criticality: "high" }), room.put({ resourceType: "Condition", id: "c1", subject: { reference: "Patient/p1" } }));
    expect((await room.changedSince(heads)).sort()).toEqual([[A, "a1"], ["Condition", "c1"]]);
    await answered(room.remove(A, "a2"));
    expect((await room.changedSince(heads)).sort()).toEqual([[A, "a1"], [A, "a2"], ["Condition", "c1"]]);
    expect(await room.changedSince(room.heads())).toEqual([]);
  });

  test("an export is a Bundle of what stands, now or then", async () => {
    await answered(room.put(allergy("a1")), room.put({ resourceType: "Condition", id: "c1", subject: { reference: "Patient/p1" } }));
    const heads = room.heads();
    await answered(room.remove(A, "a1"));
    const resources = (bundle: object) => ((bundle as { entry?: { resource: object }[] }).entry ?? []).map(({ resource }) => resource);
    const bundle = await room.export();
    expect(bundle).toMatchObject({ resourceType: "Bundle", type: "collection" });
    expect(resources(bundle)).toEqual(room.list("Condition"));
    const then = await (await room.at(heads)).export();
    expect(then).toMatchObject({ resourceType: "Bundle", type: "collection" });
    expect(resources(then)).toEqual([allergy("a1"), ...room.list("Condition")]);
  });

  test("resources are found by what holds for them, and types by what is there", async () => {
    expect(room.types()).toEqual([]);
    room.put({ ...allergy("a1"), criticality: "high" });
    room.put({ ...allergy("a2"), criticality: "low" });
    room.put({ resourceType: "Condition", id: "c1", subject: { reference: "Patient/p1" } });
    expect(room.query("AllergyIntolerance", ({ criticality }) => criticality === "high").map(({ id }) => id)).toEqual(["a1"]);
    expect(room.query("Procedure", () => true)).toEqual([]);
    expect(room.types()).toEqual([A, "Condition"]);
    await answered(room.remove("Condition", "c1"));
    expect(room.types()).toEqual([A]);
    expect(code(() => room.query("AllergyIntolerance", () => { throw new ChartroomError("of-the-app", "an app's own"); }))).toBe("of-the-app");
  });

  test("the activity of this window is told without a connection", async () => {
    // All of it is of one millisecond.
    vi.useFakeTimers({ toFake: ["Date"] });
    await answered(room.put(allergy("a1")), room.put(allergy("a2", "Latex")), room.put(allergy("a3", "Nickel")));
    const activity = await room.activity();
    expect(activity.map(({ author, local, saved }) => [author, local, saved])).toEqual(Array.from({ length: 3 }, () => [ALICE, true, false]));
    expect(activity.map(({ text }) => text)).toEqual(["Nickel", "Latex", "Penicillin"].map((name) => `Alice added allergy ${name}`));
    expect(activity[0]!.event.resource_id).toBe("a3");
  });
});

withServer("a past that several people made", () => {
  test("names its authors, also for who comes later", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await hers.put(allergy("a1")).saved;
    await until(() => his.get(A, "a1") !== undefined);
    await his.patch(A, "a1", { criticality: "high" }).saved;
    const seen = his.heads();
    const charlie = await connectAs("Charlie", server.url);
    const late = await charlie.open(ROOM);
    await late.patch(A, "a1", { onsetString: "childhood" }).saved;
    const names = async (room: Room) => (await room.history(A, "a1")).map(({ author }) => author?.name);
    for (const room of [hers, his, late]) {
      await until(() => String(room.heads()) === String(late.heads()));
      expect(await names(room)).toEqual(["Alice", "Bob", "Charlie"]);
      const past = await room.at(seen);
      expect(await past.get(A, "a1")).toEqual({ ...allergy("a1"), criticality: "high" });
      expect(await room.changedSince(seen)).toEqual([[A, "a1"]]);
    }
  });

  test("tells the latest first: what is logged as saved, and what waits as not", async () => {
    const server = await startServer();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await hers.put(allergy("a1")).saved;
    await until(() => his.get(A, "a1") !== undefined);
    const deleted = his.remove(A, "a1");
    await deleted.saved;
    await his.put(allergy("a2", "Latex")).saved;
    await until(() => String(hers.heads()) === String(his.heads()));
    const late = await (await connectAs("Charlie", server.url)).open(ROOM);
    // Who was not there has it from the log, once that has answered in time.
    let told = await late.activity();
    await until(async () => told.length === 3 || (told = await late.activity()).length === 3);
    expect(told.map(({ author, saved, local }) => [author?.name, saved, local])).toEqual([["Bob", true, false], ["Bob", true, false], ["Alice", true, false]]);
    expect(told[0]!.text).toMatch(/^Bob added .*Latex$/);
    expect(told[2]!.text).toMatch(/^Alice added .*Penicillin$/);
    expect(told[1]!.text).toMatch(/^Bob deleted .*Penicillin$/);
    expect(told[1]!.event).toMatchObject({ action: "deleted", resource_id: "a1", changes: [deleted.hash] });
    expect(told.map(({ time }) => time)).toEqual(told.map(({ time }) => time).sort().reverse());
    // Who was there hears nothing twice.
    told = await his.activity();
    expect(told.map(({ author, local }) => [author?.name, local])).toEqual([["Bob", true], ["Bob", true], ["Alice", false]]);
    expect((await hers.activity({ events: 1 })).length).toBeGreaterThan(0);

    await server.kill();
    await until(() => bob.status === "offline");
    await answered(his.put(allergy("a3", "Nickel")));
    told = await his.activity();
    expect(told[0]).toMatchObject({ text: expect.stringMatching(/^Bob added .*Nickel$/), saved: false, local: true });
    expect(told).toHaveLength(4);
    await server.start();
    await until(() => his.unsaved === 0 && his.synced);
    // The log is asked for again on the new connection.
    await expect.poll(async () => (await his.activity()).map(({ saved }) => saved), { timeout: 10_000 }).toEqual([true, true, true, true]);
  });
});
