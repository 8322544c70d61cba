/**
 * A name in the person's own words, with a code where the words are a known name.
 *
 * Typing other words drops the code: a code must never outlive the words that it stood for.
 */
import { Autocomplete, Badge, type ComboboxItem, Group, type OptionsFilter, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { type Coding, codingsOf, conceptText, systemName, textConcept } from "../fhir/concept";
import type { Json } from "../chartroom";

/** What the field holds: the words, and the CodeableConcept that they come from, if any. */
export interface CodedTextValue {
  text: string;
  concept: Json;
}

export const NO_TEXT: CodedTextValue = { text: "", concept: null };

/** The field's value for a recorded concept. */
export function codedTextOf(concept: unknown): CodedTextValue {
  const text = conceptText(concept);
  return { text, concept: typeof concept === "object" && concept !== null ? (concept as Json) : null };
}

/** The CodeableConcept to write for the field's value. */
export function conceptOf(value: CodedTextValue): Json {
  return value.concept ?? textConcept(value.text.trim(), undefined);
}

const OFFERED_MAX = 8;

/** Names with the typed words; none once they are all typed, as the list would lie over the next field. */
const offered: OptionsFilter = ({ options, search }) => {
  const words = search.trim().toLowerCase();
  const named = (options as ComboboxItem[]).filter(({ label }) => label.toLowerCase().includes(words));
  return named.some(({ label }) => label.toLowerCase() === words) ? [] : named.slice(0, OFFERED_MAX);
};

export function CodedText(props: {
  label: string;
  placeholder?: string;
  field: string;
  value: CodedTextValue;
  onChange: (value: CodedTextValue) => void;
  error?: ReactNode;
  suggestions: readonly Coding[];
  /** The concept as recorded, which typing its words again brings back. */
  recorded?: unknown;
  note?: ReactNode;
}) {
  const { label, placeholder, field, value, onChange, error, suggestions, recorded, note } = props;
  const change = (text: string) => {
    const words = text.trim().toLowerCase();
    const before = recorded ? codedTextOf(recorded) : NO_TEXT;
    if (before.concept && before.text.toLowerCase() === words) return onChange({ ...before, text });
    const known = suggestions.find((coding) => coding.display.toLowerCase() === words);
    onChange({ text, concept: known ? textConcept(known.display, known) : null });
  };
  const coding = codingsOf(value.concept)[0];
  return (
    <div>
      <Autocomplete
        label={label}
        placeholder={placeholder}
        withAsterisk
        data-autofocus
        data-field={field}
        value={value.text}
        onChange={change}
        error={error}
        filter={offered}
        openOnFocus={false}
        data={[...new Set(suggestions.map((suggestion) => suggestion.display))]}
        maxLength={400}
        autoComplete="off"
      />
      <Group gap={6} mt={4} mih={20}>
        {coding ? (
          <Badge size="sm" variant="light" color="gray" tt="none">
            {systemName(coding.system)} {coding.code}
          </Badge>
        ) : (
          value.text.trim() !== "" && (
            <Text size="xs" c="dimmed">
              No code: recorded as text only
            </Text>
          )
        )}
      </Group>
      {note}
    </div>
  );
}
