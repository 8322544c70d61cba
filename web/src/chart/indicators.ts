/** What must be known before anything else is done: flags, dangerous allergies, critical results, code status. */
import type { Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { isCritical, latestOfEach, observationValue, observedAt } from "../shared/fhir/observation";
import { asList, asObject, asText } from "../shared/fhir/read";

/** One thing that must not be overlooked. */
export interface Indicator {
  readonly key: string;
  readonly kind: "Flag" | "Critical result" | "High criticality";
  readonly text: string;
  /** The FHIR date that it is known since. */
  readonly since: string;
}

/** Critical results that nobody has acknowledged first, then dangerous allergies, then flags. */
export function indicators(chart: {
  allergies: readonly Resource[];
  flags: readonly Resource[];
  observations: readonly Resource[];
  communications: readonly Resource[];
}): readonly Indicator[] {
  const seen = acknowledged(chart.communications);
  const results = latestOfEach(chart.observations)
    .filter((result) => isCritical(result) && !seen.has(`Observation/${result.id}`))
    .map((result): Indicator => {
      const text = [conceptText(result["code"]), observationValue(result)].filter(Boolean).join(" ");
      return { key: result.id, kind: "Critical result", text, since: observedAt(result) };
    });
  const allergies = chart.allergies
    .filter((allergy) => allergy["criticality"] === "high")
    .map((allergy): Indicator => ({ key: allergy.id, kind: "High criticality", text: conceptText(allergy["code"]), since: "" }));
  const flags = chart.flags
    .filter((flag) => flag["status"] === "active" && !tellsCodeStatus(conceptText(flag["code"])))
    .map((flag): Indicator => {
      const since = asText(asObject(flag["period"])?.["start"]) ?? "";
      return { key: flag.id, kind: "Flag", text: conceptText(flag["code"]) || "Flag without words", since };
    });
  return [...results, ...allergies, ...flags];
}

/** What was decided about resuscitation, as the chart has it. */
export interface CodeStatus {
  readonly text: string;
  /** The FHIR date of the record. */
  readonly date: string;
  /** What other records say that are in force as well; a person has to look. */
  readonly others: readonly string[];
}

/** The latest record; undefined where there is none, which never means that all is to be done. */
export function codeStatus(chart: {
  flags: readonly Resource[];
  observations: readonly Resource[];
  consents: readonly Resource[];
}): CodeStatus | undefined {
  const records = [
    ...chart.flags.filter((flag) => flag["status"] === "active").flatMap(ofFlag),
    ...latestOfEach(chart.observations.filter((one) => NAMED.test(conceptText(one["code"])))).flatMap(ofObservation),
    ...chart.consents.filter((consent) => consent["status"] === "active").flatMap(ofConsent),
  ].sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0));
  const [latest] = records;
  if (!latest) return undefined;
  const others = new Set(records.map(({ text }) => text));
  others.delete(latest.text);
  return { ...latest, others: [...others] };
}

function ofFlag(flag: Resource) {
  const text = conceptText(flag["code"]);
  const date = asText(asObject(flag["period"])?.["start"]) ?? "";
  return tellsCodeStatus(text) ? [{ text: text.replace(/^code status:?\s*/i, "") || text, date }] : [];
}

function ofObservation(observation: Resource) {
  const text = observationValue(observation);
  return text ? [{ text, date: observedAt(observation) }] : [];
}

function ofConsent(consent: Resource) {
  const isRefusal = asList(consent["category"]).some((category) => conceptCode(category) === "dnr");
  return isRefusal ? [{ text: "Do not resuscitate", date: asText(consent["dateTime"]) ?? "" }] : [];
}

function tellsCodeStatus(text: string): boolean {
  return NAMED.test(text) || DECIDED.test(text);
}

/** Observations of the chart that somebody has said to have seen. */
function acknowledged(communications: readonly Resource[]): ReadonlySet<string> {
  const told = communications.filter((one) => one["status"] === "completed" && asList(one["category"]).length === 0);
  return new Set(told.flatMap((one) => [...asList(one["about"]), ...asList(one["inResponseTo"])]).flatMap((about) => asText(asObject(about)?.["reference"]) ?? []));
}

const NAMED = /\bcode status\b|resuscitation status/i;
const DECIDED = /do not (attempt )?(resuscitat|intubat)|not for resuscitation|for resuscitation|\bDN(A?R|I)\b|\bfull code\b|comfort (care|measures) only/i;
