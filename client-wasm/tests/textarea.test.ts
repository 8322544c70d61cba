// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { bindTextarea, type PagePresence, type TextView, type Whereabouts } from "chartroom";
import { connectAs, startServer, until, withServer } from "./server.js";
import { agree, HERE, note, ROOM, writers } from "./notes.js";

const ends: (() => void)[] = [];

afterEach(() => ends.splice(0).forEach((end) => end()));

function bound(text: TextView, presence?: PagePresence): HTMLTextAreaElement {
  const area = document.createElement("textarea");
  document.body.append(area);
  ends.push(bindTextarea(text, area, presence), () => area.remove());
  return area;
}

/** As a person does: at the caret, and with the event that a browser sends. */
function type(area: HTMLTextAreaElement, typed: string): void {
  if (!area.readOnly) area.setRangeText(typed, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input"));
}

const caret = ({ selectionStart, selectionEnd, selectionDirection }: HTMLTextAreaElement) => [selectionStart, selectionEnd, selectionDirection];

withServer("a textarea", () => {
  test("sends what is typed and shows what others write", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Seen today.");
    const [hers, his] = [bound(alice.text), bound(bob.text)];
    expect([hers.value, his.value]).toEqual(["Seen today.", "Seen today."]);
    hers.setSelectionRange(4, 4);
    type(hers, " at home");
    await until(() => his.value === "Seen at home today.");
    his.setSelectionRange(0, 4);
    type(his, "Met");
    await until(() => hers.value === "Met at home today.");
    const { text } = alice;
    text.splice(text.length, 0, "\nAddendum");
    expect(hers.value).toBe("Met at home today.\nAddendum");
    await until(() => his.value === hers.value);
  });

  test("keeps caret and selection with their words", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "one two three");
    const area = bound(alice.text);
    /** Where the caret of Alice is after Bob's edit. */
    const after = async (selection: [from: number, to: number, direction?: "forward" | "backward"], splice: [at: number, remove: number, insert?: string]) => {
      area.setSelectionRange(...selection);
      bob.text.splice(...splice);
      await agree(bob.text, alice.text);
      expect(area.value).toBe(String(bob.text));
      const found = caret(area);
      bob.text.set("one two three");
      await agree(bob.text, alice.text);
      return found;
    };
    expect(await after([7, 7], [0, 0, "zero "])).toEqual([12, 12, expect.anything()]);
    expect(await after([7, 7], [8, 0, "and "])).toEqual([7, 7, expect.anything()]);
    // What is written where the caret is comes behind it, or two who write there mix their letters.
    expect(await after([7, 7], [7, 0, "!"])).toEqual([7, 7, expect.anything()]);
    expect(await after([6, 6], [4, 3, "2"])).toEqual([4, 4, expect.anything()]);
    expect(await after([4, 7, "backward"], [0, 3, "twenty"])).toEqual([7, 10, "backward"]);
    expect(await after([4, 7, "forward"], [5, 0, "--"])).toEqual([4, 9, "forward"]);
    expect(await after([4, 7, "forward"], [4, 0, ">"])).toEqual([5, 8, "forward"]);
    expect(await after([4, 7, "forward"], [7, 0, "<"])).toEqual([4, 7, "forward"]);
  });

  test("of a note that is signed or deleted cannot be written in", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Seen today.");
    const [hers, his] = [bound(alice.text), bound(bob.text)];
    const told: (string | undefined)[] = [];
    alice.text.on("frozen", (error) => told.push(error?.code));
    await bob.room.patch("DocumentReference", "n1", { description: "visit" }).saved;
    bob.room.remove("DocumentReference", "n1");
    await until(() => hers.readOnly && his.readOnly);
    await bob.room.restore("DocumentReference", "n1").saved;
    await until(() => !hers.readOnly && !his.readOnly);
    expect([told.splice(0), hers.title]).toEqual([["not-found", undefined], ""]);
    bob.room.patch("DocumentReference", "n1", { docStatus: "final" });
    expect([his.readOnly, his.title]).toEqual([true, "the note is signed; it can be amended, or get an addendum"]);
    await until(() => hers.readOnly);
    expect([told, alice.text.frozen?.code]).toEqual([["signed"], "signed"]);
    expect(() => alice.text.splice(0, 1)).toThrow(expect.objectContaining({ code: "signed" }));
    // What is typed all the same does not stay.
    hers.value = "Seen yesterday.";
    hers.dispatchEvent(new Event("input"));
    expect(hers.value).toBe("Seen today.");
    alice.room.close();
    expect([hers.readOnly, alice.text.frozen?.code]).toEqual([true, "room-closed"]);
  });

  test("leaves a word alone that an input method composes, and has everything afterwards", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "pain: ");
    const area = bound(alice.text);
    area.setSelectionRange(6, 6);
    area.dispatchEvent(new CompositionEvent("compositionstart"));
    for (const letter of ["t", "ou", "つ"]) {
      area.setRangeText(letter, 6, area.value.length, "end");
      area.dispatchEvent(new Event("input"));
    }
    bob.text.splice(0, 4, "severe pain");
    bob.text.splice(bob.text.length, 0, "(left)");
    await agree(bob.text, alice.text);
    expect(area.value).toBe("pain: つ");
    expect(String(alice.text)).toBe("severe pain: (left)");
    area.dispatchEvent(new CompositionEvent("compositionend"));
    expect(area.value).toBe(String(alice.text));
    expect(area.value.replace("つ", "")).toBe("severe pain: (left)");
    expect(area.value[area.selectionStart - 1]).toBe("つ");
    await agree(alice.text, bob.text);
    expect(String(bob.text)).toContain("つ");

    // Nothing came meanwhile: the word goes out as it was typed.
    area.dispatchEvent(new CompositionEvent("compositionstart"));
    type(area, "く");
    expect(String(alice.text)).not.toContain("く");
    area.dispatchEvent(new CompositionEvent("compositionend"));
    expect(String(alice.text)).toContain("つく");
  });

  test("and another one come to the same text while both are typed in", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Note: ");
    const [hers, his] = [bound(alice.text), bound(bob.text)];
    for (let n = 0; n < 60; n += 1) {
      type(hers, "abcdefghij"[n % 10]!);
      type(his, "0123456789"[n % 10]!);
      // Now and then both hear of each other in the middle of it.
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await agree(alice.text, bob.text);
    expect(hers.value).toBe(his.value);
    // Nothing is lost, nothing comes twice, and everybody's letters stand in their order.
    expect(hers.value.replace(/\d/g, "")).toBe("Note: " + "abcdefghij".repeat(6));
    expect(hers.value.replace(/\D/g, "")).toBe("0123456789".repeat(6));
    const carol = await connectAs("Carol", server.url, HERE);
    const text = await (await carol.open(ROOM)).text("DocumentReference", note.id, "content");
    await until(() => String(text) === hers.value);
  });

  test("says where the caret is, and nothing once it is unbound", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "one two");
    const told: Whereabouts[] = [];
    const area = document.createElement("textarea");
    const end = bindTextarea(alice.text, area, { update: (at: Whereabouts) => told.push(at) } as unknown as PagePresence);
    area.setSelectionRange(4, 7, "backward");
    area.dispatchEvent(new Event("select"));
    expect(told.at(-1)).toEqual({ text: alice.text.key, selection: [7, 4] });
    type(area, "2");
    expect(told.at(-1)).toEqual({ text: alice.text.key, selection: [5, 5] });
    end();
    expect(told.at(-1)).toEqual({ text: undefined, selection: undefined });
    type(area, "!");
    bob.text.splice(0, 0, "zero ");
    await agree(bob.text, alice.text);
    expect([area.value, String(alice.text)]).toEqual(["one 2!", "zero one 2"]);
  });

  test("that is closed in the middle of a word loses none of it", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "");
    const area = bound(alice.text);
    type(area, "first");
    // The rest is typed when the first of it has gone out, or is about to.
    await new Promise((resolve) => setTimeout(resolve, 41));
    type(area, " second");
    alice.room.close();
    await until(() => String(bob.text) === "first second");
  });
});
