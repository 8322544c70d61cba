/** Tests and studies offered while typing; any other words may be typed. */
import type { Coding } from "../shared/fhir/concept";

type Named = readonly (readonly [code: string, display: string])[];

const TESTS: Named = [
  ["24321-2", "Basic metabolic panel"],
  ["24323-8", "Comprehensive metabolic panel"],
  ["58410-2", "Complete blood count"],
  ["600-7", "Blood culture"],
  ["1988-5", "C-reactive protein"],
  ["2160-0", "Creatinine"],
  ["2345-7", "Glucose"],
  ["4548-4", "Hemoglobin A1c"],
  ["2823-3", "Potassium"],
  ["2951-2", "Sodium"],
  ["3016-3", "Thyrotropin (TSH)"],
  ["10839-9", "Troponin I"],
  ["24356-8", "Urinalysis"],
];

const STUDIES: Named = [
  ["399208008", "Plain chest X-ray"],
  ["303653007", "Computed tomography of head"],
  ["45036003", "Ultrasonography of abdomen"],
  ["40701008", "Echocardiography"],
];

export const LABORATORY_TESTS = codings("http://loinc.org", TESTS);
export const IMAGING_STUDIES = codings("http://snomed.info/sct", STUDIES);

function codings(system: string, names: Named): readonly Coding[] {
  return names.map(([code, display]) => ({ system, code, display }));
}
