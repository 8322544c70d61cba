/** Which entries are current, which are past, and in what order they stand. */
import type { Resource } from "../chartroom";
import type { ConflictsByResource } from "../conflictIndex";
import { resourceKey } from "../store";
import type { EntryDisplay } from "./definition";

/** Entries of a panel in two groups, each with the latest first. */
export interface Ordered {
  current: readonly Resource[];
  past: readonly Resource[];
}

/** An entry that people disagree about is current until one of them has chosen. */
export function orderEntries(
  definition: EntryDisplay,
  resources: readonly Resource[],
  conflicts: ConflictsByResource,
): Ordered {
  const keyed = resources.map((resource) => ({
    resource,
    past: definition.isPast(resource) && !conflicts.has(resourceKey(definition.type, resource.id)),
    rank: definition.rank?.(resource) ?? (definition.flag?.(resource) === undefined ? 1 : 0),
    date: definition.date(resource),
    label: definition.label(resource),
  }));
  keyed.sort(
    (a, b) =>
      a.rank - b.rank ||
      (a.date < b.date ? 1 : a.date > b.date ? -1 : 0) ||
      a.label.localeCompare(b.label) ||
      (a.resource.id < b.resource.id ? -1 : 1),
  );
  const pick = (past: boolean) => keyed.filter((entry) => entry.past === past).map((entry) => entry.resource);
  return { current: pick(false), past: pick(true) };
}
