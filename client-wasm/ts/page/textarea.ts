import type { Unsubscribe } from "../types.js";
import type { PagePresence } from "./presence.js";
import type { TextChange } from "./shared_text.js";
import type { TextView } from "./text.js";

/**
 * Binds a text of a room to a `<textarea>`, or one of a single line to an `<input>`: what is typed
 * goes to the room, what others write appears, and the caret stays with its words. While an input
 * method composes a word, what others write waits; what the room cannot take cannot be typed. Ends
 * with the function that it gives.
 */
export function bindTextarea(text: TextView, area: HTMLTextAreaElement | HTMLInputElement, presence?: PagePresence): Unsubscribe {
  const { readOnly, title } = area;
  /** What came while a word is composed, and the text before it. */
  let composing: { before: string; came: TextChange[] } | undefined;
  /** Whether what the text tells of is this area's own doing. */
  let isTelling = false;

  const show = () => {
    // To take the area away would end the word in the middle.
    if (composing) return;
    const { frozen } = text;
    area.readOnly = readOnly || frozen !== null;
    area.title = frozen?.message ?? title;
  };
  const put = (position: TextChange["position"]) => {
    const { selectionStart: start, selectionEnd: end, selectionDirection: direction } = area;
    area.value = text.toString();
    if (start === null || end === null) return;
    // What is written at the caret is behind it, what is written at the ends of a selection beside it.
    const [from, to] = [position(start, start === end ? -1 : 1), position(end, -1)];
    area.setSelectionRange(from, Math.max(from, to), direction ?? "none");
  };
  const tellCaret = () => {
    const { selectionStart, selectionEnd, selectionDirection } = area;
    if (!presence || composing || selectionStart === null || selectionEnd === null) return;
    const isBackward = selectionDirection === "backward";
    presence.update({ text: text.key, selection: isBackward ? [selectionEnd, selectionStart] : [selectionStart, selectionEnd] });
  };
  const tell = (act: () => void) => {
    isTelling = true;
    try {
      act();
    } catch {
      // The note was signed a moment ago.
      put((at) => Math.min(at, text.length));
    }
    isTelling = false;
    show();
    tellCaret();
  };
  const typed = () => {
    if (composing) return;
    tell(() => text.set(area.value));
  };
  const composes = () => {
    composing ??= { before: text.toString(), came: [] };
  };
  const composed = () => {
    if (!composing) return;
    const { before, came } = composing;
    composing = undefined;
    tell(() => {
      if (came.length === 0) text.set(area.value);
      else put(text.applyBehind(came, before, area.value));
    });
  };

  const changed = (change: TextChange) => {
    if (isTelling) return;
    if (composing) composing.came.push(change);
    else put(change.position);
  };
  area.value = text.toString();
  show();
  const ends = [
    text.on("change", changed),
    text.on("typed", changed),
    text.on("refused", show),
    text.on("frozen", show),
  ];
  const listeners = { input: typed, select: tellCaret, keyup: tellCaret, click: tellCaret, compositionstart: composes, compositionend: composed };
  for (const [name, listener] of Object.entries(listeners)) area.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) area.removeEventListener(name, listener);
    for (const end of ends) end();
    area.readOnly = readOnly;
    area.title = title;
    presence?.update({ text: undefined, selection: undefined });
  };
}
