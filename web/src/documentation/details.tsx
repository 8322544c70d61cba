/** The form of a note: kind, title, encounter. Its text is written on the page. */
import { NativeSelect, TextInput } from "@mantine/core";
import type { Json, Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { asText } from "../shared/fhir/read";
import type { FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { resourceKey } from "../shared/store";
import { kindOf, NOTE_KINDS } from "./kinds";
import { noteOf, stateText } from "./note";
import { encounterDate, encounterText } from "./tree";
import { beginNote, contextOf, noteFrame, typeOf } from "./write";

export interface NoteValues extends Record<string, unknown> {
  /** A LOINC code; empty for a kind that is none of these. */
  kind: string;
  title: string;
  /** `Encounter/id`, or empty. */
  encounter: string;
}

export function noteForm(encounters: readonly Resource[], onBegun: (key: string) => void): PanelDefinition<NoteValues> {
  return {
    type: "DocumentReference",
    title: "Notes and documents",
    noun: "note",
    column: "Note",
    pastTitle: "Entered in error",
    emptyText: "No notes recorded.",
    label: (resource) => noteOf(resource).title,
    detail: (resource) => noteOf(resource).kind,
    badge: (resource) => ({ text: stateText(noteOf(resource)), tone: "active" }),
    isPast: (resource) => noteOf(resource).state === "error",
    date: (resource) => noteOf(resource).date,
    blank: () => ({ kind: NOTE_KINDS[0]!.code, title: "", encounter: currentEncounter(encounters) }),
    read: (resource) => ({
      kind: kindOf(conceptCode(resource["type"]))?.code ?? "",
      title: asText(resource["description"]) ?? "",
      encounter: noteOf(resource).encounter ?? "",
    }),
    validate: () => ({}),
    elements: (values, changed, before) => noteElements(values, changed, before),
    frame: noteFrame,
    create: (room, resource) => {
      const edit = beginNote(room, resource);
      onBegun(resourceKey(resource.resourceType, resource.id));
      return edit;
    },
    show: (field, values) => (field === "kind" ? (kindOf(values.kind)?.label ?? "another kind") : field === "encounter" ? encounterName(encounters, values.encounter) : values.title),
    Fields: (props) => <Fields encounters={encounters} {...props} />,
  };
}

function noteElements(values: NoteValues, changed: ReadonlySet<string>, before: Resource | undefined): Record<string, Json> {
  const kind = kindOf(values.kind);
  return {
    ...(changed.has("kind") && kind && { type: typeOf(kind) }),
    ...(changed.has("title") && { description: values.title.trim() || (kind?.label ?? null) }),
    ...(changed.has("encounter") && { context: contextOf(before?.["context"], values.encounter) }),
  };
}

function Fields({ encounters, form, resource, note }: FieldsProps<NoteValues> & { encounters: readonly Resource[] }) {
  const kind = kindOf(form.values.kind);
  return (
    <>
      <div>
        <NativeSelect label="Kind" data-field="kind" data={kindOptions(form.values.kind, resource)} {...form.getInputProps("kind")} />
        {note("kind")}
      </div>
      <div>
        <TextInput label="Title" placeholder={kind?.label} data-field="title" data-autofocus maxLength={200} autoComplete="off" {...form.getInputProps("title")} />
        {note("title")}
      </div>
      <div>
        <EncounterSelect encounters={encounters} field="encounter" {...form.getInputProps("encounter")} />
        {note("encounter")}
      </div>
    </>
  );
}

/** The encounters of a chart, the latest first. */
export function EncounterSelect(props: { encounters: readonly Resource[]; field: string; value?: string }) {
  const { encounters, field, ...rest } = props;
  const latest = [...encounters].sort((a, b) => (encounterDate(a) < encounterDate(b) ? 1 : -1));
  const data = [{ value: "", label: encounters.length > 0 ? "No encounter" : "No encounters recorded" }, ...latest.map((one) => ({ value: resourceKey("Encounter", one.id), label: encounterText(one) }))];
  if (rest.value && !data.some(({ value }) => value === rest.value)) data.push({ value: rest.value, label: "An encounter that is not in the chart" });
  return <NativeSelect label="Encounter" data-field={field} disabled={encounters.length === 0} data={data} {...rest} />;
}

/** The encounter that is under way, if there is one: the latest. */
export function currentEncounter(encounters: readonly Resource[]): string {
  const open = encounters.filter(({ status }) => status === "in-progress").sort((a, b) => (encounterDate(a) < encounterDate(b) ? 1 : -1))[0];
  return open ? resourceKey("Encounter", open.id) : "";
}

function kindOptions(shown: string, resource: Resource | undefined) {
  const own = kindOf(shown);
  const known = NOTE_KINDS.map(({ code, label }) => ({ value: code, label }));
  if (own) return NOTE_KINDS.includes(own) ? known : [{ value: own.code, label: own.label }, ...known];
  return [{ value: "", label: conceptText(resource?.["type"]) || "Not stated" }, ...known];
}

function encounterName(encounters: readonly Resource[], key: string): string {
  const encounter = encounters.find(({ id }) => resourceKey("Encounter", id) === key);
  return encounter ? encounterText(encounter) : "no encounter";
}
