/** A conflict in a form: the fields that it is about, and what settles it with another value. */
import type { Conflict, Json, Resource } from "../chartroom";
import type { FormValues, PanelDefinition } from "./definition";

/** What refused choices belong to, in the place of a panel. */
export const CONFLICTS = "Conflicts";

/** The fields that write what is disputed; none where the form has no say in it. */
export function disputedFields<V extends FormValues>(definition: PanelDefinition<V>, resource: Resource, conflict: Conflict): readonly (keyof V & string)[] {
  if (conflict.kind === "deleted" || conflict.kind === "text") return [];
  const values = definition.read(resource);
  const writes = (field: keyof V & string) => Object.keys(definition.elements(values, new Set([field]), resource));
  return Object.keys(values).filter((field) => !definition.unseen?.includes(field) && writes(field).some((name) => conflict.elements.includes(name)));
}

/** Whether the form can settle it with a value of neither side. */
export function isWritable<V extends FormValues>(definition: PanelDefinition<V>, resource: Resource, conflict: Conflict): boolean {
  return !definition.readOnly && (conflict.kind === "created" || disputedFields(definition, resource, conflict).length > 0);
}

/** Every disputed element as it shows; a conflict is settled once all of them are written. */
export function disputedElements(conflict: Conflict, resource: Resource | undefined): Record<string, Json> {
  return Object.fromEntries(conflict.elements.map((name) => [name, (resource?.[name] ?? null) as Json]));
}

/** What tells it from the others of the room. */
export function conflictKey({ resource_type: type, id, kind, elements, values }: Conflict): string {
  return [type, id, kind, ...elements, ...values.map(({ hash }) => hash).sort()].join(" ");
}
