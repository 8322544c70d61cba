/** What writing a note, signing it and adding to it puts into the room. */
import type { Edit, Json, Person, Resource, Room, TextView } from "../shared/chartroom";
import { conceptCode, textConcept } from "../shared/fhir/concept";
import { asObject, asObjects } from "../shared/fhir/read";
import type { Making } from "../shared/panel/definition";
import { attachment, toBase64 } from "./content";
import { ADDENDUM, type Kind, kindOf, template } from "./kinds";
import { AMENDED_FOR, type Note } from "./note";

/** The text of a note, as rooms name it. */
export const TEXT = "content";
const PLAIN = "text/plain; charset=utf-8";
/** How often it is looked whether the room has what was typed; the package tells of no end of it. */
const SETTLES_MS = 20;

/** What every new note has. */
export function noteFrame({ patientId, person, now }: Making): Record<string, Json> {
  return {
    ...documentFrame({ patientId, person, now }),
    docStatus: "preliminary",
    content: [{ attachment: { contentType: PLAIN } }],
  };
}

/** What every new note or document has. */
export function documentFrame({ patientId, person, now }: Omit<Making, "id">): Record<string, Json> {
  return {
    status: "current",
    category: [{ coding: [{ system: "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", code: "clinical-note", display: "Clinical Note" }] }],
    subject: { reference: `Patient/${patientId}` },
    date: now.toISOString(),
    author: [{ display: person.name }],
  };
}

/** The `type` element of a kind. */
export function typeOf({ system, code, display, label }: Kind): Json {
  return textConcept(label, { system, code, display });
}

/** The `context` element with another encounter, or with none. */
export function contextOf(before: unknown, encounter: string): Json {
  const { encounter: _, ...rest } = (asObject(before) ?? {}) as Record<string, Json>;
  if (encounter !== "") return { ...rest, encounter: [{ reference: encounter }] };
  return Object.keys(rest).length > 0 ? rest : null;
}

/** Makes a note and its text as one change, so that nobody begins the text apart. */
export function beginNote(room: Room, resource: Resource, text = template(kindOf(conceptCode(resource["type"])) ?? ADDENDUM)): Edit {
  return room.batch((batch) => {
    batch.put(resource);
    batch.text(resource.resourceType, resource.id, TEXT, text);
  });
}

/** An addendum to a note, unsigned. */
export function addendumTo(note: Pick<Note, "key" | "title" | "resource" | "encounter">, making: Making): Resource {
  const context = contextOf(undefined, note.encounter ?? "");
  return {
    resourceType: "DocumentReference",
    id: making.id,
    ...noteFrame(making),
    type: typeOf(ADDENDUM),
    description: `Addendum to ${note.title}`,
    relatesTo: [{ code: "appends", target: { reference: note.key } }],
    ...(context && { context }),
  };
}

/** The elements that sign a note with the text that its signer saw. */
export function signature(resource: Resource, text: string, person: Person, now: Date): Record<string, Json> {
  return { docStatus: "final", authenticator: { display: person.name }, content: contentWith(resource, text, now) };
}

/** The elements of an amended version. */
export function amendment(resource: Resource | undefined, text: string | undefined, reason: string | undefined, person: Person, now: Date): Record<string, Json> {
  const others = asObjects(resource?.["extension"]).filter(({ url }) => url !== AMENDED_FOR) as Json[];
  return {
    docStatus: "amended",
    authenticator: { display: person.name },
    ...(text !== undefined && { content: contentWith(resource, text, now) }),
    ...(reason !== undefined && { extension: [...others, { url: AMENDED_FOR, valueString: reason }] }),
  };
}

/** Resolves when the room has what was typed here: what came behind a signature would be refused. */
export async function settled(text: TextView): Promise<void> {
  while (!text.isSettled) await new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
}

function contentWith(resource: Resource | undefined, text: string, now: Date): Json {
  const [first, ...rest] = asObjects(resource?.["content"]) as Record<string, Json>[];
  const { url: _, hash: _hash, size: _size, ...kept } = attachment(resource) as Record<string, Json>;
  return [{ ...first, attachment: { ...kept, contentType: PLAIN, data: toBase64(text), creation: now.toISOString() } }, ...rest];
}
