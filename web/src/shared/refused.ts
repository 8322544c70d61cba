/** What a refused edit was, and what it was to write, in words. */
import { commandWording } from "chartroom";
import { contentOf } from "../documentation/content";
import { capital } from "./capital";
import type { Command, RefusedEdit, Resource, Room } from "./chartroom";
import { asObjects, asText } from "./fhir/read";
import { elementName, valueText } from "./fhir/words";

/** Elements that tell a reader nothing of what was to be written. */
const UNTOLD = new Set(["resourceType", "id", "meta", "text", "subject", "patient", "docStatus", "authenticator", "extension", "category", "inResponseTo"]);

/** What is said of an edit of which no page told: `Not saved: change criticality of allergy Penicillin`. */
export function refusedTitle({ command, edit }: RefusedEdit, room: Pick<Room, "get">): string {
  return `Not saved: ${commandWording(command, room.get(edit.resource.type, edit.resource.id))}`;
}

/** What a command was to write, a line for each element. */
export function refusedLines(command: Command): readonly string[] {
  switch (command.kind) {
    case "put":
      return elementLines(command.resource.resourceType, command.resource);
    case "patch":
      return elementLines(command.resourceType, command.elements);
    case "setText":
      return [`Text: ${command.text}`];
    case "batch":
      return command.commands.flatMap((part) => (part.kind === "setText" ? refusedLines(part) : [capital(commandWording(part, undefined)), ...refusedLines(part)]));
    default:
      return [];
  }
}

function elementLines(type: string, elements: Record<string, unknown>): string[] {
  return Object.entries(elements)
    .filter(([name]) => !UNTOLD.has(name))
    .flatMap(([name, value]) => {
      if (name === "content") return contentLines(type, value);
      if (name === "payload") return asObjects(value).flatMap(({ contentString }) => asText(contentString) ?? []);
      return [`${elementName(type, name)}: ${valueText(name, value)}`];
    });
}

function contentLines(resourceType: string, content: unknown): string[] {
  const found = contentOf({ resourceType, id: "", content } as Resource);
  return found.kind === "text" ? [`Text: ${found.text}`] : [];
}
