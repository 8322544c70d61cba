/** What must be known before anything else is done: critical results, dangerous allergies, flags. */
import type { Acknowledgement } from "../alerts/alert";
import { type CriticalAlert, isOpen } from "../results/critical/critical";
import type { Resource } from "../shared/chartroom";
import { conceptText } from "../shared/fhir/concept";
import { hasCategory, isCritical, latestOfEach, observationValue, observedAt } from "../shared/fhir/observation";
import { asObject, asText } from "../shared/fhir/read";
import { tellsCodeStatus } from "./codeStatus";

/** One thing that must not be overlooked. */
export interface Indicator {
  readonly key: string;
  readonly kind: "Flag" | "Critical result" | "High criticality";
  readonly text: string;
  /** The FHIR date that it is known since. */
  readonly since: string;
}

interface Chart {
  readonly allergies: readonly Resource[];
  readonly flags: readonly Resource[];
  readonly observations: readonly Resource[];
  /** The chart's critical values, by the table of docs/events.md. */
  readonly alerts: readonly CriticalAlert[];
  /** Who has seen which result. */
  readonly seen: ReadonlyMap<string, Acknowledgement>;
}

/** Critical results that nobody has acknowledged first, then dangerous allergies, then flags, those for safety before those for the office. */
export function indicators(chart: Chart): readonly Indicator[] {
  const allergies = chart.allergies
    .filter((allergy) => allergy["criticality"] === "high")
    .map((allergy): Indicator => ({ key: allergy.id, kind: "High criticality", text: conceptText(allergy["code"]), since: "" }));
  const flags = chart.flags
    .filter((flag) => flag["status"] === "active" && !tellsCodeStatus(flag))
    .sort((a, b) => Number(isForOffice(a)) - Number(isForOffice(b)))
    .map((flag): Indicator => {
      const since = asText(asObject(flag["period"])?.["start"]) ?? "";
      return { key: flag.id, kind: "Flag", text: conceptText(flag["code"]) || "Flag without words", since };
    });
  return [...criticalResults(chart), ...allergies, ...flags];
}

/** What raised an alert, and what the laboratory calls critical; each result once. */
function criticalResults({ observations, alerts, seen }: Chart): readonly Indicator[] {
  const open = new Set(alerts.filter(isOpen).map(({ about }) => about));
  const called = latestOfEach(observations).filter((result) => isCritical(result) && !seen.has(nameOf(result)) && !open.has(nameOf(result)));
  return [...observations.filter((result) => open.has(nameOf(result))), ...called].map((result) => {
    const text = [conceptText(result["code"]), observationValue(result)].filter(Boolean).join(" ");
    return { key: result.id, kind: "Critical result", text, since: observedAt(result) };
  });
}

function nameOf({ id }: Resource): string {
  return `Observation/${id}`;
}

/** Categories of HL7's flag-category that are nobody's danger. */
function isForOffice(flag: Resource): boolean {
  return ["admin", "contact", "research"].some((code) => hasCategory(flag, code));
}
