/** What a conflict says, and what choosing a side writes. */
import type { Conflict, Edit, Json, Room } from "../shared/chartroom";
import { asObject, sameJson } from "../shared/fhir/read";
import { elementName, valueText } from "../shared/fhir/words";

type Side = Conflict["values"][number];

/** The conflict in one line. */
export function conflictTitle(conflict: Conflict): string {
  if (conflict.kind === "deleted") return "Removed by one person, edited by another";
  if (conflict.kind === "created") return "Entered by two people under one id";
  const names = elementNames(conflict);
  return `Two people changed ${names.join(" and ") || "this entry"} at the same time`;
}

/** One side in words. */
export function sideText(conflict: Conflict, side: Side): string {
  const value = asObject(side.value) ?? {};
  if (conflict.kind === "deleted") return value[DELETED] === true ? "Removed" : "Edited, still there";
  if (conflict.kind === "created") return "Entered";
  const named = Object.entries(value).filter(([name, part]) => part !== null || conflict.elements.length === 1 || !isVariant(name, value));
  if (elementNames(conflict).length < 2) {
    return named.map(([name, part]) => valueText(name, part)).join(", ") || "nothing";
  }
  return named
    .map(([name, part]) => `${elementName(conflict.resource_type, name)}: ${valueText(name, part)}`)
    .join(" · ");
}

/** Writes one side's value, which settles the conflict for everyone. */
export function resolve(room: Room, conflict: Conflict, side: Side): Edit {
  const { resource_type: type, id } = conflict;
  const value = (asObject(side.value) ?? {}) as Record<string, Json>;
  if (conflict.kind === "deleted") {
    return value[DELETED] === true ? room.remove(type, id) : room.restore(type, id);
  }
  const elements: Record<string, Json> = {};
  for (const name of conflict.elements) elements[name] = null;
  const shown = asObject(conflict.values.find((other) => other.shown)?.value) ?? {};
  const current = room.get(type, id);
  for (const [name, part] of Object.entries(value)) {
    elements[name] = inList(current?.[name], shown[name], part);
  }
  return room.patch(type, id, elements);
}

/** A dispute about one item of a list is settled within the list. */
function inList(current: unknown, shown: unknown, chosen: Json): Json {
  if (!Array.isArray(current) || Array.isArray(chosen) || chosen === null) return chosen;
  return current.map((item: Json) => (sameJson(item, shown) ? chosen : item));
}

function elementNames(conflict: Conflict): string[] {
  return [...new Set(conflict.elements.map((name) => elementName(conflict.resource_type, name)))];
}

/** Whether another variant of the same choice element has a value in this side. */
function isVariant(name: string, value: Record<string, unknown>): boolean {
  const stem = /^(onset|abatement|medication|value|effective|occurrence)[A-Z]/.exec(name)?.[1];
  return stem !== undefined && Object.entries(value).some(([other, part]) => other !== name && part !== null && other.startsWith(stem));
}

const DELETED = "$deleted";
