/** FHIR's references, as far as they name a resource of the same chart. */
import { asList, asObject, asText } from "../shared/fhir/read";

/** The id that a reference ends with: of `Type/id`, an address, or `urn:uuid:`. */
export function referenceId(reference: string): string {
  return reference.split(/[/:]/).at(-1) ?? "";
}

/** The ids of one reference or of a list of them. */
export function referenceIds(value: unknown): readonly string[] {
  const all = Array.isArray(value) ? asList(value) : [value];
  return all.flatMap((one) => {
    const reference = asText(asObject(one)?.["reference"]);
    return reference ? [referenceId(reference)] : [];
  });
}
