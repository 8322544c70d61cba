import { ChartroomError } from "../errors.js";
import type { Command, Conflict, ConflictValue, Json, Resource } from "../types.js";
import { resourceWording } from "../wording.js";

/** What a person chose: one of the sides, by its change, or values of their own for the elements, or for a text. */
export type Choice = { hash: string } | { elements: { [element: string]: Json } } | { text: string };

/** A conflict as a dialog shows it. */
export interface ConflictView {
  /** `prescription Metoprolol: dosage instruction`. */
  readonly title: string;
  /** Whether acts such as dispense or sign wait for it. */
  readonly safety: boolean;
  /** What people wrote, the shown side among it. */
  readonly sides: readonly ConflictSide[];
}

/** One of the sides, with who and when, and what to pass to `room.resolve`. */
export interface ConflictSide extends ConflictValue {
  /** The side for people to read. */
  readonly text: string;
  /** To pass to `room.resolve` where this side is chosen. */
  readonly choice: Choice;
}

/** By this element the engine says that a side deleted the resource. */
const DELETED = "$deleted";

/** The edit that settles a conflict as a person chose. */
export function resolution(conflict: Conflict, choice: Choice): Command {
  const { resource_type: resourceType, id, kind, elements } = conflict;
  const side = "hash" in choice ? sideOf(conflict, choice.hash) : undefined;
  if (kind === "text") return { kind: "setText", resourceType, id, element: elements[0]!, text: textOf(side?.value, choice) };
  const chosen = "elements" in choice ? choice.elements : valueOf(side);
  if (kind === "deleted") return { kind: chosen[DELETED] === true ? "delete" : "undelete", resourceType, id };
  return { kind: "patch", resourceType, id, elements: { ...Object.fromEntries(elements.map((name) => [name, null])), ...chosen } };
}

/** What a dialog needs to show a conflict, side by side with who and when. */
export function conflictView(conflict: Conflict, resource: Resource | undefined): ConflictView {
  const what = resource ? resourceWording(resource) : conflict.resource_type;
  const sides = conflict.values.map((value): ConflictSide => ({ ...value, text: sideText(conflict, value), choice: { hash: value.hash } }));
  return { title: conflict.elements.length > 0 ? `${what}: ${conflict.elements.join(", ")}` : what, safety: conflict.safety, sides };
}

function sideOf(conflict: Conflict, hash: string): ConflictValue {
  const side = conflict.values.find((value) => value.hash === hash);
  if (!side) throw new ChartroomError("changed-since", "the conflict has changed; look at it again");
  return side;
}

function textOf(value: Json | undefined, choice: Choice): string {
  const text = "text" in choice ? choice.text : value;
  if (typeof text !== "string") throw new ChartroomError("bad-shape", "a conflict of texts is settled with a side or with a text");
  return text;
}

function valueOf(side: ConflictValue | undefined): { [element: string]: Json } {
  const value = side?.value;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function sideText({ kind, elements }: Conflict, side: ConflictValue): string {
  if (kind === "text") return readable(side.value);
  const value = valueOf(side);
  if (kind === "deleted") return value[DELETED] === true ? "deleted" : "edited, and still there";
  if (elements.length === 1) return readable(value[elements[0]!]);
  return Object.entries(value).map(([name, part]) => `${name}: ${readable(part)}`).join(", ");
}

/** A FHIR value in a line. */
function readable(value: Json | undefined): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.map(readable).join("; ");
  if (typeof value !== "object") return String(value);
  const { text, display, value: number, unit, code, reference, coding } = value as Record<string, Json | undefined>;
  if (typeof text === "string") return text;
  if (Array.isArray(coding) && coding.length > 0) return readable(coding[0]);
  if (number !== undefined) return [number, unit ?? code].filter((part) => part !== undefined).join(" ");
  const plain = [display, code, reference].find((part) => typeof part === "string");
  if (typeof plain === "string") return plain;
  return Object.entries(value).map(([name, part]) => `${name}: ${readable(part)}`).join(", ");
}
