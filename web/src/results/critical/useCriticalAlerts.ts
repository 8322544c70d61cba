/** A chart's critical values, live, and the acknowledging of them. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { ALERTS_ROOM } from "../../alerts/useAlerts";
import type { ChartEvent, Resource, Room } from "../../shared/chartroom";
import { reasonText } from "../../shared/edits";
import { asObject, asText } from "../../shared/fhir/read";
import { useCollection, useRoom } from "../../shared/useRoom";
import { useWorkspace } from "../../shared/workspace";
import { acknowledgement, alertsOf, type CriticalAlert, type Heard } from "./alerts";

export interface CriticalAlerts {
  readonly alerts: readonly CriticalAlert[];
  readonly acknowledge: (alert: CriticalAlert) => void;
  /** Why acknowledgements did not go through, by alert. */
  readonly failures: ReadonlyMap<string, string>;
}

/** The alerts of the patient whose chart `room` is. */
export function useCriticalAlerts(room: Room): CriticalAlerts {
  const { person } = useWorkspace();
  const patient = patientOf(room);
  const facility = useRoom(ALERTS_ROOM);
  const raised = useCollection(facility.step === "open" ? facility.open.room : NOWHERE, "Communication");
  const written = useCollection(room, "Communication");
  const heard = useHeard(room);
  const alerts = useMemo(() => alertsOf(patient, raised, written, heard), [patient, raised, written, heard]);
  const [failures, setFailures] = useState<ReadonlyMap<string, string>>(new Map());

  const acknowledge = useCallback(
    (alert: CriticalAlert) => {
      const fail = (error: unknown) => setFailures((before) => new Map(before).set(alert.key, reasonText(error)));
      setFailures((before) => new Map([...before].filter(([key]) => key !== alert.key)));
      try {
        room.put(acknowledgement(alert, patient, person, new Date())).saved.catch(fail);
      } catch (error) {
        fail(error);
      }
    },
    [room, patient, person],
  );
  return useMemo(() => ({ alerts, acknowledge, failures }), [alerts, acknowledge, failures]);
}

/** The bare id of the patient whose chart a room is. */
export function patientOf(room: Room): string {
  return room.name.replace(/^patient:/, "").replace(/~.*$/, "");
}

/** Critical values of this chart as they happen: also those that alert nowhere else. */
function useHeard(room: Room): readonly Heard[] {
  const [heard, setHeard] = useState<readonly Heard[]>([]);
  useEffect(() => {
    setHeard([]);
    return room.on("change", (events: readonly ChartEvent[]) => {
      const critical = events.filter(({ event, import: isImport }) => event === "CRITICAL_VALUE_ALERT" && !isImport).map(heardOf);
      if (critical.length > 0) setHeard((before) => [...before, ...critical]);
    });
  }, [room]);
  return heard;
}

function heardOf({ resource_type, resource_id, details, time }: ChartEvent): Heard {
  const said = asObject(details);
  const limit = asText(said?.["threshold"]);
  const direction = { low: "below", high: "above" }[asText(said?.["direction"]) ?? ""];
  const value = [asText(said?.["display"]) ?? "A result", `${asText(said?.["comparator"]) ?? ""}${asText(said?.["value"]) ?? ""}`, asText(said?.["unit"])].filter(Boolean).join(" ");
  const text = direction && limit ? `${value} is ${direction} ${limit}` : `${value} is critical`;
  return { about: `${resource_type}/${resource_id}`, text, raisedMs: Date.parse(time) };
}

const NONE: readonly Resource[] = [];
/** Stands for a room that is not open yet. */
const NOWHERE = { list: () => NONE, on: () => () => undefined } as unknown as Room;
