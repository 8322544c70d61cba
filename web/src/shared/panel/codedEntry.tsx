/** Kinds of entry that are a coded name, a status and a date, and no more. */
import { SimpleGrid, TextInput } from "@mantine/core";
import type { Json, Resource } from "../chartroom";
import { type Coding, conceptCode, conceptText } from "../fhir/concept";
import { datePart, dateProblem, today } from "../fhir/date";
import { asText } from "../fhir/read";
import { codeWord } from "../fhir/words";
import { CodedText, type CodedTextValue, codedTextOf, conceptOf, NO_TEXT } from "./CodedText";
import type { EntryDisplay, FieldsProps, PanelDefinition } from "./definition";
import { SelectField } from "./SelectField";

export interface CodedEntryValues extends Record<string, unknown> {
  name: CodedTextValue;
  status: string;
  date: string;
}

/** What is particular about a kind. */
export interface CodedEntry extends Omit<EntryDisplay, "label" | "badge" | "isPast" | "date"> {
  /** The element with the name, and what the form calls it. */
  name: { element: string; label: string; placeholder: string; suggestions: readonly Coding[] };
  /** The element with the date, other variants of it, and what the form calls it. */
  when: { element: string; others: readonly string[]; label: string };
  statuses: readonly string[];
  /** Statuses of what did not happen. */
  void: readonly string[];
  /** The element that names the patient. */
  patient: "patient" | "subject";
}

export function codedEntry(entry: CodedEntry): PanelDefinition<CodedEntryValues> {
  const { name, when, statuses, patient, ...display } = entry;
  const isPast = (resource: Resource) => entry.void.includes(asText(resource["status"]) ?? "");
  const date = (resource: Resource) => asText(resource[when.element]) ?? periodStart(resource, when.others);
  return {
    ...display,
    label: (resource) => conceptText(resource[name.element]) || `Unnamed ${entry.noun}`,
    badge: (resource) => ({ text: codeWord(resource["status"]) || "Not stated", tone: isPast(resource) ? "quiet" : "active" }),
    isPast,
    date,
    blank: () => ({ name: NO_TEXT, status: "completed", date: today(new Date()) }),
    read: (resource) => ({
      name: codedTextOf(resource[name.element]),
      status: conceptCode(resource["status"]) ?? "",
      date: datePart(date(resource)),
    }),
    validate: (values, now) => {
      const problems: Partial<Record<keyof CodedEntryValues & string, string>> = {};
      if (values.name.text.trim() === "") problems.name = `Name the ${name.label.toLowerCase()}.`;
      if (values.status === "") problems.status = "Say how it stands.";
      const wrong = dateProblem(values.date, now);
      if (wrong) problems.date = wrong;
      else if (values.date.trim() === "" && values.status === "completed") problems.date = "Say when, as far as known.";
      return problems;
    },
    elements: (values, changed, before) => {
      const elements: Record<string, Json> = {};
      if (changed.has("name")) elements[name.element] = conceptOf(values.name);
      if (changed.has("status")) elements["status"] = values.status;
      if (changed.has("date")) {
        for (const other of when.others) if (before?.[other] !== undefined) elements[other] = null;
        elements[when.element] = values.date.trim() || null;
      }
      return elements;
    },
    frame: ({ patientId }) => ({ [patient]: { reference: `Patient/${patientId}` } }),
    show: (field, values) => (field === "name" ? values.name.text : field === "status" ? codeWord(values.status) : values.date),
    Fields: (props) => <Fields entry={entry} {...props} />,
  };
}

function Fields({ entry, form, resource, note }: FieldsProps<CodedEntryValues> & { entry: CodedEntry }) {
  const { name, when, statuses } = entry;
  return (
    <>
      <CodedText
        label={name.label}
        placeholder={name.placeholder}
        field="name"
        suggestions={name.suggestions}
        recorded={resource?.[name.element]}
        {...form.getInputProps("name")}
        value={form.values.name}
        note={note("name")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <SelectField form={form} note={note} field="status" label="Status" codes={statuses} none={form.values.status === "" ? "Choose…" : undefined} />
        <div>
          <TextInput
            label={when.label}
            placeholder="YYYY-MM-DD, YYYY-MM or YYYY"
            maxLength={10}
            data-field="date"
            {...form.getInputProps("date")}
          />
          {note("date")}
        </div>
      </SimpleGrid>
    </>
  );
}

function periodStart(resource: Resource, others: readonly string[]): string {
  for (const other of others) {
    const value = resource[other] as { start?: unknown } | string | undefined;
    const text = asText(value) ?? (typeof value === "object" ? asText(value.start) : undefined);
    if (text) return text;
  }
  return "";
}
