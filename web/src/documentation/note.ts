/** Notes and documents as the tab lists them, read from DocumentReference and Composition. */
import type { Colleague } from "../presence/people";
import type { Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { formatDate, formatTime } from "../shared/fhir/date";
import { asObject, asObjects, asText } from "../shared/fhir/read";
import { resourceKey } from "../shared/store";
import { attachment, contentOf } from "./content";
import { ADDENDUM, kindOf } from "./kinds";

/** `filed`: it came as it is, and nobody signs it here. */
export type NoteState = "draft" | "signed" | "amended" | "filed" | "error";

export interface Note {
  /** `Type/id`. */
  readonly key: string;
  readonly resource: Resource;
  readonly title: string;
  /** The kind in words. */
  readonly kind: string;
  readonly state: NoteState;
  /** The FHIR dateTime that it is listed by. */
  readonly date: string;
  readonly author: string;
  /** The key of its encounter. */
  readonly encounter: string | undefined;
  /** The key of the note that it is an addendum of. */
  readonly appends: string | undefined;
  /** Who signed it, or amended it last, and when. */
  readonly signedBy: string;
  readonly signedAt: string;
}

/** For why a signed note was amended FHIR has no element. */
export const AMENDED_FOR = "https://chartroom.dev/fhir/StructureDefinition/amendment-reason";

const known = new WeakMap<Resource, Note>();

/** A note as listed; the same object for the same resource. */
export function noteOf(resource: Resource): Note {
  const before = known.get(resource);
  if (before) return before;
  const note = read(resource);
  known.set(resource, note);
  return note;
}

/** How a note stands, in a word or two. */
export function stateText({ state, appends }: Note): string {
  if (state === "draft") return appends ? "Proposed addendum" : "Draft";
  return { signed: "Signed", amended: "Amended", filed: "Filed", error: "Entered in error" }[state];
}

/** "Bob Diaz is in this note", or both names; reading it is being there, too. */
export function hereText(people: readonly Colleague[]): string {
  return people.length === 0 ? "" : `${people.map(({ name }) => name).join(" and ")} ${people.length === 1 ? "is" : "are"} in this note`;
}

/** When, as precisely as it is known. */
export function whenText(date: string): string {
  return date.includes("T") ? formatTime(Date.parse(date), new Date()) : formatDate(date);
}

/** Why it was amended last; empty where it was not. */
export function amendedFor(resource: Resource): string {
  return asText(asObjects(resource["extension"]).find(({ url }) => url === AMENDED_FOR)?.["valueString"]) ?? "";
}

/** What a search looks through: all that can be read without opening the note. */
export function searchText({ resource, title, kind, author }: Note): string {
  const content = contentOf(resource);
  return [title, kind, author, content.kind === "text" ? content.text : ""].join("\n").toLowerCase();
}

function read(resource: Resource): Note {
  const isComposition = resource.resourceType === "Composition";
  const code = conceptCode(resource["type"]);
  const appends = targetOf(resource);
  const kind = kindOf(code)?.label ?? (conceptText(resource["type"]) || (appends ? ADDENDUM.label : "Document"));
  const { creation } = attachment(resource);
  const attester = asObjects(resource["attester"])[0];
  return {
    key: resourceKey(resource.resourceType, resource.id),
    resource,
    title: asText(resource[isComposition ? "title" : "description"]) ?? asText(attachment(resource)["title"]) ?? kind,
    kind,
    state: stateOf(resource),
    date: asText(resource["date"]) ?? asText(creation) ?? "",
    author: display(asObjects(resource["author"])[0]),
    encounter: reference(isComposition ? resource["encounter"] : asObjects(asObject(resource["context"])?.["encounter"])[0]),
    appends,
    signedBy: display(isComposition ? attester?.["party"] : resource["authenticator"]),
    signedAt: asText(isComposition ? attester?.["time"] : creation) ?? "",
  };
}

function stateOf(resource: Resource): NoteState {
  if (resource["status"] === "entered-in-error") return "error";
  const states: Record<string, NoteState> = { preliminary: "draft", final: "signed", amended: "amended", "entered-in-error": "error" };
  return states[asText(resource[resource.resourceType === "Composition" ? "status" : "docStatus"]) ?? ""] ?? "filed";
}

function targetOf(resource: Resource): string | undefined {
  const relation = asObjects(resource["relatesTo"]).find(({ code }) => code === "appends");
  return reference(relation?.["target"] ?? relation?.["targetReference"]);
}

function reference(value: unknown): string | undefined {
  return asText(asObject(value)?.["reference"]);
}

function display(value: unknown): string {
  return asText(asObject(value)?.["display"]) ?? asText(asObject(value)?.["reference"]) ?? "";
}
