/** Whether a value is out of range, as the laboratory says or else as its range tells. */
import { codingsOf, conceptText } from "../shared/fhir/concept";
import { asList } from "../shared/fhir/read";
import type { Range } from "./range";
import { unitText } from "../shared/fhir/quantity";

export interface Flag {
  readonly tone: "critical" | "abnormal" | "normal";
  readonly direction: "high" | "low" | undefined;
  /** "Critical high", "Low", "Normal". */
  readonly text: string;
}

/** The flag that `interpretation` gives; the gravest of several. */
export function flagBySaying(interpretation: unknown): Flag | undefined {
  const flags = asList(interpretation).flatMap((concept) => {
    const codes = codingsOf(concept).map(({ code }) => code);
    const known = codes.flatMap((code) => SAID[code] ?? [])[0];
    if (known) return [known];
    const text = conceptText(concept);
    return text === "" ? [] : [SAID[text.toUpperCase()] ?? SAID_IN_WORDS[text.toLowerCase()] ?? { tone: "normal" as const, direction: undefined, text }];
  });
  return flags.find(({ tone }) => tone === "critical") ?? flags.find(({ tone }) => tone === "abnormal") ?? flags[0];
}

/** The flag that follows from the range; none where the units differ or the value may be either. */
export function flagByRange(number: number | undefined, comparator: string, unit: string, range: Range | undefined): Flag | undefined {
  if (number === undefined || !range || (range.low === undefined && range.high === undefined)) return undefined;
  if (range.units.length > 0 && !range.units.some((other) => unitText(other) === unit)) return undefined;
  const { low = -Infinity, high = Infinity } = range;
  if (comparator.startsWith(">")) return number >= high ? HIGH : undefined;
  if (comparator.startsWith("<")) return number <= low ? LOW : undefined;
  return number > high ? HIGH : number < low ? LOW : NORMAL;
}

const HIGH: Flag = { tone: "abnormal", direction: "high", text: "High" };
const LOW: Flag = { tone: "abnormal", direction: "low", text: "Low" };
const NORMAL: Flag = { tone: "normal", direction: undefined, text: "Normal" };
const CRITICAL_HIGH: Flag = { tone: "critical", direction: "high", text: "Critical high" };
const CRITICAL_LOW: Flag = { tone: "critical", direction: "low", text: "Critical low" };
const CRITICAL: Flag = { tone: "critical", direction: undefined, text: "Critical" };
const ABNORMAL: Flag = { tone: "abnormal", direction: undefined, text: "Abnormal" };

const SAID: Record<string, Flag> = {
  HH: CRITICAL_HIGH,
  "H>": CRITICAL_HIGH,
  LL: CRITICAL_LOW,
  "L<": CRITICAL_LOW,
  AA: CRITICAL,
  H: HIGH,
  HU: { ...HIGH, text: "Very high" },
  HX: { ...HIGH, text: "Above the scale" },
  L: LOW,
  LU: { ...LOW, text: "Very low" },
  LX: { ...LOW, text: "Below the scale" },
  A: ABNORMAL,
  N: NORMAL,
  POS: { ...ABNORMAL, text: "Positive" },
  NEG: { ...NORMAL, text: "Negative" },
  DET: { ...ABNORMAL, text: "Detected" },
  ND: { ...NORMAL, text: "Not detected" },
  R: { ...ABNORMAL, text: "Resistant" },
  I: { ...ABNORMAL, text: "Intermediate" },
  S: { ...NORMAL, text: "Susceptible" },
  IND: { ...ABNORMAL, text: "Indeterminate" },
};

const SAID_IN_WORDS: Record<string, Flag> = {
  high: HIGH,
  low: LOW,
  normal: NORMAL,
  abnormal: ABNORMAL,
  "critical high": CRITICAL_HIGH,
  "critical low": CRITICAL_LOW,
  critical: CRITICAL,
  "critical abnormal": CRITICAL,
};
