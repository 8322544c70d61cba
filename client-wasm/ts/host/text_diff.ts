import { ChangeSet, type ChangeSpec } from "@codemirror/state";
import { diffChars } from "diff";

/** Beyond so many characters on either side, what differs is replaced as a whole. */
const DIFF_CHARACTERS_MAX = 4_000;

/** So many edits apart, and looking for them takes longer than a person waits for a key. */
const DIFF_EDITS_MAX = 400;

/** The changes that make one text of another, in UTF-16 units; they cut no pair. */
export function changesBetween(before: string, after: string): ChangeSet {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  if (isHigh(before[start - 1])) start -= 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (isLow(before.at(-end)) && end > 0) end -= 1;
  const [old, fresh] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const isLong = Math.max(old.length, fresh.length) > DIFF_CHARACTERS_MAX;
  const specs = old === "" || fresh === "" || isLong ? [{ from: start, to: start + old.length, insert: fresh }] : finer(start, old, fresh);
  return ChangeSet.of(specs, before.length, "\n");
}

function finer(start: number, old: string, fresh: string): ChangeSpec[] {
  const parts = diffChars(old, fresh, { maxEditLength: DIFF_EDITS_MAX });
  if (!parts) return [{ from: start, to: start + old.length, insert: fresh }];
  const specs: ChangeSpec[] = [];
  let at = start;
  for (const { value, added, removed } of parts) {
    if (added) specs.push({ from: at, insert: value });
    else {
      if (removed) specs.push({ from: at, to: at + value.length });
      at += value.length;
    }
  }
  return specs;
}

/** The first half of a pair. */
function isHigh(unit: string | undefined): boolean {
  return unit !== undefined && unit >= "\ud800" && unit <= "\udbff";
}

/** The second half. */
function isLow(unit: string | undefined): boolean {
  return unit !== undefined && unit >= "\udc00" && unit <= "\udfff";
}
