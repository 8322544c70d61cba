// @vitest-environment happy-dom
import { history, redo, undo } from "@codemirror/commands";
import { EditorView } from "@codemirror/view";
import { afterEach, expect, test } from "vitest";
import type { PagePresence, Present, TextView, Whereabouts } from "chartroom";
import { sharedText } from "chartroom/codemirror";
import { startServer, until, withServer } from "./server.js";
import { agree, writers } from "./notes.js";

const editors: EditorView[] = [];

afterEach(() => editors.splice(0).forEach((editor) => editor.destroy()));

function bound(text: TextView, presence?: PagePresence, doc = String(text)): EditorView {
  const editor = new EditorView({ parent: document.body, doc, extensions: [history(), sharedText(text, presence)] });
  editors.push(editor);
  return editor;
}

/** As a person does, at the caret. */
function type(editor: EditorView, typed: string): void {
  editor.dispatch(editor.state.replaceSelection(typed), { userEvent: "input.type" });
}

const content = (editor: EditorView) => editor.state.doc.toString();

/** Presence that the test plays. */
function presenceOf(people: readonly Present[]) {
  const told: Whereabouts[] = [];
  const listeners = new Set<() => void>();
  const presence = {
    people,
    update: (at: Whereabouts) => void told.push(at),
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const move = (next: readonly Present[]) => {
    presence.people = next;
    listeners.forEach((listener) => listener());
  };
  return { presence: presence as unknown as PagePresence, told, move, listeners };
}

withServer("an editor", () => {
  test("sends what is typed, shows what others write, and keeps the caret with its words", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "one two");
    const [hers, his] = [bound(alice.text), bound(bob.text)];
    hers.dispatch({ selection: { anchor: 3 } });
    his.dispatch({ selection: { anchor: 7 } });
    type(hers, " and");
    await until(() => content(his) === "one and two");
    expect(his.state.selection.main.head).toBe(11);
    type(his, "\nthree\n");
    await until(() => content(hers) === "one and two\nthree\n");
    expect(hers.state.selection.main.head).toBe(7);
    // The app writes as well, a line of a template for example.
    alice.text.splice(0, 0, "0 ");
    expect(content(hers)).toBe("0 one and two\nthree\n");
    await until(() => content(his) === content(hers));
  });

  test("that begins with another document is given the text", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "one\r\ntwo");
    const editor = bound(alice.text, undefined, "something else");
    await until(() => content(editor) === "one\r\ntwo");
    editor.dispatch({ changes: { from: editor.state.doc.length, insert: "!" } });
    await until(() => String(bob.text) === "one\r\ntwo!");
  });

  test("undoes one's own typing only", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Seen today.");
    const editor = bound(alice.text);
    editor.dispatch({ selection: { anchor: 4 } });
    type(editor, " at home");
    await until(() => String(bob.text) === "Seen at home today.");
    bob.text.splice(0, 4, "Met");
    bob.text.splice(bob.text.length, 0, " Well.");
    await agree(bob.text, alice.text);
    expect(content(editor)).toBe("Met at home today. Well.");
    expect(undo(editor)).toBe(true);
    expect(content(editor)).toBe("Met today. Well.");
    expect(undo(editor)).toBe(false);
    await until(() => String(bob.text) === "Met today. Well.");
    expect(redo(editor)).toBe(true);
    await until(() => String(bob.text) === "Met at home today. Well.");
  });

  test("of a signed note cannot be written in, and shows what stands", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Seen today.");
    const editor = bound(alice.text);
    type(editor, "> ");
    await agree(alice.text, bob.text);
    expect([editor.state.readOnly, editor.contentDOM.getAttribute("aria-readonly")]).toEqual([false, null]);
    bob.room.patch("DocumentReference", "n1", { docStatus: "final" });
    await until(() => editor.state.readOnly);
    expect([editor.contentDOM.getAttribute("aria-readonly"), editor.contentDOM.title]).toEqual(["true", "the note is signed; it can be amended, or get an addendum"]);
    type(editor, "late");
    expect(undo(editor)).toBe(false);
    // An extension that goes round the filters does not go round the room.
    editor.dispatch({ changes: { from: 0, insert: "late" }, filter: false });
    await until(() => content(editor) === "> Seen today.");
    expect([String(alice.text), String(bob.text)]).toEqual(["> Seen today.", "> Seen today."]);
  });

  test("and another one come to the same text while both are typed in", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "Note: ");
    const [hers, his] = [bound(alice.text), bound(bob.text)];
    for (const editor of [hers, his]) editor.dispatch({ selection: { anchor: 6 } });
    for (let n = 0; n < 60; n += 1) {
      type(hers, "abcdefghij"[n % 10]!);
      type(his, n % 9 === 8 ? "\n" : "0123456789"[n % 10]!);
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await agree(alice.text, bob.text);
    expect([content(hers), content(his)]).toEqual([String(alice.text), String(alice.text)]);
    expect(content(hers).replace(/[\d\n]/g, "")).toBe("Note: " + "abcdefghij".repeat(6));
    expect(content(hers).replace(/[^\n]/g, "")).toHaveLength(6);
  });

  test("shows the carets of the others with their names, and tells its own", async () => {
    const server = await startServer();
    const [alice, bob] = await writers(server.url, "one two three");
    const { key } = alice.text;
    const at = (window: string, name: string | null, text: string, selection: [number, number]): Present => ({
      window,
      person: name === null ? null : { id: name.toLowerCase(), name },
      at: { text, selection },
    });
    const { presence, told, move, listeners } = presenceOf([at("w1", "Bob", key, [3, 3]), at("w2", "Carol", "another text", [0, 0])]);
    const editor = bound(alice.text, presence);
    const names = () => [...editor.dom.querySelectorAll(".cr-caret-name")].map((label) => label.textContent);
    /** The text before the caret in its line. */
    const before = () => {
      const caret = editor.dom.querySelector(".cr-caret")!;
      let text = "";
      for (let node = caret.previousSibling; node; node = node.previousSibling) text = node.textContent + text;
      return text;
    };
    await until(() => names().length > 0);
    expect([names(), before()]).toEqual([["Bob"], "one"]);
    // It stays with its words until Bob is heard of again.
    bob.text.splice(0, 0, "zero ");
    await until(() => content(editor) === "zero one two three");
    expect(before()).toBe("zero one");
    move([at("w1", "Bob", key, [5, 8]), at("w3", null, key, [999, 999])]);
    await until(() => names().length === 2);
    expect(names()).toEqual(["Bob", "Somebody"]);
    expect(editor.dom.querySelector("[style*='background-color']")?.textContent).toBe("one");
    move([]);
    await until(() => names().length === 0);

    // The page of these tests tells of a selection while the editor makes it.
    Object.defineProperty(editor, "hasFocus", { value: true });
    editor.dispatch({ selection: { anchor: 8, head: 5 } });
    expect(told.at(-1)).toEqual({ text: key, selection: [8, 5] });
    // Once others have paused it is told again, by the text that has what they wrote.
    bob.text.splice(0, 0, "so ");
    await until(() => told.at(-1)?.selection?.[0] === 11);
    expect(told.at(-1)).toEqual({ text: key, selection: [11, 8] });
    bob.text.splice(0, 3);
    await until(() => content(editor) === "zero one two three");
    editor.destroy();
    expect([told.at(-1), listeners.size]).toEqual([{ text: undefined, selection: undefined }, 0]);
    // Nobody listens any more.
    bob.text.splice(0, 5);
    await agree(bob.text, alice.text);
    expect(content(editor)).toBe("zero one two three");
  });
});
