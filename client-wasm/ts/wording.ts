/** What people did, in the words that a colleague would use. Never in a log: these hold patients' data. */
import type { ChartEvent, Command, Resource, ResourceCommand } from "./types.js";

/** Types whose everyday name is not their own name in lower case. */
const NOUNS: Readonly<Record<string, string>> = {
  AllergyIntolerance: "allergy",
  Communication: "message",
  Condition: "problem",
  DocumentReference: "note",
  Composition: "note",
  Flag: "alert",
  MedicationRequest: "prescription",
  MedicationStatement: "medication",
  Observation: "result",
  ServiceRequest: "order",
};

/** Events whose name does not end in the verb that tells them. */
const VERBS: Readonly<Record<string, string>> = {
  CARE_PLAN_GOAL_ACHIEVED: "achieved the goal of",
  CONFLICT_DETECTED: "wrote beside somebody else's edit of",
  CRITICAL_VALUE_ALERT: "recorded a critical",
  CLINICAL_ALERT_ACTIVATED: "raised",
  DIAGNOSTIC_REPORT_FINALIZED: "finished",
  DOCUMENT_UPLOADED: "uploaded",
  EDIT_REVERTED: "wrote over a newer edit of",
  EMERGENCY_DECLARED: "declared an emergency in",
  IMAGING_REPORT_READY: "finished",
  IMAGING_STUDY_AVAILABLE: "made available",
  MEDICATION_DISCONTINUED: "stopped",
  NOTE_ADDENDUM: "wrote an addendum to",
  ORDER_PLACED: "placed",
  RESULT_AVAILABLE: "made available",
  RESOURCE_CREATED: "added",
  RESOURCE_UPDATED: "changed",
  RESOURCE_DELETED: "deleted",
};

/** Statuses that say how an order, a problem or a prescription ended. */
const ENDS: Readonly<Record<string, string>> = {
  stopped: "stop",
  cancelled: "cancel",
  completed: "complete",
  "on-hold": "hold",
  "entered-in-error": "mark as entered in error",
  final: "sign",
  amended: "amend",
};

/** A resource in a few words: `allergy Penicillin`. */
export function resourceWording(resource: Resource): string {
  const noun = NOUNS[resource.resourceType] ?? spaced(resource.resourceType);
  const name = nameOf(resource);
  return name === undefined ? noun : `${noun} ${name}`;
}

/** What somebody did, without who: `added allergy Penicillin`. */
export function eventWording({ event, resource, action, changed }: Pick<ChartEvent, "event" | "resource" | "action" | "changed">): string {
  const verb = VERBS[event] ?? lastWord(event) ?? action;
  const what = resourceWording(resource);
  const elements = action === "updated" && ["changed", "updated"].includes(verb) ? changed.filter((name) => !name.startsWith("$")).map(spaced) : [];
  return `${verb === "updated" ? "changed" : verb} ${what}${elements.length > 0 && elements.length <= 3 ? ` (${elements.join(", ")})` : ""}`;
}

/** What an edit does, for "Undo: …": `stop Metoprolol`; `before` is the resource that it changes. */
export function commandWording(command: Command, before: Resource | undefined): string {
  switch (command.kind) {
    case "put":
      return before ? `change ${resourceWording(before)}` : `add ${resourceWording(command.resource)}`;
    case "patch":
      return patchWording(command, before);
    case "delete":
      return `delete ${thing(before, command.resourceType)}`;
    case "undelete":
      return `restore ${thing(before, command.resourceType)}`;
    case "batch": {
      const [first] = command.commands;
      return command.commands.length === 1 && first ? commandWording(first, before) : `${command.commands.length} changes`;
    }
    case "splice":
    case "setText":
      return `write in ${thing(before, command.resourceType)}`;
  }
}

function patchWording({ elements, resourceType }: Extract<ResourceCommand, { kind: "patch" }>, before: Resource | undefined): string {
  const status = elements.status ?? elements.docStatus;
  const end = typeof status === "string" ? ENDS[status] : undefined;
  if (end !== undefined) return `${end} ${(before && nameOf(before)) ?? thing(before, resourceType)}`;
  const names = Object.keys(elements).map(spaced);
  return `change ${names.length === 1 ? `${names[0]} of ` : ""}${thing(before, resourceType)}`;
}

function thing(resource: Resource | undefined, type: string): string {
  return resource ? resourceWording(resource) : (NOUNS[type] ?? spaced(type));
}

/** What a person would call a resource. */
function nameOf(resource: Resource): string | undefined {
  const { code, medicationCodeableConcept, vaccineCode, type, description, title, medicationReference, name } = resource as Record<string, unknown>;
  const concepts = [code, medicationCodeableConcept, vaccineCode].map(conceptOf);
  const reference = (medicationReference as { display?: unknown } | undefined)?.display;
  const human = Array.isArray(name) ? humanName(name[0]) : name;
  const found = [...concepts, reference, title, description, human, conceptOf(Array.isArray(type) ? type[0] : type)];
  return found.find((text): text is string => typeof text === "string" && text !== "");
}

function conceptOf(value: unknown): string | undefined {
  const { text, coding } = (value ?? {}) as { text?: unknown; coding?: { display?: unknown; code?: unknown }[] };
  const first = Array.isArray(coding) ? coding[0] : undefined;
  return [text, first?.display, first?.code].find((word): word is string => typeof word === "string");
}

function humanName(value: unknown): string | undefined {
  const { text, given = [], family } = (value ?? {}) as { text?: string; given?: string[]; family?: string };
  return text ?? ([...given, family].filter(Boolean).join(" ") || undefined);
}

/** `clinicalStatus` as `clinical status`. */
function spaced(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

function lastWord(event: string): string | undefined {
  return event.split("_").at(-1)?.toLowerCase();
}
