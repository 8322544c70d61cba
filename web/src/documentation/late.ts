/** What was typed into a note that somebody had signed meanwhile: refused by the server, and kept. */
import type { RefusedEdit } from "../shared/chartroom";

/** What one person typed too late into one note. */
export interface LateText {
  /** The note's id. */
  readonly id: string;
  /** The words, run by run in the order of the text; empty where letters were only taken away. */
  readonly text: string;
  readonly edits: readonly RefusedEdit[];
}

interface Splice {
  readonly index: number;
  readonly delete: number;
  readonly insert: string;
}

/** The late texts among refused edits, by note. */
export function lateTexts(refused: readonly RefusedEdit[]): readonly LateText[] {
  const byNote = new Map<string, RefusedEdit[]>();
  for (const edit of refused) {
    const { command } = edit;
    if (command.kind !== "splice" || command.resourceType !== "DocumentReference") continue;
    byNote.set(command.id, [...(byNote.get(command.id) ?? []), edit]);
  }
  return [...byNote].map(([id, edits]) => ({ id, edits, text: typedText(edits.map(({ command }) => command as Splice)) }));
}

/**
 * What a row of splices typed, without the text that it was typed into: letters that follow each
 * other are a run, and runs are in the order in which they stood.
 */
export function typedText(splices: readonly Splice[]): string {
  // A number stands for so many letters of the text that was there.
  let parts: readonly (string | number)[] = [Infinity];
  for (const { index, delete: removed, insert } of splices) {
    const [before, rest] = cut(parts, index);
    parts = joined([...before, insert, ...cut(rest, removed)[1]]);
  }
  const runs = parts.filter((part) => typeof part === "string");
  return runs.map((run) => run.trim()).filter(Boolean).join("\n");
}

/** The lines of a text that are not in another one. */
export function linesBeyond(text: string, signed: string): string {
  const lines = new Set(signed.split("\n").map((line) => line.trim()));
  return text.split("\n").filter((line) => line.trim() !== "" && !lines.has(line.trim())).join("\n");
}

function cut(parts: readonly (string | number)[], at: number): [(string | number)[], (string | number)[]] {
  const before: (string | number)[] = [];
  for (const [place, part] of parts.entries()) {
    const length = typeof part === "string" ? part.length : part;
    if (at >= length) {
      before.push(part);
      at -= length;
      continue;
    }
    const halves = typeof part === "string" ? [part.slice(0, at), part.slice(at)] : [at, part - at];
    return [[...before, halves[0]!], [halves[1]!, ...parts.slice(place + 1)]];
  }
  return [before, []];
}

/** Without empty parts, and with letters that follow each other in one. */
function joined(parts: readonly (string | number)[]): (string | number)[] {
  const all: (string | number)[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part === "" || part === 0) continue;
    if (typeof part === "string" && typeof last === "string") all[all.length - 1] = last + part;
    else all.push(part);
  }
  return all;
}
