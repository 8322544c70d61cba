/** An entry of the pharmacy's queue: a Task of `pharmacy:queue`, as docs/pharmacy-and-alerts.md has it. */
import type { Resource } from "../shared/chartroom";
import { conceptCode } from "../shared/fhir/concept";
import { asList, asObject, asText } from "../shared/fhir/read";

export const COLUMNS = ["newOrders", "verification", "dispensing", "ready"] as const;
export type ColumnName = (typeof COLUMNS)[number];

export const COLUMN_TITLES: Record<ColumnName, string> = {
  newOrders: "New orders",
  verification: "In verification",
  dispensing: "To dispense",
  ready: "Ready",
};

export interface Order {
  readonly id: string;
  readonly column: ColumnName;
  readonly drug: string;
  readonly dose: string;
  readonly patient: string;
  /** The bare id, for the link to the chart; empty where the entry names none. */
  readonly patientId: string;
  readonly prescriber: string;
  readonly priority: Priority;
  /** Undefined where no time was recorded. */
  readonly authoredMs: number | undefined;
  readonly authored: string;
  /** As in the prescription; empty for a new one. */
  readonly step: string;
  /** The bare id of the MedicationRequest; empty where the entry names none. */
  readonly prescriptionId: string;
  /** An unresolved conflict holds up every act. */
  readonly isBlocked: boolean;
}

export type Priority = "stat" | "asap" | "urgent" | "routine";
const PRIORITIES: readonly Priority[] = ["stat", "asap", "urgent", "routine"];

const read = new WeakMap<Resource, Order>();

/** Reads a Task; the same object for the same resource, nothing for one in no column. */
export function orderOf(task: Resource): Order | undefined {
  const known = read.get(task);
  if (known) return known;
  const column = COLUMNS.find((name) => name === conceptCode(task["businessStatus"]));
  if (!column) return undefined;
  const subject = asObject(task["for"]);
  const requester = asObject(task["requester"]);
  const priority = asText(task["priority"]);
  const authoredMs = Date.parse(asText(task["authoredOn"]) ?? "");
  const order: Order = {
    id: task.id,
    column,
    drug: asText(task["description"]) ?? "Drug not named",
    dose: asText(input(task, "dose")) ?? "",
    patient: asText(subject?.["display"]) ?? "Name not recorded",
    patientId: /^patient:([^~]+)/.exec(asText(input(task, "room")) ?? "")?.[1] ?? "",
    prescriber: asText(requester?.["display"]) ?? "",
    priority: PRIORITIES.find((one) => one === priority) ?? "routine",
    authoredMs: Number.isNaN(authoredMs) ? undefined : authoredMs,
    authored: asText(task["authoredOn"]) ?? "",
    step: asText(input(task, "pharmacyStatus")) ?? "",
    prescriptionId: /^MedicationRequest\/(.+)/.exec(asText(asObject(task["focus"])?.["reference"]) ?? "")?.[1] ?? "",
    isBlocked: input(task, "conflict") === true,
  };
  read.set(task, order);
  return order;
}

/** Orders by column: what is most urgent first, then what has waited longest. */
export function columnsOf(tasks: readonly Resource[]): Record<ColumnName, readonly Order[]> {
  const columns: Record<ColumnName, Order[]> = { newOrders: [], verification: [], dispensing: [], ready: [] };
  for (const task of tasks) {
    const order = orderOf(task);
    if (order) columns[order.column].push(order);
  }
  for (const name of COLUMNS) columns[name].sort(inTurn);
  return columns;
}

/** Whether every word of a search is in what a card says. */
export function matches(order: Order, search: string): boolean {
  const text = `${order.drug} ${order.patient} ${order.prescriber} ${order.patientId}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** How long an order has waited: "4 min", "3 h 20 min", "2 days", else since when. */
export function waitText({ authoredMs }: Order, nowMs: number): string {
  if (authoredMs === undefined) return "time not recorded";
  const minutes = Math.max(0, Math.floor((nowMs - authoredMs) / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  if (days < 60) return days === 1 ? "1 day" : `${days} days`;
  const years = Math.floor(days / 365);
  return years < 1 ? `${Math.floor(days / 30)} months` : years === 1 ? "1 year" : `${years} years`;
}

function inTurn(a: Order, b: Order): number {
  return (
    PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) ||
    (a.authoredMs ?? Infinity) - (b.authoredMs ?? Infinity) ||
    (a.id < b.id ? -1 : 1)
  );
}

function input(task: Resource, name: string): unknown {
  const found = asList(task["input"]).map(asObject).find((one) => asText(asObject(one?.["type"])?.["text"]) === name);
  return found?.["valueString"] ?? found?.["valueBoolean"];
}
