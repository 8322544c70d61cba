/**
 * A text of a room in CodeMirror 6: what others write appears, the caret stays with its words, and
 * their carets show with their names.
 *
 * ```ts
 * new EditorView({ parent, extensions: [history(), keymap.of(historyKeymap), sharedText(text, room.presence)] });
 * ```
 * @module
 */
import { ChangeSet, EditorState, StateEffect, StateField, Transaction, type Extension, type Range, type TransactionSpec } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin, WidgetType, type DecorationSet, type ViewUpdate } from "@codemirror/view";
import type { ChartroomError, PagePresence, Present, TextChange, TextView } from "chartroom";

/** Where the carets of others are, by window. */
const moveCarets = StateEffect.define<readonly Present[]>();

/** A caret that others' writing moved is told again when they have paused: it was told by a text that lacked what they wrote. */
const SETTLES_MS = 200;

/** Whose carets are shown in which colour: one of eight, by name. */
const HUES = [12, 48, 96, 150, 192, 224, 268, 320];

/** Why the text cannot be written. */
const setFrozen = StateEffect.define<ChartroomError | null>();

/**
 * Binds an editor to a text; one that shows something else is given the text. With `presence` the
 * carets of the others in the same text are shown, and this window's is told. What the room cannot
 * take, since the note is signed for example, cannot be typed; undo takes back one's own typing.
 */
export function sharedText(text: TextView, presence?: PagePresence): Extension {
  return [
    // The text's lines are its own: a room counts every unit of it.
    EditorState.lineSeparator.of("\n"),
    EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, "\n")),
    EditorState.changeFilter.of((transaction) => transaction.annotation(Transaction.remote) === true || text.frozen === null),
    frozenField.init(() => text.frozen),
    ViewPlugin.define((view) => new Binding(view, text, presence)),
    presence ? [carets, caretTheme] : [],
  ];
}

const frozenField = StateField.define<ChartroomError | null>({
  create: () => null,
  update: (frozen, { effects }) => effects.reduce((last, effect) => (effect.is(setFrozen) ? effect.value : last), frozen),
  provide: (field) => [
    EditorState.readOnly.from(field, (frozen) => frozen !== null),
    EditorView.contentAttributes.from(field, (frozen): Record<string, string> => (frozen ? { "aria-readonly": "true", title: frozen.message } : {})),
  ],
});

class Binding {
  readonly #ends: (() => void)[];
  #isOver = false;
  /** Whether what the text tells of is this editor's own doing. */
  #isTelling = false;
  #settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly view: EditorView,
    readonly text: TextView,
    readonly presence: PagePresence | undefined,
  ) {
    this.#ends = [
      text.on("change", (change) => this.#show(change)),
      text.on("typed", (change) => this.#isTelling || this.#show(change)),
      text.on("frozen", (frozen) => this.#dispatch({ effects: setFrozen.of(frozen) })),
    ];
    if (presence) this.#ends.push(presence.onChange(() => this.#later(() => this.#showCarets())));
    // An editor cannot be changed while it is being made.
    this.#later(() => {
      this.#adopt();
      this.#showCarets();
    });
  }

  update({ docChanged, selectionSet, focusChanged, transactions, changes }: ViewUpdate): void {
    const isOwn = docChanged && !transactions.every((transaction) => !transaction.docChanged || transaction.annotation(Transaction.remote) === true);
    if (isOwn) this.#tell(changes);
    if (!this.presence) return;
    if (isOwn || selectionSet || focusChanged) this.#tellCaret();
    else if (docChanged) {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#tellCaret(), SETTLES_MS);
    }
  }

  destroy(): void {
    this.#isOver = true;
    clearTimeout(this.#settling);
    for (const end of this.#ends) end();
    this.presence?.update({ text: undefined, selection: undefined });
  }

  #show({ json }: TextChange): void {
    const changes = ChangeSet.fromJSON(json);
    if (changes.length === this.view.state.doc.length) this.#dispatch({ changes, annotations: REMOTE });
    else this.#adopt();
  }

  #tell(changes: ChangeSet): void {
    this.#isTelling = true;
    try {
      this.text.apply(changes.toJSON());
    } catch {
      // It was frozen a moment ago, or the editor got another document: the text stands.
      this.#later(() => this.#adopt());
    } finally {
      this.#isTelling = false;
    }
  }

  /** Shows the text, whatever the editor showed. */
  #adopt(): void {
    const [shown, text] = [this.view.state.doc, this.text.toString()];
    if (shown.toString() !== text) this.#dispatch({ changes: { from: 0, to: shown.length, insert: text }, annotations: REMOTE });
  }

  #showCarets(): void {
    const { presence, text } = this;
    if (presence) this.#dispatch({ effects: moveCarets.of(presence.people.filter(({ at }) => at.text === text.key)) });
  }

  #tellCaret(): void {
    const { anchor, head } = this.view.state.selection.main;
    if (this.view.hasFocus) this.presence?.update({ text: this.text.key, selection: [anchor, head] });
  }

  #dispatch(transaction: TransactionSpec): void {
    if (!this.#isOver) this.view.dispatch(transaction);
  }

  #later(act: () => void): void {
    queueMicrotask(() => this.#isOver || act());
  }
}

/** Undo takes back one's own typing, not what others wrote. */
const REMOTE = [Transaction.remote.of(true), Transaction.addToHistory.of(false)];

const carets = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (shown, { changes, effects, state }) => {
    const moved = shown.map(changes);
    const told = effects.find((effect) => effect.is(moveCarets));
    return told ? Decoration.set(told.value.flatMap((present) => caretOf(present, state.doc.length)), true) : moved;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function caretOf({ at, person, window }: Present, length: number): Range<Decoration>[] {
  if (!at.selection) return [];
  const [anchor, head] = at.selection.map((position) => Math.max(0, Math.min(length, position))) as [number, number];
  const name = person?.name ?? "Somebody";
  const hue = HUES[[...(person?.id ?? window)].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % HUES.length]!;
  const caret = Decoration.widget({ widget: new Caret(name, hue), side: 1 }).range(head);
  if (anchor === head) return [caret];
  const style = `background-color: hsl(${hue} 70% 50% / 0.2)`;
  return [Decoration.mark({ attributes: { style } }).range(Math.min(anchor, head), Math.max(anchor, head)), caret];
}

class Caret extends WidgetType {
  constructor(
    readonly name: string,
    readonly hue: number,
  ) {
    super();
  }

  override eq(other: Caret): boolean {
    return other.name === this.name && other.hue === this.hue;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = "cr-caret";
    caret.style.setProperty("--cr-hue", String(this.hue));
    const label = caret.appendChild(document.createElement("span"));
    label.className = "cr-caret-name";
    label.textContent = this.name;
    return caret;
  }

  override get estimatedHeight(): number {
    return -1;
  }
}

const caretTheme = EditorView.baseTheme({
  ".cr-caret": { position: "relative", borderLeft: "2px solid hsl(var(--cr-hue) 70% 40%)", marginLeft: "-1px", marginRight: "-1px" },
  ".cr-caret-name": {
    position: "absolute",
    bottom: "100%",
    left: "-1px",
    padding: "0 4px",
    borderRadius: "3px 3px 3px 0",
    font: "600 11px/1.4 system-ui, sans-serif",
    whiteSpace: "nowrap",
    color: "white",
    backgroundColor: "hsl(var(--cr-hue) 70% 28%)",
    pointerEvents: "none",
  },
});
