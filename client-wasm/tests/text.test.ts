import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ChartroomError, type RefusedEdit } from "chartroom";
import { Texts } from "../ts/host/texts.js";
import { changesBetween } from "../ts/host/text_diff.js";
import { SharedText } from "../ts/page/shared_text.js";
import type { Fault, FromPage, ToPage } from "../ts/protocol.js";
import type { Command } from "../ts/types.js";
import { connectAs, startServer, until, withServer } from "./server.js";
import { Device, Network } from "./device.js";

const KEY = "DocumentReference/n1/content";

/** Code units of a splice as the engine takes them: both halves of a pair. */
function wholeUnits(text: string, index: number, remove: number): [from: number, to: number] {
  const cuts = (at: number) => at > 0 && at < text.length && /[\ud800-\udbff]/.test(text[at - 1]!) && /[\udc00-\udfff]/.test(text[at]!);
  const from = cuts(index) ? index - 1 : Math.min(index, text.length);
  const end = Math.min(index + remove, text.length);
  return [from, remove === 0 ? from : cuts(end) ? end + 1 : end];
}

/** A host, its pages, and messages on their way between them, all by hand. */
class Bench {
  content = "";
  /** How many of the next commands are refused. */
  refusals = 0;
  readonly refused: string[] = [];
  readonly pages: { view: SharedText; out: FromPage[]; in: ToPage[] }[] = [];
  #texts!: Texts;
  #edits = 0;

  constructor(pages: number) {
    this.#start();
    for (let n = 0; n < pages; n += 1) {
      const page = { out: [] as FromPage[], in: [] as ToPage[], view: undefined as unknown as SharedText };
      page.view = new SharedText({
        page: `${n}`,
        room: "r",
        key: KEY,
        send: (message) => page.out.push(message),
        nextId: () => `${n}:${(this.#edits += 1)}`,
        frozen: () => undefined,
        counted: () => {},
        closed: () => {},
      });
      page.view.shown = 1;
      page.view.on("refused", ({ code }) => this.refused.push(code));
      this.pages.push(page);
      page.view.again();
    }
  }

  /** A page types, where it has got its text. */
  type(page: number, at: number, remove: number, insert: string): boolean {
    const { view } = this.pages[page % this.pages.length]!;
    const from = Math.floor(at * (view.length + 1));
    const length = Math.min(remove, view.length - from);
    view.splice(from, length, insert);
    return true;
  }

  /** The oldest message from a page arrives at the host. */
  hear(page: number): boolean {
    const number = page % this.pages.length;
    const message = this.pages[number]!.out.shift();
    if (message?.kind === "text-open") this.#texts.open(`${number}`, KEY);
    if (message?.kind === "text-change") {
      this.#texts.change(`${number}`, KEY, message.seen, message.changes, message.edit, (_edit, command) => this.#apply(command));
    }
    return message !== undefined;
  }

  /** The oldest message to a page arrives. */
  tell(page: number): boolean {
    const { view, in: waiting } = this.pages[page % this.pages.length]!;
    const message = waiting.shift();
    if (message?.kind === "text") view.told(message.content);
    if (message?.kind === "text-changed") view.changed(message.changes);
    if (message?.kind === "text-taken") view.taken(message.fault && new ChartroomError(message.fault.code, message.fault.message));
    return message !== undefined;
  }

  /** The server's changes come into the room. */
  remote(at: number, remove: number, insert: string, all: boolean): void {
    this.#splice(Math.floor(at * (this.content.length + 1)), remove, insert);
    this.#texts.touched(all ? [] : [KEY], all);
  }

  /** The host is lost with all that was under way; the room stays. */
  restart(): void {
    this.#start();
    this.pages.forEach((page) => {
      page.out.length = page.in.length = 0;
      page.view.again();
    });
  }

  /** Everything that is on its way arrives. */
  drain(): void {
    for (let quiet = 0; quiet < 2; ) {
      vi.advanceTimersByTime(100);
      const moved = this.pages.map((_, n) => [this.hear(n), this.tell(n)]).flat();
      quiet = moved.includes(true) ? 0 : quiet + 1;
    }
  }

  /** What each page shows, and what the host would tell one that came now. */
  shown(): string[] {
    const told: string[] = [];
    const fresh = new Texts(this.#room(), { say: (_page, message) => void (message.kind === "text" && told.push(message.content)) });
    fresh.open("fresh", KEY);
    this.#say = (_page, message) => void (message.kind === "text" && told.push(message.content));
    this.#texts.open("fresh", KEY);
    return [...told, ...this.pages.map(({ view }) => view.toString())];
  }

  #start(): void {
    this.#say = (page, message) => this.pages[Number(page)]!.in.push(message);
    this.#texts = new Texts(this.#room(), { say: (page, message) => this.#say(page, message) });
  }

  #say: (page: string, message: ToPage) => void = () => {};

  #room() {
    return { name: "r", textOf: () => this.content };
  }

  #apply(command: Command): Fault | undefined {
    if (command.kind !== "splice") throw new Error("only splices are made of typing");
    if (this.refusals > 0) {
      this.refusals -= 1;
      return { code: "signed", message: "the note is signed" };
    }
    this.#splice(command.index, command.delete, command.insert);
    // As the session does, in the middle of it.
    this.#texts.touched([KEY], false);
    return undefined;
  }

  #splice(index: number, remove: number, insert: string): void {
    const [from, to] = wholeUnits(this.content, index, remove);
    this.content = this.content.slice(0, from) + insert + this.content.slice(to);
  }
}

type Step = (bench: Bench) => unknown;

const place = fc.double({ min: 0, max: 0.999, noNaN: true });
const page = fc.nat(2);
const hear = page.map((n): Step => (bench) => bench.hear(n));
const tell = page.map((n): Step => (bench) => bench.tell(n));
const wait = fc.integer({ min: 1, max: 50 }).map((ms): Step => () => vi.advanceTimersByTime(ms));
const refuse = fc.constant<Step>((bench) => (bench.refusals += 1));
const restart = fc.constant<Step>((bench) => bench.restart());

const typing = (insert: fc.Arbitrary<string>, remove: fc.Arbitrary<number>) =>
  fc.tuple(page, place, remove, insert).map(([n, at, length, text]): Step => (bench) => bench.type(n, at, length, text));
const remotely = (insert: fc.Arbitrary<string>, remove: fc.Arbitrary<number>) =>
  fc.tuple(place, remove, insert, fc.boolean()).map(([at, length, text, all]): Step => (bench) => bench.remote(at, length, text, all));

/** Messages are more than keys, or nothing would come of them. */
const steps = (...more: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof({ arbitrary: hear, weight: 4 }, { arbitrary: tell, weight: 4 }, { arbitrary: wait, weight: 3 }, ...more.map((arbitrary) => ({ arbitrary, weight: 3 }))), { maxLength: 120, size: "max" });

const words = fc.oneof(fc.constantFrom("a", "bc", "\n", "x\ny", "é", "😀", "👍🏽", ""), fc.string({ maxLength: 5, unit: "grapheme" }));
const lengths = fc.oneof(fc.constant(0), fc.nat(4));

describe("pages and a host, one message at a time", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("come to the same text, whatever is typed and in whatever order it arrives", () => {
    const run = steps(typing(words, lengths), remotely(words, lengths));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), run, (pages, steps) => {
        const bench = new Bench(pages);
        bench.drain();
        for (const step of steps) step(bench);
        bench.drain();
        expect(bench.pages.map(({ view }) => view.isSettled)).not.toContain(false);
        expect(new Set(bench.shown())).toEqual(new Set([bench.content]));
        expect(bench.refused).toEqual([]);
      }),
      { numRuns: 1_500 },
    );
  });

  test("lose nothing that was typed, and write nothing twice", () => {
    let next = 0;
    const fresh = fc.constant(() => String.fromCharCode(0x4e00 + (next += 1)));
    const inserted: string[] = [];
    const insert = (type: (text: string) => unknown) => (text: () => string) => {
      const one = text();
      inserted.push(one);
      return type(one);
    };
    const typed = fc.tuple(page, place, fresh).map(([n, at, text]): Step => (bench) => insert((one) => bench.type(n, at, 0, one))(text));
    const came = fc.tuple(place, fresh, fc.boolean()).map(([at, text, all]): Step => (bench) => insert((one) => bench.remote(at, 0, one, all))(text));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), steps(typed, came), (pages, steps) => {
        next = inserted.length = 0;
        const bench = new Bench(pages);
        for (const step of steps) step(bench);
        bench.drain();
        expect(new Set(bench.shown())).toEqual(new Set([bench.content]));
        expect([...bench.content].sort()).toEqual(inserted.sort());
      }),
      { numRuns: 1_500 },
    );
  });

  test("give back what is refused, say so, and go on together", () => {
    let next = 0;
    const typed = fc.tuple(page, place).map(([n, at]): Step => (bench) => bench.type(n, at, 0, String.fromCharCode(0x4e00 + (next += 1))));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), steps(typed, remotely(words, lengths), refuse), (pages, steps) => {
        next = 0;
        const bench = new Bench(pages);
        for (const step of steps) step(bench);
        bench.drain();
        expect(new Set(bench.shown())).toEqual(new Set([bench.content]));
        const own = [...bench.content].filter((one) => one >= "\u4e00" && one <= "\u9fff");
        expect(new Set(own).size).toBe(own.length);
        expect(bench.refused.every((code) => code === "signed")).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });

  test("agree again with a host that takes the place of a lost one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), steps(typing(words, lengths), remotely(words, lengths), restart, refuse), (pages, steps) => {
        const bench = new Bench(pages);
        for (const step of steps) step(bench);
        bench.drain();
        expect(bench.pages.map(({ view }) => view.isSettled)).not.toContain(false);
        expect(new Set(bench.shown())).toEqual(new Set([bench.content]));
      }),
      { numRuns: 1_500 },
    );
  });

  test("one moment's typing is one message, and what others do moves it along", () => {
    const bench = new Bench(2);
    bench.drain();
    const [mine, other] = bench.pages.map(({ view }) => view) as [SharedText, SharedText];
    for (const [at, one] of [..."world"].entries()) mine.splice(at, 0, one);
    expect([mine.toString(), mine.isSettled, other.toString()]).toEqual(["world", false, ""]);
    vi.advanceTimersByTime(100);
    expect(bench.pages[0]!.out).toHaveLength(1);
    bench.drain();
    expect([mine.isSettled, other.toString()]).toEqual([true, "world"]);
    const moves: unknown[] = [];
    other.on("change", ({ parts, position }) => moves.push([parts, position(0), position(0, 1), position(5)]));
    mine.splice(0, 0, "Hello ");
    bench.drain();
    expect(moves).toEqual([[[{ from: 0, to: 0, insert: "Hello " }], 0, 6, 11]]);
    expect(other.toString()).toBe("Hello world");
  });
});

describe("differences", () => {
  test("lead from one text to the other, and cut no pair", () => {
    const text = fc.array(fc.constantFrom("a", "b", "\n", "😀", "😁", "🤀", "é"), { maxLength: 30, size: "max" }).map((all) => all.join(""));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const changes = changesBetween(before, after);
        let [read, at] = ["", 0];
        changes.iterChanges((from, to, _fromB, _toB, inserted) => {
          for (const part of [before.slice(0, from), before.slice(to), inserted.toString()]) expect(() => encodeURIComponent(part)).not.toThrow();
          read += before.slice(at, from) + inserted.toString();
          at = to;
        }, true);
        expect(read + before.slice(at)).toBe(after);
      }),
      { numRuns: 2_000 },
    );
  });

  test("of texts that have nothing in common are found in a moment", () => {
    const took = Array.from({ length: 3 }, () => {
      const began = performance.now();
      expect(changesBetween("a".repeat(3_999), "b".repeat(3_999)).newLength).toBe(3_999);
      return performance.now() - began;
    });
    // The machine may do something else in the middle of one.
    expect(Math.min(...took)).toBeLessThan(1_000);
  });
});

withServer("a note that people write together", () => {
  const ROOM = "patient:p1";
  const NOTE = ["DocumentReference", "n1", "content"] as const;
  const note = (docStatus = "preliminary") => ({
    resourceType: "DocumentReference",
    id: "n1",
    status: "current",
    docStatus,
    content: [{ attachment: { title: "Note" } }],
    subject: { reference: "Patient/p1" },
  });

  async function both() {
    const server = await startServer();
    const network = new Network();
    const [alice, bob] = await Promise.all([connectAs("Alice", server.url, { WebSocket: network.WebSocket }), connectAs("Bob", server.url)]);
    const [hers, his] = await Promise.all([alice.open(ROOM), bob.open(ROOM)]);
    await hers.put(note()).saved;
    await until(() => his.get("DocumentReference", "n1") !== undefined);
    const agree = () => until(() => [hers, his].every((room) => room.synced && room.unsaved === 0) && String(hers.heads()) === String(his.heads()));
    return { server, network, alice, bob, hers, his, agree };
  }

  test("holds what both typed at once, the same at both", async () => {
    const { server, hers, his } = await both();
    const [hersText, hisText] = await Promise.all([hers.text(...NOTE), his.text(...NOTE)]);
    expect([hersText.toString(), hersText.key, hersText.frozen]).toEqual(["", expect.stringMatching(/^DocumentReference.n1.content$/), null]);
    hersText.set("|");
    await until(() => hisText.toString() === "|");
    for (let n = 0; n < 50; n += 1) {
      hersText.splice(hersText.length, 0, `A${n} `);
      hisText.splice(0, 0, `B${n} `);
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => hersText.isSettled && hisText.isSettled && hers.unsaved + his.unsaved === 0);
    await until(() => hersText.toString() === hisText.toString() && hersText.toString().includes("B49 ") && hersText.toString().includes("A49 "));
    for (let n = 0; n < 50; n += 1) for (const who of ["A", "B"]) expect(hersText.toString().split(`${who}${n} `)).toHaveLength(2);
    expect(hers.conflicts()).toEqual([]);
    // Who comes later reads the same.
    const late = await (await connectAs("Charlie", server.url)).open(ROOM);
    expect((await late.text(...NOTE)).toString()).toBe(hersText.toString());
  });

  test("that was begun apart is for a person to choose from", async () => {
    const { network, alice, hers, his, agree } = await both();
    const [hersText, hisText] = await Promise.all([hers.text(...NOTE), his.text(...NOTE)]);
    network.cut();
    await until(() => alice.status === "offline");
    hersText.set("Hers.");
    hisText.set("His.");
    await until(() => hersText.isSettled && hisText.isSettled && his.unsaved === 0);
    network.mend();
    await agree();
    await until(() => hersText.toString() === hisText.toString() && hers.conflicts().length === 1 && his.conflicts().length === 1);
    const [conflict] = hers.conflicts();
    const { sides } = hers.describe(conflict!);
    expect(sides.map(({ text, author }) => [author?.name, text]).sort()).toEqual([["Alice", "Hers."], ["Bob", "His."]]);
    // One of them shows, the same one to both.
    expect(sides.find(({ shown }) => shown)!.text).toBe(hisText.toString());
  });

  test("takes along what was typed without a connection, and over a restart", async () => {
    const { server, hers, his } = await both();
    const hisText = await his.text(...NOTE);
    hisText.set("Seen today.");
    await until(() => hisText.isSettled && his.unsaved === 0);
    const device = new Device();
    const first = await device.connect("Alice", server.url);
    let room = await first.open(ROOM);
    await until(() => room.synced);
    let text = await room.text(...NOTE);
    expect(text.toString()).toBe("Seen today.");
    device.network.cut();
    await until(() => first.status === "offline");
    text.splice(0, 0, "At home: ");
    expect(room.unsaved).toBe(1);
    await until(() => first.state.unsaved === 1 && first.state.unstored === 0);
    await first.close();
    hisText.splice(hisText.length, 0, " Better.");
    await until(() => his.unsaved === 0 && hisText.isSettled);

    const offline = await device.connect("Alice", server.url);
    room = await offline.open(ROOM);
    text = await room.text(...NOTE);
    expect([text.toString(), room.unsaved]).toEqual(["At home: Seen today.", 1]);
    const changes: unknown[] = [];
    text.on("change", ({ parts }) => changes.push(parts));
    device.network.mend();
    await until(() => text.toString() === "At home: Seen today. Better.");
    await until(() => hisText.toString() === text.toString() && room.unsaved === 0);
    expect(changes).toEqual([[{ from: 20, to: 20, insert: " Better." }]]);
    expect(hers.unsaved).toBe(0);
  });

  test("is frozen when it is signed, for everyone", async () => {
    const { hers, his, agree } = await both();
    const [hersText, hisText] = await Promise.all([hers.text(...NOTE), his.text(...NOTE)]);
    hersText.set("Plan: rest.");
    await until(() => hersText.isSettled && hisText.toString() === "Plan: rest.");
    await hers.patch("DocumentReference", "n1", { docStatus: "final" }).saved;
    await agree();
    for (const text of [hersText, hisText]) {
      expect(text.frozen).toMatchObject({ name: "ChartroomError", code: "signed" });
      for (const write of [() => text.splice(0, 0, "x"), () => text.set("x")]) expect(write).toThrow(expect.objectContaining({ name: "ChartroomError", code: "signed" }));
      expect(text.toString()).toBe("Plan: rest.");
    }
    await hers.remove("DocumentReference", "n1").saved.catch(() => {});
    const gone = await hers.text("DocumentReference", "n2", "content");
    expect(gone.frozen).toMatchObject({ code: "not-found" });
    expect(() => gone.splice(0, 0, "x")).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  test("what was typed before the signature was known is refused and given back", async () => {
    const { network, alice, hers, his } = await both();
    const [hersText, hisText] = await Promise.all([hers.text(...NOTE), his.text(...NOTE)]);
    hisText.set("Plan: rest.");
    await until(() => hersText.toString() === "Plan: rest." && his.unsaved === 0);
    network.cut();
    await until(() => alice.status === "offline");
    hersText.splice(hersText.length, 0, " And tea.");
    await until(() => hersText.isSettled && hers.unsaved === 1);
    await his.patch("DocumentReference", "n1", { docStatus: "final" }).saved;
    const refused: RefusedEdit[] = [];
    hers.on("refused", (edits) => refused.push(...edits));
    network.mend();
    await until(() => refused.length > 0);
    expect(refused).toMatchObject([{ code: "signed", command: { kind: "splice", insert: " And tea.", index: 11 } }]);
    await until(() => hersText.toString() === "Plan: rest.");
    expect(hersText.frozen).toMatchObject({ code: "signed" });
    expect([hisText.toString(), hers.unsaved]).toEqual(["Plan: rest.", 0]);
  });

  test("keeps characters whole that are two units", async () => {
    const { hers, his } = await both();
    const [hersText, hisText] = await Promise.all([hers.text(...NOTE), his.text(...NOTE)]);
    const refused: string[] = [];
    hersText.on("refused", ({ code }) => refused.push(code));
    hersText.splice(0, 0, "😀 ok");
    await until(() => hisText.toString() === "😀 ok");
    expect(hisText.length).toBe(5);
    // These differ in their second unit alone.
    hersText.set("😁 ok");
    await until(() => hisText.toString() === "😁 ok");
    hisText.splice(2, 0, "👍🏽");
    await until(() => hersText.toString() === "😁👍🏽 ok");
    // Half a character goes whole.
    hisText.splice(1, 1);
    await until(() => hersText.toString() === "👍🏽 ok" && hisText.toString() === "👍🏽 ok");
    // And nothing comes between its halves.
    hisText.splice(1, 0, "!");
    await until(() => hersText.toString() === "!👍🏽 ok" && hisText.toString() === "!👍🏽 ok");
    expect(refused).toEqual([]);
  });

  test("says where a place is outside of it", async () => {
    const { hers } = await both();
    const text = await hers.text(...NOTE);
    text.splice(0, 0, "abc");
    const bad: [number, number][] = [[4, 0], [-1, 0], [0, 4], [2, 2], [0, -1], [Number.NaN, 0], [0, Number.NaN], [0.5, 0], [0, 0.5], [Number.POSITIVE_INFINITY, 0]];
    for (const [at, remove] of bad) expect(() => text.splice(at, remove, "x"), `${at} ${remove}`).toThrow(expect.objectContaining({ name: "ChartroomError", code: "out-of-range" }));
    expect(() => text.apply([1, [1, "x"]])).toThrow(expect.objectContaining({ code: "out-of-range" }));
    for (const json of [null, "x", [["a"]], [-3], [{}]]) expect(() => text.apply(json), JSON.stringify(json)).toThrow(expect.objectContaining({ name: "ChartroomError" }));
    expect(text.toString()).toBe("abc");
    for (const element of ["", "a b", "a/b", "$deleted", "1a"]) await expect(hers.text("DocumentReference", "n1", element)).rejects.toMatchObject({ code: "bad-shape" });
    await expect(hers.text("Nonsense", "n1", "content")).rejects.toMatchObject({ code: "unknown-resource-type" });
    await expect(hers.text("DocumentReference", "a b", "content")).rejects.toMatchObject({ code: "bad-id" });
  });

  test("that a note is made with is one for all, also where two begin to type apart", async () => {
    const server = await startServer();
    const [alice, bob] = [await connectAs("Alice", server.url), await connectAs("Bob", server.url)];
    const [hers, his] = [await alice.open(ROOM), await bob.open(ROOM)];
    const note = { resourceType: "DocumentReference", id: "fresh", status: "current", docStatus: "preliminary", content: [{ attachment: {} }], subject: { reference: "Patient/p1" } };
    await hers.batch((batch) => {
      batch.put(note);
      batch.text("DocumentReference", "fresh", "content", "");
    }).saved;
    await until(() => his.get("DocumentReference", "fresh") !== undefined);
    const texts = [await hers.text("DocumentReference", "fresh", "content"), await his.text("DocumentReference", "fresh", "content")] as const;
    await server.kill();
    await until(() => alice.status === "offline" && bob.status === "offline");
    texts[0].splice(0, 0, "Slept well. ");
    texts[1].splice(0, 0, "No pain. ");
    await until(() => hers.unsaved === 1 && his.unsaved === 1);
    await server.start();
    await until(() => hers.unsaved === 0 && his.unsaved === 0 && String(texts[0]) === String(texts[1]));
    expect([hers.conflicts(), his.conflicts(), String(texts[0]).length]).toEqual([[], [], 21]);
  });

  test("is one for all that show it in a window, until the last of them has closed it", async () => {
    const { bob, hers, his } = await both();
    const other = await bob.open(ROOM);
    const [first, second] = await Promise.all([his.text(...NOTE), other.text(...NOTE)]);
    const hersText = await hers.text(...NOTE);
    first.splice(0, 0, "last words");
    // Closing the room is as good as closing its texts.
    his.close();
    await until(() => hersText.toString() === "last words");
    expect(second.toString()).toBe("last words");
    second.splice(0, 0, "my ");
    await until(() => hersText.toString() === "my last words");
    // Closed and shown again before it is settled.
    second.splice(0, 0, "Hear ");
    second.close();
    const again = await other.text(...NOTE);
    await until(() => hersText.toString() === "Hear my last words");
    again.splice(0, 0, "!");
    await until(() => hersText.toString() === "!Hear my last words");
    again.close();
    await until(() => again.isSettled);
    expect(() => again.splice(0, 0, "x")).toThrow(expect.objectContaining({ code: expect.stringMatching(/closed/) }));
    // Closed twice, as with its room, is closed once.
    const third = await (await bob.open(ROOM)).text(...NOTE);
    const room = await bob.open(ROOM);
    const fourth = await room.text(...NOTE);
    fourth.close();
    room.close();
    third.splice(0, 0, "?");
    await until(() => hersText.toString() === "?!Hear my last words");
  });

  test("counts as unsaved edits while it is under way", async () => {
    const { server, alice, hers } = await both();
    const text = await hers.text(...NOTE);
    await server.kill();
    await until(() => alice.status === "offline");
    text.splice(0, 0, "abc");
    await until(() => text.isSettled);
    expect([hers.unsaved, hers.undo.undoText !== null]).toEqual([1, true]);
    await server.start();
    await until(() => hers.unsaved === 0);
  });
});

