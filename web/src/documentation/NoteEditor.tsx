/** The text of a note as several people write it, with everybody's carets. Loaded when a note is written. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import type { PagePresence, TextView } from "chartroom";
import { sharedText } from "chartroom/codemirror";
import { useEffect, useRef } from "react";
import classes from "./Documentation.module.css";

interface Props {
  text: TextView;
  presence: PagePresence;
  label: string;
  canEdit: boolean;
  /** Whether to go on behind the first heading. */
  isBegun: boolean;
  onFocus: () => void;
}

export default function NoteEditor({ text, presence, label, canEdit, isBegun, onFocus }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const view = new EditorView({
      parent: place.current!,
      doc: text.toString(),
      extensions: [
        history(),
        // The Tab key goes on to the next field, as on the rest of the page.
        keymap.of([...historyKeymap, ...defaultKeymap]),
        EditorView.lineWrapping,
        EditorState.readOnly.of(!canEdit),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "true", autocorrect: "on" }),
        sharedText(text, presence),
      ],
    });
    if (isBegun) {
      view.dispatch({ selection: { anchor: view.state.doc.line(1).to } });
      view.focus();
    }
    return () => view.destroy();
  }, [text, presence, label, canEdit, isBegun]);
  return <div ref={place} className={classes["editor"]} onFocus={onFocus} />;
}
