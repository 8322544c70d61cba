/** Substances offered while typing; any other words may be typed. */
import type { Coding } from "../shared/fhir/concept";

const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const SNOMED = "http://snomed.info/sct";

export const SUBSTANCES: readonly Coding[] = [
  { system: RXNORM, code: "723", display: "Amoxicillin" },
  { system: RXNORM, code: "1191", display: "Aspirin" },
  { system: RXNORM, code: "18631", display: "Azithromycin" },
  { system: RXNORM, code: "2231", display: "Cephalexin" },
  { system: RXNORM, code: "2551", display: "Ciprofloxacin" },
  { system: RXNORM, code: "2582", display: "Clindamycin" },
  { system: RXNORM, code: "2670", display: "Codeine" },
  { system: SNOMED, code: "3718001", display: "Cow's milk" },
  { system: RXNORM, code: "3640", display: "Doxycycline" },
  { system: SNOMED, code: "102263004", display: "Eggs" },
  { system: RXNORM, code: "4053", display: "Erythromycin" },
  { system: RXNORM, code: "5640", display: "Ibuprofen" },
  { system: SNOMED, code: "111088007", display: "Latex" },
  { system: RXNORM, code: "7052", display: "Morphine" },
  { system: RXNORM, code: "7258", display: "Naproxen" },
  { system: RXNORM, code: "7804", display: "Oxycodone" },
  { system: SNOMED, code: "762952008", display: "Peanut" },
  { system: RXNORM, code: "7980", display: "Penicillin G" },
  { system: RXNORM, code: "10180", display: "Sulfamethoxazole" },
  { system: RXNORM, code: "11124", display: "Vancomycin" },
];
