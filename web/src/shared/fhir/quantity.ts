/** Quantities as people write them: units, where UCUM writes for machines, and numbers. */

/** A unit for reading; one that nobody foresaw stays as it is. */
export function unitText(unit: string): string {
  return UNITS[unit] ?? (/^\{.*\}$/.test(unit) ? unit.slice(1, -1) : unit);
}

/** A number with no more decimals than a person reads. */
export function shortened(recorded: string): string {
  const number = Number(recorded);
  if (Number.isNaN(number)) return recorded;
  const size = Math.abs(number);
  const short = size >= 100 ? number.toFixed(1) : size >= 1 ? number.toFixed(2) : number.toPrecision(3);
  return short.length < recorded.length ? String(Number(short)) : recorded;
}

const UNITS: Record<string, string> = {
  "mm[Hg]": "mmHg",
  Cel: "°C",
  "{beats}/min": "/min",
  "[degF]": "°F",
  "{score}": "",
  "1": "",
  "[pH]": "",
  "10*3/uL": "10³/µL",
  "10*6/uL": "10⁶/µL",
  "10*9/L": "10⁹/L",
  "10*12/L": "10¹²/L",
  "kg/m2": "kg/m²",
  "[lb_av]": "lb",
  "[in_i]": "in",
  "[IU]/L": "IU/L",
};
