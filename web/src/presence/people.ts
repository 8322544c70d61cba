/** Who else is here, out of the windows that they have open. */
import type { Present } from "../shared/chartroom";

/** Somebody else in the room, with all their windows. */
export interface Colleague {
  readonly id: string;
  readonly name: string;
  /** The tabs that they look at. */
  readonly tabs: readonly string[];
  /** Whether they are typing now. */
  readonly isTyping: boolean;
}

/** Other people by name; one's own other windows are nobody else. */
export function colleagues(windows: readonly Present[], me: string): readonly Colleague[] {
  const byId = new Map<string, { id: string; name: string; tabs: string[]; isTyping: boolean }>();
  for (const { window, person, at } of windows) {
    if (person?.id === me) continue;
    const id = person?.id ?? window;
    const known = byId.get(id) ?? { id, name: person?.name ?? "Somebody", tabs: [], isTyping: false };
    if (at.tab && !known.tabs.includes(at.tab)) known.tabs.push(at.tab);
    known.isTyping ||= at.typing === true;
    byId.set(id, known);
  }
  return [...byId.values()];
}

/** "Bob Diaz, in Orders". */
export function whereText({ name, tabs }: Colleague): string {
  const named = tabs.map((tab) => TAB_NAMES[tab] ?? tab);
  return named.length === 0 ? name : `${name}, in ${named.join(" and ")}`;
}

/** Those who have their cursor in an entry, or in one of some elements of it. */
export function editors(windows: readonly Present[], me: string, resource: string, elements?: readonly string[]): readonly Colleague[] {
  const there = windows.filter(({ at }) => at.resource === resource && (elements === undefined || elements.includes(at.element ?? "")));
  return colleagues(there, me);
}

/** "Bob Diaz is editing this", or both names; empty where there is nobody. */
export function editingText(people: readonly Colleague[]): string {
  return doingText(people, "editing this");
}

/** "Bob Diaz is typing here"; empty where nobody is. */
export function typingText(people: readonly Colleague[]): string {
  return doingText(people.filter(({ isTyping }) => isTyping), "typing here");
}

function doingText(people: readonly Colleague[], doing: string): string {
  if (people.length === 0) return "";
  const names = people.map(({ name }) => name);
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} ${doing}`;
}

/** What tabs are called, also those of pages that this window does not have. */
export const TAB_NAMES: Readonly<Record<string, string>> = {
  chart: "Chart review",
  orders: "Orders",
  results: "Results",
  imaging: "Imaging",
  notes: "Documentation",
  timeline: "Timeline",
  activity: "Activity",
  summary: "Summary",
};
