/** Options of a select for codes of a FHIR value set. */
import { codeWord } from "../fhir/words";

/** The codes, the recorded one if it is another, and a first option for none. */
export function options(codes: readonly string[], recorded: string, none: string | undefined) {
  const all = recorded === "" || codes.includes(recorded) ? codes : [...codes, recorded];
  const named = all.map((value) => ({ value, label: codeWord(value) }));
  return none === undefined ? named : [{ value: "", label: none }, ...named];
}
