/**
 * Keeps the cards that somebody reads where they are while others come, go and grow above them.
 *
 * The browser's own anchoring follows one card, also when that one goes to the head of the column
 * for its priority. Here the middle of all shifts counts. At the top the top stays: what is urgent
 * comes there.
 */
import { useCallback, useEffect, useLayoutEffect, useRef } from "react";

/** For the element that scrolls; its cards have the attribute `data-entry`. */
export function useSteadyScroll(rows: readonly unknown[]) {
  const ref = useRef<HTMLDivElement>(null);
  const seen = useRef<ReadonlyMap<string, number>>(new Map());
  const look = useCallback(() => {
    const box = ref.current;
    const isScrolled = box !== null && box.scrollTop > 0;
    seen.current = isScrolled ? new Map([...topsOf(box)].filter(([, top]) => top >= 0 && top < box.clientHeight)) : new Map();
  }, []);
  const keep = useCallback(() => {
    const box = ref.current;
    if (!box || seen.current.size === 0) return;
    const now = topsOf(box);
    const shifts = [...seen.current].flatMap(([id, top]) => (now.has(id) ? [now.get(id)! - top] : []));
    box.scrollTop += shifts.sort((a, b) => a - b)[Math.floor(shifts.length / 2)] ?? 0;
    look();
  }, [look]);
  useLayoutEffect(keep, [rows, keep]);
  useEffect(() => {
    const list = ref.current?.querySelector("ul");
    const observer = new ResizeObserver(keep);
    if (list) observer.observe(list);
    return () => observer.disconnect();
  }, [keep]);
  return { ref, onScroll: look };
}

function topsOf(box: HTMLElement): ReadonlyMap<string, number> {
  const top = box.getBoundingClientRect().top;
  const cards = [...box.querySelectorAll<HTMLElement>("[data-entry]")];
  return new Map(cards.map((card) => [card.dataset["entry"] ?? "", card.getBoundingClientRect().top - top]));
}
