/** The row of an entry on the page: whether it is before the person's eyes, and taking them there. */

/** The first row of an entry on the tab that is shown. */
export function rowOf(page: Document, id: string): HTMLElement | undefined {
  const rows = page.querySelectorAll<HTMLElement>("main :is([data-entry], [data-result], [data-report], [data-study])");
  return [...rows].find(({ dataset }) => [dataset["entry"], dataset["result"], dataset["report"], dataset["study"]].includes(id));
}

/**
 * Whether the person sees the row, whose own mark is enough then: half of it below the header and
 * above the end of the window, with no dialog in front. A row further down the page is not seen.
 */
export function isInView(page: Document, id: string): boolean {
  const row = isBusy(page) ? undefined : rowOf(page, id);
  if (!row) return false;
  const { top, bottom, height } = row.getBoundingClientRect();
  const middle = (top + bottom) / 2;
  const head = page.querySelector("header")?.getBoundingClientRect().bottom ?? 0;
  return height > 0 && middle > head && middle < (page.defaultView?.innerHeight ?? 0);
}

/** Whether the person is at a dialog, or at another window. */
export function isBusy(page: Document): boolean {
  return page.hidden || page.querySelector('[role="dialog"]') !== null;
}

/** Scrolls to a row, marks it until the next one is, and puts the focus there, as the person asked for it. */
export function pointTo(row: HTMLElement): void {
  for (const before of row.ownerDocument.querySelectorAll("[data-pointed]")) before.removeAttribute("data-pointed");
  row.dataset["pointed"] = "";
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "center" });
}

/** Follows where the person works, by pointer or by keys; the answer is the middle of that, from the window's left. */
export function followWork(page: Document): { at: () => number; end: () => void } {
  let x = 0;
  const point = (event: PointerEvent) => void (x = event.clientX);
  const key = () => {
    const { left, right } = page.activeElement?.getBoundingClientRect() ?? { left: 0, right: 0 };
    if (page.activeElement !== page.body) x = (left + right) / 2;
  };
  page.addEventListener("pointermove", point);
  page.addEventListener("pointerdown", point);
  page.addEventListener("keydown", key);
  page.addEventListener("focusin", key);
  const end = () => {
    page.removeEventListener("pointermove", point);
    page.removeEventListener("pointerdown", point);
    page.removeEventListener("keydown", key);
    page.removeEventListener("focusin", key);
  };
  return { at: () => x, end };
}
