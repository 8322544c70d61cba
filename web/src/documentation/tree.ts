/** Notes in groups, by encounter or by kind, the latest first and addenda beneath their note. */
import type { Resource } from "../shared/chartroom";
import { conceptText } from "../shared/fhir/concept";
import { formatDate } from "../shared/fhir/date";
import { asList, asObject, asText } from "../shared/fhir/read";
import { resourceKey } from "../shared/store";
import { type Note, searchText } from "./note";

export type Grouping = "encounter" | "kind";

/** A note with its addenda, oldest first. */
export interface Leaf {
  readonly note: Note;
  readonly addenda: readonly Leaf[];
}

export interface Branch {
  readonly value: string;
  readonly label: string;
  readonly leaves: readonly Leaf[];
}

/** The notes with all of some words, and the notes that they are addenda of. */
export function found(notes: readonly Note[], search: string): readonly Note[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return notes;
  const byKey = new Map(notes.map((note) => [note.key, note]));
  const keys = new Set<string>();
  for (const note of notes) {
    const text = lowered(note);
    if (!words.every((word) => text.includes(word))) continue;
    for (let at: Note | undefined = note; at && !keys.has(at.key); at = byKey.get(at.appends ?? "")) keys.add(at.key);
  }
  return notes.filter(({ key }) => keys.has(key));
}

/** The notes as the tree shows them. */
export function branches(notes: readonly Note[], by: Grouping, encounters: readonly Resource[]): readonly Branch[] {
  const names = new Map(encounters.map((encounter) => [resourceKey("Encounter", encounter.id), encounter]));
  const groups = new Map<string, { branch: Branch & { leaves: Leaf[] }; date: string }>();
  for (const leaf of leavesOf(notes)) {
    const encounter = names.get(leaf.note.encounter ?? "");
    const key = by === "kind" ? leaf.note.kind : encounter ? (leaf.note.encounter ?? "") : "";
    const label = by === "kind" ? key : encounter ? encounterText(encounter) : "No encounter";
    const date = encounter ? encounterDate(encounter) : "";
    const group = groups.get(key) ?? { branch: { value: `group ${key}`, label, leaves: [] }, date };
    group.branch.leaves.push(leaf);
    groups.set(key, group);
  }
  const order = by === "kind" ? sortedByLabel : sortedByDate;
  return [...groups.values()].sort(order).map(({ branch }) => branch);
}

/** An encounter in words: what it was, and when. */
export function encounterText(encounter: Resource): string {
  const what = conceptText(asList(encounter["type"])[0]) || conceptText(encounter["class"]) || "Encounter";
  return [what.replace(/ \((procedure|environment)\)$/, ""), formatDate(encounterDate(encounter))].filter(Boolean).join(" · ");
}

export function encounterDate(encounter: Resource): string {
  return asText(asObject(encounter["period"])?.["start"]) ?? "";
}

function leavesOf(notes: readonly Note[]): readonly Leaf[] {
  const byKey = new Map(notes.map((note) => [note.key, note]));
  const beneath = new Map<string, Note[]>();
  const roots = notes.filter((note) => {
    if (!hangs(note, byKey)) return true;
    beneath.set(note.appends!, [...(beneath.get(note.appends!) ?? []), note]);
    return false;
  });
  const leaf = (note: Note): Leaf => ({ note, addenda: (beneath.get(note.key) ?? []).sort(byDate).map(leaf) });
  return roots.sort((a, b) => byDate(b, a)).map(leaf);
}

/** Whether a note is beneath another one, and not in a ring of notes that append each other. */
function hangs(note: Note, byKey: ReadonlyMap<string, Note>): boolean {
  const seen = new Set<string>();
  let at = note;
  for (let above = byKey.get(at.appends ?? ""); above; above = byKey.get(at.appends ?? "")) {
    if (seen.has(at.key)) return false;
    seen.add(at.key);
    at = above;
  }
  return at !== note;
}

const known = new WeakMap<Note, string>();

function lowered(note: Note): string {
  const text = known.get(note) ?? searchText(note);
  known.set(note, text);
  return text;
}

function byDate(a: Note, b: Note): number {
  return a.date < b.date ? -1 : a.date > b.date ? 1 : a.key < b.key ? -1 : 1;
}

/** What has no encounter comes first: it is the newest, as a rule. */
function sortedByDate(a: { date: string }, b: { date: string }): number {
  if (a.date === "" || b.date === "") return a.date === b.date ? 0 : a.date === "" ? -1 : 1;
  return a.date < b.date ? 1 : a.date > b.date ? -1 : 0;
}

function sortedByLabel(a: { branch: Branch }, b: { branch: Branch }): number {
  return a.branch.label.localeCompare(b.branch.label);
}
