/** A set of orders as its dialog holds it, and the resources that it becomes. */
import { DRUGS } from "../medications/drugs";
import type { Resource, Room } from "../shared/chartroom";
import { textConcept } from "../shared/fhir/concept";
import { makeResource, type Making } from "../shared/panel/definition";
import { IMAGING_STUDIES, LABORATORY_TESTS, type OrderSet } from "./catalogue";
import { IMAGING_ORDERS, LABORATORY_ORDERS, MEDICATION_ORDERS } from "./definitions";
import { blankOrder, type OrderKind, orderCautions, type OrderValues, validateOrder } from "./order";

/** One order of the set with what the person made of it. */
export interface ChosenOrder {
  readonly kind: OrderKind;
  readonly isChecked: boolean;
  readonly values: OrderValues;
}

/** What the dialog holds, and what is kept of it where the server refuses. */
export interface SetValues extends Record<string, unknown> {
  title: string;
  orders: ChosenOrder[];
}

const NAMES = { medication: DRUGS, laboratory: LABORATORY_TESTS, imaging: IMAGING_STUDIES };
const DEFINITIONS = { medication: MEDICATION_ORDERS, laboratory: LABORATORY_ORDERS, imaging: IMAGING_ORDERS };

/** The set as the dialog begins with it. What the patient is allergic to or has already is left unchecked. */
export function beginSet({ title, orders }: OrderSet, room: Room): SetValues {
  return {
    title,
    orders: orders.map(({ kind, name, dosage = "", priority = "routine", reason = "", isOptional = false }) => {
      const concept = textConcept(name, NAMES[kind].find(({ display }) => display === name));
      const values = { ...blankOrder(), name: { text: name, concept }, dosage, priority, reason, status: "active" };
      return { kind, values, isChecked: !isOptional && setCautions({ kind, values }, room).length === 0 };
    }),
  };
}

export function setCautions({ kind, values }: Pick<ChosenOrder, "kind" | "values">, room: Room): readonly string[] {
  return orderCautions(kind, values, { room, id: undefined });
}

/** What is missing, by path of the field. */
export function validateSet({ orders }: SetValues, room: Room): Record<string, string> {
  const problems: Record<string, string> = {};
  orders.forEach(({ kind, isChecked, values }, at) => {
    if (!isChecked) return;
    for (const [field, why] of Object.entries(validateOrder(kind, values, { room, id: undefined }))) problems[`orders.${at}.values.${field}`] = why ?? "";
  });
  if (!orders.some(({ isChecked }) => isChecked)) problems["title"] = "Check what is to be ordered.";
  return problems;
}

/** The checked orders, joined by one identifier. */
export function makeSet({ orders }: SetValues, making: Omit<Making, "id">, newId: () => string): Resource[] {
  const together = { value: newId() };
  return orders
    .filter(({ isChecked }) => isChecked)
    .map(({ kind, values }) => ({
      ...makeResource(DEFINITIONS[kind], values, { ...making, id: newId() }),
      ...(kind === "medication" ? { groupIdentifier: together } : { requisition: together }),
    }));
}
