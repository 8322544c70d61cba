/** What a conflict says. */
import type { Conflict } from "../shared/chartroom";
import { asObject } from "../shared/fhir/read";
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

function elementNames(conflict: Conflict): string[] {
  return [...new Set(conflict.elements.map((name) => elementName(conflict.resource_type, name)))];
}

/** Whether another variant of the same choice element has a value in this side. */
function isVariant(name: string, value: Record<string, unknown>): boolean {
  const stem = /^(onset|abatement|medication|value|effective|occurrence)[A-Z]/.exec(name)?.[1];
  return stem !== undefined && Object.entries(value).some(([other, part]) => other !== name && part !== null && other.startsWith(stem));
}

const DELETED = "$deleted";
