/** The entry that the address names: its page begins with it in sight, and it gets the focus. */
import { useEffect } from "react";
import { pointTo, rowOf } from "../shared/row";
import { useChartAddress } from "./address";

/** The id of the entry that is looked for, where it is one of this type. */
export function useSoughtId(type: string): string | undefined {
  const { entry } = useChartAddress();
  return entry?.startsWith(`${type}/`) ? entry.slice(type.length + 1) : undefined;
}

/** Brings the entry into sight as soon as its page shows it; no more once the person does something else. */
export function useSought(tab: string): void {
  const { entry } = useChartAddress();
  useEffect(() => {
    if (entry === undefined) return;
    const id = entry.slice(entry.indexOf("/") + 1);
    const over = new AbortController();
    const show = () => {
      const row = document.querySelector<HTMLElement>("[data-sought]") ?? rowOf(document, id);
      if (!row) return;
      over.abort();
      pointTo(row);
    };
    // Pages come when they are loaded, and their rows with them.
    const watch = new MutationObserver(show);
    over.signal.addEventListener("abort", () => watch.disconnect());
    watch.observe(document.body, { childList: true, subtree: true });
    for (const act of ["keydown", "pointerdown"]) window.addEventListener(act, () => over.abort(), { capture: true, signal: over.signal });
    show();
    return () => over.abort();
  }, [tab, entry]);
}
