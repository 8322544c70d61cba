import { ChangeSet, type ChangeSpec } from "@codemirror/state";
import { diffChars } from "diff";

/** Beyond so many characters on either side, what differs is replaced as a whole. */
const DIFF_CHARACTERS_MAX = 4_000;

/** The changes that make one text of another, in UTF-16 units. */
export function changesBetween(before: string, after: string): ChangeSet {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const [old, fresh] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const isLong = Math.max(old.length, fresh.length) > DIFF_CHARACTERS_MAX;
  const specs = old === "" || fresh === "" || isLong ? [{ from: start, to: start + old.length, insert: fresh }] : finer(start, old, fresh);
  return ChangeSet.of(specs, before.length, "\n");
}

function finer(start: number, old: string, fresh: string): ChangeSpec[] {
  const specs: ChangeSpec[] = [];
  let at = start;
  for (const { value, added, removed } of diffChars(old, fresh)) {
    if (added) specs.push({ from: at, insert: value });
    else {
      if (removed) specs.push({ from: at, to: at + value.length });
      at += value.length;
    }
  }
  return specs;
}
