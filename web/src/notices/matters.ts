/**
 * Which events of docs/events.md are told while a chart is open, and in what words.
 *
 * What is not here is told by the mark of its row, by the header and on the tab Activity alone.
 */
import { isCodeStatus } from "../chart/codeStatus";
import { readingOf } from "../results/reading";
import type { ChartEvent } from "../shared/chartroom";

export interface Matter {
  readonly event: string;
  /** Which of them; all where nothing is said. */
  readonly when?: (event: ChartEvent) => boolean;
  /** "Bob Diaz {did} Amoxicillin"; undefined where something louder tells it already. */
  readonly did: string | undefined;
  /** Stays for longer, and is the last to make room for others. */
  readonly isGrave?: boolean;
  /** The entry leaves the current ones, so that its row is looked for on the tab Activity. */
  readonly isOver?: boolean;
}

const GRAVE = { isGrave: true };
const OVER = { isOver: true };

/** The first that fits tells of a change; several events come of one. */
export const MATTERS: readonly Matter[] = [
  // An open chart interrupts with these by a dialog.
  { event: "CRITICAL_VALUE_ALERT", did: undefined },

  { event: "ALLERGY_REMOVED", did: "removed the allergy", ...GRAVE, ...OVER },
  { event: "ALLERGY_RESOLVED", when: isDangerous, did: "ended the allergy", ...GRAVE, ...OVER },
  { event: "ALLERGY_ADDED", when: isDangerous, did: "added the allergy", ...GRAVE },
  { event: "ALLERGY_UPDATED", when: isDangerous, did: "changed the allergy", ...GRAVE },
  { event: "ALLERGY_UPDATED", when: ({ changed }) => changed.includes("criticality"), did: "changed the allergy" },

  { event: "ALERT_REMOVED", did: "took off the flag", ...GRAVE, ...OVER },
  { event: "ALERT_ADDED", did: "raised the flag", ...GRAVE },
  { event: "ALERT_UPDATED", did: "changed the flag", ...GRAVE },
  { event: "RESOURCE_CREATED", when: tellsCodeStatus, did: "recorded the code status", ...GRAVE },
  { event: "RESOURCE_UPDATED", when: tellsCodeStatus, did: "changed the code status", ...GRAVE },

  { event: "ORDER_CANCELLED", when: isDeleted, did: "removed the order", ...OVER },
  { event: "ORDER_CANCELLED", did: "cancelled", ...OVER },
  { event: "MEDICATION_DISCONTINUED", when: isDeleted, did: "removed the order", ...OVER },
  { event: "MEDICATION_DISCONTINUED", when: (event) => is(event, "cancelled", "entered-in-error"), did: "cancelled", ...OVER },
  { event: "MEDICATION_DISCONTINUED", when: (event) => is(event, "stopped"), did: "stopped", ...OVER },
  { event: "ORDER_SIGNED", did: "signed" },
  { event: "MEDICATION_PRESCRIBED", did: "ordered" },
  { event: "ORDER_PLACED", when: (event) => is(event, "active"), did: "ordered" },
  { event: "MEDICATION_UPDATED", when: (event) => turned(event, "on-hold"), did: "put on hold" },
  { event: "ORDER_UPDATED", when: (event) => turned(event, "on-hold"), did: "put on hold" },
  { event: "MEDICATION_UPDATED", when: (event) => turned(event, "active"), did: "resumed" },
  { event: "ORDER_UPDATED", when: (event) => turned(event, "active"), did: "resumed" },

  { event: "RESULT_AVAILABLE", when: isAbnormal, did: "reported" },
  { event: "DIAGNOSTIC_REPORT_FINALIZED", did: "finished the report" },
  { event: "CONDITION_ADDED", did: "added the problem" },
];

/** Told of an edit that stands beside one's own. */
export const DISPUTE: Matter = { event: "CONFLICT_DETECTED", did: "changed what you wrote in", isGrave: true };

/** What tells of one change of one entry, out of all the events of it. */
export function matterOf(events: readonly ChartEvent[]): Matter | undefined {
  return MATTERS.find(({ event: name, when }) => events.some((event) => event.event === name && (when?.(event) ?? true)));
}

function isDangerous({ resource }: ChartEvent): boolean {
  return resource["criticality"] === "high";
}

function tellsCodeStatus({ resource, resource_type: type }: ChartEvent): boolean {
  return ["Observation", "Consent", "ServiceRequest"].includes(type) && isCodeStatus(resource);
}

function isAbnormal({ resource, resource_type: type }: ChartEvent): boolean {
  if (type !== "Observation") return false;
  const { flag } = readingOf(resource);
  return flag !== undefined && flag.tone !== "normal";
}

function isDeleted({ action }: ChartEvent): boolean {
  return action === "deleted";
}

function is({ resource }: ChartEvent, ...statuses: readonly string[]): boolean {
  return statuses.includes(String(resource["status"]));
}

function turned(event: ChartEvent, status: string): boolean {
  return event.changed.includes("status") && is(event, status);
}
