/** Units as people write them; UCUM writes for machines. */

/** A unit for reading; one that nobody foresaw stays as it is. */
export function unitText(unit: string): string {
  return UNITS[unit] ?? (/^\{.*\}$/.test(unit) ? unit.slice(1, -1) : unit);
}

const UNITS: Record<string, string> = {
  "mm[Hg]": "mmHg",
  Cel: "°C",
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
