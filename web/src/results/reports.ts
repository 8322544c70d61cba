/** DiagnosticReports and the observations that belong to them. */
import type { Resource } from "../shared/chartroom";
import { conceptCode, conceptText } from "../shared/fhir/concept";
import { asList, asObject, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { type Reading, readingOf } from "./reading";

export interface Report {
  readonly key: string;
  readonly label: string;
  readonly status: string;
  readonly isFinal: boolean;
  readonly isVoid: boolean;
  readonly at: number;
  /** As recorded. */
  readonly time: string;
  readonly conclusion: string;
  readonly results: readonly ReportResult[];
}

export interface ReportResult {
  readonly key: string;
  readonly label: string;
  /** Absent where the chart does not have it. */
  readonly reading: Reading | undefined;
}

/** The reports, latest first, without looking into their results. */
export function reportsOf(resources: readonly Resource[]): readonly Resource[] {
  const at = (report: Resource) => Date.parse(reportTime(report)) || 0;
  return [...resources].sort((a, b) => at(b) - at(a) || (a.id < b.id ? -1 : 1));
}

/** One report with its results as they stand in the chart. */
export function reportOf(resource: Resource, observations: ReadonlyMap<string, Resource>): Report {
  const status = conceptCode(resource["status"]) ?? "unknown";
  const codes = asList(resource["conclusionCode"]).map(conceptText).filter(Boolean).join(", ");
  return {
    key: resource.id,
    label: conceptText(resource["code"]) || "Unnamed report",
    status: status === "final" ? "Final" : codeWord(status),
    isFinal: ["final", "amended", "corrected", "appended"].includes(status),
    isVoid: ["entered-in-error", "cancelled"].includes(status),
    at: Date.parse(reportTime(resource)) || 0,
    time: reportTime(resource),
    conclusion: [asText(resource["conclusion"]), codes].filter(Boolean).join(" · "),
    results: asList(resource["result"]).flatMap((item, index) => {
      const reference = asText(asObject(item)?.["reference"]) ?? "";
      const found = observations.get(reference.split(/[/:]/).at(-1) ?? "");
      const label = asText(asObject(item)?.["display"]) ?? reference;
      const reading = found && readingOf(found);
      return [{ key: `${reference} ${index}`, label: (reading?.label ?? label) || "Unnamed result", reading }];
    }),
  };
}

/** When it was, as recorded: of the examination, else of the report. */
export function reportTime(resource: Resource): string {
  const period = asObject(resource["effectivePeriod"]);
  return asText(resource["effectiveDateTime"]) ?? asText(period?.["end"]) ?? asText(period?.["start"]) ?? asText(resource["issued"]) ?? "";
}
