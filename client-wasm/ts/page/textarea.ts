import type { Unsubscribe } from "../types.js";
import type { PagePresence } from "./presence.js";
import type { TextView } from "./text.js";

/**
 * Binds a text of a room to a `<textarea>` or `<input>`: what is typed goes to the room, what others
 * write appears, and the caret stays with its words. Ends with the function that it gives.
 */
export function bindTextarea(text: TextView, area: HTMLTextAreaElement | HTMLInputElement, presence?: PagePresence): Unsubscribe {
  const show = () => {
    const frozen = text.frozen;
    area.readOnly = frozen !== null;
    area.title = frozen?.message ?? "";
  };
  const typed = () => {
    try {
      text.set(area.value);
    } catch {
      // The note was signed a moment ago.
      area.value = text.toString();
    }
    show();
    tellCaret();
  };
  const tellCaret = () => {
    const { selectionStart, selectionEnd, selectionDirection } = area;
    if (!presence || selectionStart === null || selectionEnd === null) return;
    const isBackward = selectionDirection === "backward";
    presence.update({ text: text.key, selection: isBackward ? [selectionEnd, selectionStart] : [selectionStart, selectionEnd] });
  };
  area.value = text.toString();
  show();
  const ends = [
    text.on("change", (change) => {
      const { selectionStart: start, selectionEnd: end, selectionDirection: direction } = area;
      area.value = text.toString();
      if (start !== null && end !== null) {
        const [from, to] = [change.position(start, 1), change.position(end, start === end ? 1 : -1)];
        area.setSelectionRange(from, Math.max(from, to), direction ?? "none");
      }
      show();
    }),
    text.on("refused", show),
  ];
  area.addEventListener("input", typed);
  area.addEventListener("select", tellCaret);
  return () => {
    area.removeEventListener("input", typed);
    area.removeEventListener("select", tellCaret);
    for (const end of ends) end();
    presence?.update({ text: undefined, selection: undefined });
  };
}
