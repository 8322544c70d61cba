// Tabs of one browser, as far as Node has them: its BroadcastChannel, and locks of a test's own.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startServer, until, withServer } from "./server.js";
import { Device } from "./device.js";

const ROOM = "patient:p1";
const NOWHERE = "ws://127.0.0.1:9/sync";
const A = "AllergyIntolerance";
const allergy = (id: string) => ({ resourceType: A, id, code: { text: id }, patient: { reference: "Patient/p1" } });

type Held = (lock: { name: string } | null) => unknown;

/** Exclusive locks, as the Web Locks API has them. */
class Locks {
  readonly #held = new Map<string, { lost(error: unknown): void }>();
  readonly #waiting = new Map<string, (() => void)[]>();

  request(name: string, ...rest: [Held] | [{ ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal }, Held]): Promise<unknown> {
    const [options, held] = rest.length === 1 ? [{}, rest[0]] : rest;
    return new Promise((resolve, reject) => {
      const take = () => {
        const mine = { lost: reject };
        this.#held.set(name, mine);
        void Promise.resolve(held({ name })).then(resolve, reject).finally(() => {
          if (this.#held.get(name) !== mine) return;
          this.#held.delete(name);
          this.#waiting.get(name)?.shift()?.();
        });
      };
      if (options.steal) {
        this.#held.get(name)?.lost(new DOMException("the lock was stolen", "AbortError"));
        return take();
      }
      if (!this.#held.has(name)) return take();
      if (options.ifAvailable) return void Promise.resolve(held(null)).then(resolve, reject);
      const queue = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, queue);
      queue.push(take);
      options.signal?.addEventListener("abort", () => {
        if (!queue.includes(take)) return;
        queue.splice(queue.indexOf(take), 1);
        reject(new DOMException("given up", "AbortError"));
      });
    });
  }
}

let device: Device;

beforeEach(() => {
  device = new Device();
  vi.stubGlobal("navigator", { locks: new Locks() });
});

afterEach(() => void vi.unstubAllGlobals());

test("two tabs show the same, and write one store", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  const [one, two] = [await first.open(ROOM), await second.open(ROOM)];
  const edits = [one.put(allergy("a1")), two.put(allergy("a2"))];
  await Promise.all(edits.map((edit) => edit.stored));
  await until(() => [one, two].every((room) => room.list(A).length === 2));
  expect(one.heads()).toEqual(two.heads());
  await until(() => [first, second].every(({ state }) => state.unsaved === 2 && state.unstored === 0 && state.storage === "ok"));
  expect(await device.rows("edits")).toBe(2);
  // Each takes back its own.
  expect([one.undo.undoText, two.undo.undoText]).toEqual(["add allergy a1", "add allergy a2"]);
  two.undo.undo();
  await until(() => one.list(A).length === 1);
});

test("a tab goes on where the one that had the store is closed, and loses nothing", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  const [one, two] = [await first.open(ROOM), await second.open(ROOM)];
  const statuses: string[] = [];
  second.onStatus((status) => statuses.push(status));
  await one.put(allergy("a1")).stored;
  const under = two.put(allergy("a2"));
  one.put(allergy("a3"));
  await first.close();
  await under.stored;
  const later = two.put(allergy("a4"));
  await later.stored;
  expect(two.list(A).map(({ id }) => id)).toEqual(["a1", "a2", "a3", "a4"]);
  expect(two.unsaved).toBe(4);
  expect(statuses).not.toContain("closed");
  await second.close();
  const third = await device.connect("Alice", NOWHERE);
  expect((await third.open(ROOM)).list(A)).toHaveLength(4);
  expect(await device.rows("edits")).toBe(4);
});

test("a refused edit that one tab has dealt with is dealt with in all", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  const [one, two] = [await first.open(ROOM), await second.open(ROOM)];
  await expect(one.put({ ...allergy("a1"), patient: { reference: "Patient/other" } }).saved).rejects.toMatchObject({ code: "wrong-patient" });
  await until(() => two.refused.length === 1);
  const told: number[] = [];
  one.on("refused", () => told.push(one.refused.length));
  const [refusal] = one.refused;
  two.refused[0]!.drop();
  await until(() => one.refused.length === 0);
  expect(told).toEqual([0]);
  expect(() => refusal!.retry()).toThrow(expect.objectContaining({ code: "settled" }));
});

test("a refusal that no store has goes on with its window, where the host is closed", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  const [, two] = [await first.open(ROOM), await second.open(ROOM)];
  await until(() => second.state.storage === "ok");
  const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("the disk is full", "QuotaExceededError");
  });
  try {
    await expect(two.put({ ...allergy("a1"), patient: { reference: "Patient/other" } }).saved).rejects.toMatchObject({ code: "wrong-patient" });
    await first.close();
    const third = await device.connect("Alice", NOWHERE);
    const three = await third.open(ROOM);
    await until(() => three.refused.length === 1);
    await until(() => third.state.refused === 1 && third.state.unstored === 1);
    three.refused[0]!.drop();
    await until(() => two.refused.length === 0 && second.state.refused === 0);
  } finally {
    full.mockRestore();
  }
});

test("signing out ends all tabs, and asks for what any of them has not sent", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  await (await first.open(ROOM)).put(allergy("a1")).stored;
  await expect(second.signOut()).rejects.toMatchObject({ code: "unsaved-edits" });
  expect([first.status, second.status]).not.toContain("closed");
  await second.signOut({ unsaved: "discard" });
  await until(() => first.status === "closed");
  expect(await device.disk.databases()).toEqual([]);
  const third = await device.connect("Alice", NOWHERE);
  expect((await third.open(ROOM)).list(A)).toEqual([]);
});

test("tabs type into one text", async () => {
  const [first, second] = [await device.connect("Alice", NOWHERE), await device.connect("Alice", NOWHERE)];
  const [one, two] = [await first.open(ROOM), await second.open(ROOM)];
  one.put({ resourceType: "DocumentReference", id: "n1", status: "current", content: [{ attachment: { title: "Note" } }], subject: { reference: "Patient/p1" } });
  await until(() => two.list("DocumentReference").length === 1);
  const [hers, too] = [await one.text("DocumentReference", "n1", "content"), await two.text("DocumentReference", "n1", "content")];
  for (let n = 0; n < 20; n += 1) {
    hers.splice(hers.length, 0, "a");
    too.splice(0, 0, "b");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until(() => hers.isSettled && too.isSettled && hers.toString() === too.toString() && hers.length === 40);
  // The host goes in the middle of it.
  too.splice(0, 0, "c");
  await first.close();
  too.splice(0, 0, "d");
  await until(() => too.isSettled);
  expect([...too.toString()].sort().join("")).toBe(`${"a".repeat(20)}${"b".repeat(20)}cd`);
});

withServer("tabs and a server", () => {
  test("use one connection, and the next tab's when the first is closed", async () => {
    const server = await startServer();
    const [first, second] = [await device.connect("Alice", server.url), await device.connect("Alice", server.url)];
    const [one, two] = [await first.open(ROOM), await second.open(ROOM)];
    await two.put(allergy("a1")).saved;
    await until(() => one.list(A).length === 1 && one.unsaved === 0);
    expect(device.network.dials).toBe(1);
    await first.close();
    await two.put(allergy("a2")).saved;
    expect(two.list(A)).toHaveLength(2);
    expect([second.status, device.network.dials]).toEqual(["online", 2]);
  });
});
