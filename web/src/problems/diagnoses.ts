/** Diagnoses offered while typing, in SNOMED CT; any other words may be typed. */
import type { Coding } from "../shared/fhir/concept";

const NAMES: readonly (readonly [code: string, display: string])[] = [
  ["10509002", "Acute bronchitis"],
  ["271737000", "Anemia"],
  ["48694002", "Anxiety"],
  ["195967001", "Asthma"],
  ["49436004", "Atrial fibrillation"],
  ["709044004", "Chronic kidney disease"],
  ["13645005", "Chronic obstructive lung disease"],
  ["35489007", "Depressive disorder"],
  ["46635009", "Diabetes mellitus type 1"],
  ["44054006", "Diabetes mellitus type 2"],
  ["235595009", "Gastroesophageal reflux disease"],
  ["84114007", "Heart failure"],
  ["55822004", "Hyperlipidemia"],
  ["38341003", "Hypertension"],
  ["40930008", "Hypothyroidism"],
  ["37796009", "Migraine"],
  ["22298006", "Myocardial infarction"],
  ["396275006", "Osteoarthritis"],
  ["233604007", "Pneumonia"],
  ["230690007", "Stroke"],
  ["68566005", "Urinary tract infection"],
];

export const DIAGNOSES: readonly Coding[] = NAMES.map(([code, display]) => ({
  system: "http://snomed.info/sct",
  code,
  display,
}));
