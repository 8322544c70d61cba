/** What the address says of a chart: the page, the moment it is shown as of, and the entry that is looked for. */
import { useMemo } from "react";
import { useSearch } from "wouter";

export interface ChartAddress {
  /** The moment, in milliseconds since 1970; `undefined` for now, NaN where it is no time. */
  readonly at: number | undefined;
  /** `Type/id`. */
  readonly entry: string | undefined;
}

/** What the address says, live. */
export function useChartAddress(): ChartAddress {
  const search = useSearch();
  return useMemo(() => {
    const said = new URLSearchParams(search);
    const at = said.get("at");
    return { at: at === null ? undefined : Date.parse(at), entry: said.get("entry") ?? undefined };
  }, [search]);
}

/** The address of a page of a chart. */
export function chartPath(patientId: string, tab: string, { at, entry }: Partial<ChartAddress> = {}): string {
  const path = `/patients/${encodeURIComponent(patientId)}${tab === "chart" ? "" : `/${tab}`}`;
  const said = new URLSearchParams();
  if (at !== undefined && !Number.isNaN(at)) said.set("at", new Date(at).toISOString().replace(/\.\d+Z$/, "Z"));
  if (entry !== undefined) said.set("entry", entry);
  return said.size > 0 ? `${path}?${said}` : path;
}

/** The page that shows entries of a type; `undefined` where none of this build does. */
export function tabOf(type: string): string | undefined {
  return PLACES[type];
}

const PLACES: Readonly<Record<string, string>> = {
  AllergyIntolerance: "chart",
  CarePlan: "chart",
  Condition: "chart",
  Encounter: "chart",
  Immunization: "chart",
  Procedure: "chart",
  MedicationRequest: "orders",
  ServiceRequest: "orders",
  DiagnosticReport: "results",
  DocumentReference: "notes",
  Composition: "notes",
  ImagingStudy: "imaging",
  Observation: "results",
};
