/** The text of a note for as long as a component shows it, and what is typed too late. */
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import type { RefusedEdit, Room, TextView } from "../shared/chartroom";
import { TEXT } from "./write";

/** The text; undefined until it can be read, and without a type. */
export function useNoteText(room: Room, type: string | undefined, id: string): TextView | undefined {
  const [text, setText] = useState<TextView>();
  useEffect(() => {
    if (type === undefined) return;
    let gone = false;
    let opened: TextView | undefined;
    room.text(type, id, TEXT).then(
      (view) => {
        opened = view;
        if (gone) view.close();
        else setText(view);
      },
      // The room was closed before the text was there; so is this page.
      () => undefined,
    );
    return () => {
      gone = true;
      opened?.close();
      setText(undefined);
    };
  }, [room, type, id]);
  // One that was just closed hears of nothing more.
  return type === undefined ? undefined : text;
}

/** What a text says, live. */
export function useWords(text: TextView | undefined): string {
  const subscribe = useCallback(
    (listener: () => void) => {
      if (!text) return () => undefined;
      const ends = [text.on("change", listener), text.on("typed", listener)];
      return () => ends.forEach((end) => end());
    },
    [text],
  );
  return useSyncExternalStore(subscribe, () => text?.toString() ?? "");
}

/** The edits that were refused and that nobody has dropped, live. */
export function useRefused(room: Room): readonly RefusedEdit[] {
  const subscribe = useCallback((listener: () => void) => room.on("refused", listener), [room]);
  return useSyncExternalStore(subscribe, () => room.refused);
}
