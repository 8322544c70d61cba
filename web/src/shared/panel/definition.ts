/** What a panel of the chart has to say about its kind of entry; the rest is the same for all. */
import type { UseFormReturnType } from "@mantine/form";
import type { ComponentType, ReactNode } from "react";
import type { Edit, Json, Person, Resource, ResourceType, Room } from "../chartroom";

/** Values of a form: one key per field. */
export type FormValues = Record<string, unknown>;

/** What the fields of a form are given. */
export interface FieldsProps<V extends FormValues> {
  form: UseFormReturnType<V>;
  /** The entry as it is now, where one is edited. */
  resource: Resource | undefined;
  room: Room;
  /** What to say at a field that somebody else changed while the form was open. */
  note(field: keyof V & string): ReactNode;
}

/** The circumstances in which a resource is made. */
export interface Making {
  id: string;
  patientId: string;
  person: Person;
  now: Date;
}

/** How one kind of entry is shown. */
export interface EntryDisplay {
  type: ResourceType;
  /** Which resources of the type are of this kind; all of them where nothing is given. */
  includes?(resource: Resource): boolean;
  /** Heading, such as `Allergies`. */
  title: string;
  /** One entry, such as `allergy`. */
  noun: string;
  /** What the first column is called. */
  column: string;
  /** Heading of the collapsed group, such as `Resolved and inactive`. */
  pastTitle: string;
  /** Said where there is no current entry. */
  emptyText: string;
  label(resource: Resource): string;
  /** What belongs to the entry in short: dosage, onset, reaction. */
  detail(resource: Resource): string;
  badge(resource: Resource): { text: string; tone: "active" | "quiet" | "alert" };
  /** A second badge, for what must not be overlooked. */
  flag?(resource: Resource): string | undefined;
  isPast(resource: Resource): boolean;
  /** The FHIR date that rows are ordered by, latest first. */
  date(resource: Resource): string;
  /** What comes before the date: lower ranks stand first. Flagged entries where nothing is given. */
  rank?(resource: Resource): number;
}

/** Something that is done to an entry with one press, or with a word of why. */
export interface EntryAct {
  /** What the button says: `Sign`. */
  readonly verb: string;
  /** What the notice says behind it: `Signed`. */
  readonly done: string;
  /** Whether the button stands out. */
  readonly isMain: boolean;
  /** Asked before it is done. */
  readonly why?: { readonly title: string; readonly suggestions: readonly string[]; readonly isFinal: boolean };
  /** Values that the entry's form has to pass with; where it does not, the form opens instead. */
  readonly check?: FormValues;
  /** What it writes into the entry. */
  elements?(reason: string): Record<string, Json>;
  /** The entry that it makes instead. */
  make?(making: Making): Resource;
}

/** The chart that a form's values are held against, and the entry that they are of. */
export interface Against {
  readonly room: Room;
  readonly id: string | undefined;
}

/** A button that saves the form with some values. */
export interface SaveAs<V> {
  readonly label: string;
  readonly values: Partial<V>;
  readonly isMain: boolean;
}

/** One kind of entry, and how it is written. */
export interface PanelDefinition<V extends FormValues> extends EntryDisplay {
  /** Whether entries are shown and not written here. */
  readOnly?: boolean;
  /** Whether entries can be removed, which they can where nothing is said. */
  canRemove?: boolean;
  /** Whether an entry stands as it is. */
  isClosed?(resource: Resource): boolean;
  /** What can be done to an entry besides. */
  acts?(resource: Resource, person: Person): readonly EntryAct[];
  /** In the place of the one button that saves; the first is what the Enter key does. */
  saveAs?(resource: Resource | undefined): readonly SaveAs<V>[] | undefined;
  /** Values that have no field in the form. */
  readonly unseen?: readonly (keyof V & string)[];
  blank(): V;
  read(resource: Resource): V;
  validate(values: V, now: Date, against?: Against): Partial<Record<keyof V & string, string>>;
  /** The elements that say what the changed fields say; null removes one. */
  elements(values: V, changed: ReadonlySet<keyof V & string>, before: Resource | undefined, person?: Person): Record<string, Json>;
  /** What a new entry has beside the elements of its fields. */
  frame(making: Making): Record<string, Json>;
  /** Writes a new entry, where more than the resource is made. */
  create?(room: Room, resource: Resource): Edit;
  /** What the form is called, where neither "Add" nor "Edit" says it. */
  formTitle?: string;
  /** A field's value in words. */
  show(field: keyof V & string, values: V): string;
  Fields: ComponentType<FieldsProps<V>>;
}

/** An entry that is written elsewhere. */
export function readOnly(display: EntryDisplay): PanelDefinition<FormValues> {
  return {
    ...display,
    readOnly: true,
    blank: () => ({}),
    read: () => ({}),
    validate: () => ({}),
    elements: () => ({}),
    frame: () => ({}),
    show: () => "",
    Fields: () => null,
  };
}

/** A new resource from a filled-in form. */
export function makeResource<V extends FormValues>(
  definition: PanelDefinition<V>,
  values: V,
  making: Making,
): Resource {
  const all = new Set(Object.keys(values) as (keyof V & string)[]);
  const elements = Object.entries({
    ...definition.frame(making),
    ...definition.elements(values, all, undefined, making.person),
  }).filter(([, value]) => value !== null);
  return { resourceType: definition.type, id: making.id, ...Object.fromEntries(elements) };
}
