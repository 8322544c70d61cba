/** The form that makes another version of a signed note, with the reason. */
import { Textarea, TextInput } from "@mantine/core";
import type { Person, Resource } from "../shared/chartroom";
import type { EntryDisplay, FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { contentOf } from "./content";
import { isBlank } from "./kinds";
import { amendment } from "./write";

export interface AmendValues extends Record<string, unknown> {
  text: string;
  reason: string;
}

/** Amends a note of `form`; `beside` is the text of one that has it beside the resource alone. */
export function amendForm(form: EntryDisplay, resource: Resource, beside: string, me: Person): PanelDefinition<AmendValues> {
  const textOf = (one: Resource) => {
    const content = contentOf(one);
    return content.kind === "text" ? content.text : beside;
  };
  const signed = textOf(resource);
  return {
    ...form,
    noun: "amendment",
    formTitle: "Amend the signed note",
    blank: () => ({ text: signed, reason: "" }),
    read: (one) => ({ text: textOf(one), reason: "" }),
    saveAs: () => [{ label: "Amend", values: {}, isMain: true }],
    validate: ({ text, reason }) => ({
      ...(isBlank(text) && { text: "An amended note cannot be empty." }),
      ...(text === signed && { text: "The text is as it was signed. To add to it, write an addendum." }),
      ...(reason.trim() === "" && { reason: "Say why, for those who read the chart later." }),
    }),
    elements: (values, changed, before, person = me) =>
      amendment(before, changed.has("text") ? values.text : undefined, changed.has("reason") ? values.reason.trim() : undefined, person, new Date()),
    frame: () => ({}),
    show: (field, values) => (field === "text" ? `${values.text.slice(0, 80)}…` : values.reason),
    Fields,
  };
}

function Fields({ form, note }: FieldsProps<AmendValues>) {
  return (
    <>
      <div>
        <TextInput label="Reason" withAsterisk data-field="reason" data-autofocus maxLength={400} autoComplete="off" {...form.getInputProps("reason")} />
        {note("reason")}
      </div>
      <div>
        <Textarea label="Text" withAsterisk data-field="text" autosize minRows={8} maxRows={22} {...form.getInputProps("text")} />
        {note("text")}
      </div>
    </>
  );
}
