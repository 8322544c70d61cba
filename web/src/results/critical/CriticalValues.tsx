/** An open chart's critical values, for all of its pages, and the dialog that interrupts with them. */
import { createContext, type ReactNode, useContext } from "react";
import type { Room } from "../../shared/chartroom";
import { useResource } from "../../shared/useRoom";
import { CriticalDialog } from "./CriticalDialog";
import { type CriticalAlerts, patientOf, useCriticalAlerts } from "./useCriticalAlerts";

const Critical = createContext<CriticalAlerts | undefined>(undefined);

export function CriticalValues({ room, children }: { room: Room; children: ReactNode }) {
  const critical = useCriticalAlerts(room);
  return (
    <Critical.Provider value={critical}>
      {children}
      <CriticalDialog critical={critical} patient={useResource(room, "Patient", patientOf(room))} />
    </Critical.Provider>
  );
}

/** What the chart around has of them. */
export function useCritical(): CriticalAlerts {
  const critical = useContext(Critical);
  if (!critical) throw new Error("results are shown within CriticalValues");
  return critical;
}
