/** What the header says of a chart, live. */
import { useMemo } from "react";
import { isPastAllergy } from "../allergies/allergy";
import { isPastMedication } from "../medications/medication";
import { isPastProblem } from "../problems/problem";
import { useCritical } from "../results/critical/CriticalValues";
import type { Resource, ResourceType } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useCollection, useConflicts } from "../shared/useRoom";
import { type CodeStatus, codeStatus } from "./codeStatus";
import { type Indicator, indicators } from "./indicators";

export interface Summary {
  /** The dangerous ones first. */
  readonly allergies: readonly Resource[];
  readonly medications: readonly Resource[];
  readonly problems: readonly Resource[];
  readonly conflicts: number;
  readonly indicators: readonly Indicator[];
  readonly codeStatus: CodeStatus | undefined;
}

export function useSummary(open: OpenRoom): Summary {
  const problems = useCurrent(open, "Condition", isPastProblem);
  const medications = useCurrent(open, "MedicationRequest", isNotTaken);
  const allergies = useCurrent(open, "AllergyIntolerance", isPastAllergy);
  const conflicts = [...useConflicts(open).values()].flat().length;
  const flags = useCollection(open.room, "Flag");
  const observations = useCollection(open.room, "Observation");
  const consents = useCollection(open.room, "Consent");
  const orders = useCollection(open.room, "ServiceRequest");
  const { alerts, seen } = useCritical();
  const dangerous = useMemo(() => [...allergies].sort((a, b) => danger(b) - danger(a)), [allergies]);
  const warnings = useMemo(() => indicators({ allergies: dangerous, flags, observations, alerts, seen }), [dangerous, flags, observations, alerts, seen]);
  const status = useMemo(() => codeStatus({ flags, observations, consents, orders }), [flags, observations, consents, orders]);
  return { allergies: dangerous, medications, problems, conflicts, indicators: warnings, codeStatus: status };
}

/** A draft is no medication yet. */
function isNotTaken(resource: Resource): boolean {
  return isPastMedication(resource) || resource["status"] === "draft";
}

function danger(allergy: Resource): number {
  return allergy["criticality"] === "high" ? 1 : 0;
}

/** Entries that count: current ones, and those that people disagree about. */
function useCurrent(open: OpenRoom, type: ResourceType, isPast: (resource: Resource) => boolean): readonly Resource[] {
  const all = useCollection(open.room, type);
  const conflicts = useConflicts(open);
  return useMemo(
    () => all.filter((resource) => !isPast(resource) || conflicts.has(resourceKey(type, resource.id))),
    [all, type, isPast, conflicts],
  );
}
