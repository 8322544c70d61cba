/** The focus is never lost: where what has it goes away, what is nearest takes it. */

export const DIALOG = "[role='dialog']";
const FOCUSABLE = ":is(a[href], button, input, select, textarea, [tabindex='0']):not(:disabled)";
/** More than the stops of a form, behind which is what opened it. */
const REMEMBERED = 100;

/** Watches the document for as long as it is not called off. */
export function keepFocus(document: Document): () => void {
  let held: HTMLElement | undefined;
  /** What had the focus, the last first; of what went away, what is nearest to its place. */
  let trail: HTMLElement[] = [];

  const taken = ({ target }: FocusEvent) => {
    if (!(target instanceof HTMLElement)) return;
    held = target;
    trail = [target, ...trail.filter((one) => one !== target)].slice(0, REMEMBERED);
  };
  // A press goes where it is meant to: the focus is not moved under it.
  const pressed = () => (held = undefined);
  // Who clicks beside everything lets go of it.
  const released = () => {
    const { activeElement } = document;
    held = activeElement instanceof HTMLElement && activeElement !== document.body ? activeElement : undefined;
  };
  const observer = new MutationObserver((records) => {
    trail = trail.flatMap((one) => (one.isConnected ? one : (successor(one, records) ?? [])));
    if (!held || document.activeElement !== document.body) return;
    // A button that was disabled while the server answered gets the focus back.
    if (held.isConnected) return held.focus({ preventScroll: true });
    const next = held.closest(DIALOG) || document.querySelector(DIALOG) ? trail[0] : successor(held, records);
    if (next) next.focus({ preventScroll: true });
    else focusOn(document.querySelector<HTMLElement>("h1") ?? document.querySelector("main"));
  });

  document.addEventListener("focusin", taken);
  document.addEventListener("pointerdown", pressed, true);
  document.addEventListener("mouseup", released, true);
  observer.observe(document.body, { subtree: true, childList: true, attributeFilter: ["disabled"] });
  return () => {
    document.removeEventListener("focusin", taken);
    document.removeEventListener("pointerdown", pressed, true);
    document.removeEventListener("mouseup", released, true);
    observer.disconnect();
  };
}

/** Puts the focus on the heading or the content of a page, and shows the page from its top. */
export function focusOn(element: HTMLElement | null): void {
  if (!element) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** The control nearest to where an element was: behind it, before it, or in what is around it. */
function successor(lost: HTMLElement, records: readonly MutationRecord[]): HTMLElement | undefined {
  let gone: Node = lost;
  for (const { removedNodes, target, nextSibling, previousSibling } of records) {
    if (![...removedNodes].some((node) => node.contains(gone))) continue;
    gone = target;
    if (!target.isConnected) continue;
    const within = ancestors(target);
    return [nextSibling, previousSibling, ...within].map(firstControl).find(Boolean);
  }
  return undefined;
}

/** The element and what is around it, up to its section; a page as a whole is none. */
function ancestors(from: Node): readonly Element[] {
  const section = from instanceof Element ? from.closest("section, article, [role='dialog']") : null;
  const all: Element[] = [];
  for (let node = section && (from as Element | null); node; node = node === section ? null : node.parentElement) all.push(node);
  return all;
}

function firstControl(node: Node | null): HTMLElement | undefined {
  if (!(node instanceof HTMLElement) || !node.isConnected) return undefined;
  // A page that comes in the place of another begins at its heading.
  if (node.matches("body > *, main, header, nav") || node.querySelector("main")) return undefined;
  return controlsOf(node)[0];
}

/** What the Tab key stops at: the element itself, and what is within it. */
export function controlsOf(node: HTMLElement): readonly HTMLElement[] {
  const all = [node, ...node.querySelectorAll<HTMLElement>("*")].filter((one) => one.matches(FOCUSABLE));
  return all.filter((one) => one.checkVisibility?.({ visibilityProperty: true }) ?? true);
}
