/** A control outside of every dialog that the Tab key reaches from within one: it comes behind the dialog's last. */
import { useEffect, useRef } from "react";
import { controlsOf, DIALOG } from "../shared/focus";

export function useStopOfDialogs<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  useEffect(() => {
    const turn = (event: KeyboardEvent) => {
      const dialog = [...document.querySelectorAll<HTMLElement>(DIALOG)].at(-1);
      if (event.key !== "Tab" || !ref.current || !dialog) return;
      const stops = controlsOf(dialog);
      const [first, last] = event.shiftKey ? [stops.at(-1), stops[0]] : [stops[0], stops.at(-1)];
      const at = document.activeElement;
      const next = at === ref.current ? first : at === last ? ref.current : undefined;
      if (!next) return;
      event.preventDefault();
      next.focus();
    };
    // Before the dialog, which turns the key round within itself.
    document.addEventListener("keydown", turn, true);
    return () => document.removeEventListener("keydown", turn, true);
  }, []);
  return ref;
}
