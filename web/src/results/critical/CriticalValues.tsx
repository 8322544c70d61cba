/** An open chart's critical values, for all of its pages, and the dialog that interrupts with them. */
import { createContext, type ReactNode, useContext, useMemo } from "react";
import { useShowsChart } from "../../alerts/charts";
import type { Room } from "../../shared/chartroom";
import { patientName } from "../../shared/fhir/patient";
import { useResource } from "../../shared/useRoom";
import { criticalAsOf } from "./critical";
import { CriticalDialog } from "./CriticalDialog";
import { type CriticalAlerts, patientOf, useCriticalAlerts } from "./useCriticalAlerts";

const Critical = createContext<CriticalAlerts | undefined>(undefined);

export function CriticalValues({ room, children }: { room: Room; children: ReactNode }) {
  const critical = useCriticalAlerts(room);
  const id = patientOf(room);
  const patient = useResource(room, "Patient", id);
  const withdrawn = useMemo(() => critical.alerts.filter((alert) => alert.withdrawn !== undefined).map(({ key }) => key), [critical.alerts]);
  useShowsChart({ id, name: patientName(patient) || id, withdrawn });
  return (
    <Critical.Provider value={critical}>
      {children}
      <CriticalDialog critical={critical} patient={patient} />
    </Critical.Provider>
  );
}

/** Those of a chart as it was at a time; nothing interrupts with them any more. */
export function PastCriticalValues({ room, ms, children }: { room: Room; ms: number; children: ReactNode }) {
  const critical = useCriticalAlerts(room);
  const then = useMemo(() => ({ ...critical, alerts: criticalAsOf(critical.alerts, ms + 999) }), [critical, ms]);
  return <Critical.Provider value={then}>{children}</Critical.Provider>;
}

/** What the chart around has of them. */
export function useCritical(): CriticalAlerts {
  const critical = useContext(Critical);
  if (!critical) throw new Error("results are shown within CriticalValues");
  return critical;
}
