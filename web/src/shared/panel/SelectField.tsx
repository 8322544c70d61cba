/** A field that takes one code of a FHIR value set, with what to say beside it. */
import { NativeSelect } from "@mantine/core";
import { asText } from "../fhir/read";
import type { FieldsProps, FormValues } from "./definition";
import { options } from "./options";

interface Props<V extends FormValues> extends Pick<FieldsProps<V>, "form" | "note"> {
  field: keyof V & string;
  label: string;
  codes: readonly string[];
  /** The option for no code; undefined where there must be one. */
  none: string | undefined;
  disabled?: boolean;
}

export function SelectField<V extends FormValues>({ form, note, field, label, codes, none, disabled = false }: Props<V>) {
  return (
    <div>
      <NativeSelect
        label={label}
        data={options(codes, asText(form.values[field]) ?? "", none)}
        disabled={disabled}
        data-field={field}
        {...form.getInputProps(field)}
      />
      {note(field)}
    </div>
  );
}
