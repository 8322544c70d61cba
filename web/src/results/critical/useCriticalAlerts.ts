/** A chart's critical values, live, and the acknowledging of them. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Acknowledgement, Alert } from "../../alerts/alert";
import { heardAlert, seenResults } from "../../alerts/read";
import { useFacilityAlerts } from "../../alerts/useAlerts";
import { useSeeResult } from "../../alerts/useSeeResult";
import type { Room } from "../../shared/chartroom";
import { reasonText } from "../../shared/edits";
import { sameJson } from "../../shared/fhir/read";
import { useCollection, useSynced } from "../../shared/useRoom";
import { type CriticalAlert, criticalOf } from "./critical";

export interface CriticalAlerts {
  readonly alerts: readonly CriticalAlert[];
  /** Who has seen which result, `Observation/{id}`, as the chart says. */
  readonly seen: ReadonlyMap<string, Acknowledgement>;
  readonly acknowledge: (alert: CriticalAlert) => void;
  /** Why acknowledgements did not go through, by alert. */
  readonly failures: ReadonlyMap<string, string>;
}

/** The most that a room's log gives at once, which is days of a busy chart. */
const EVENTS = 1000;
const HEARD_MS = 7 * 86_400_000;

/** The alerts of the patient whose chart `room` is. */
export function useCriticalAlerts(room: Room): CriticalAlerts {
  const patient = patientOf(room);
  const { all: facility } = useFacilityAlerts();
  const written = useCollection(room, "Communication");
  const observations = useCollection(room, "Observation");
  const isWhole = useEver(useSynced(room));
  const heard = useHeard(room, isWhole);
  const seen = useMemo(() => seenResults(written), [written]);
  const alerts = useSteady(
    useMemo(() => {
      const result = (about: string) => room.get("Observation", about.replace(/^Observation\//, ""));
      return criticalOf(patient, { facility, heard, seen, result, isWhole });
    }, [room, patient, facility, heard, seen, observations, isWhole]),
  );
  const see = useSeeResult();
  const [failures, setFailures] = useState<ReadonlyMap<string, string>>(new Map());
  const acknowledge = useCallback(
    (alert: CriticalAlert) => {
      setFailures((before) => new Map([...before].filter(([key]) => key !== alert.key)));
      see(alert).catch((error: unknown) => setFailures((before) => new Map(before).set(alert.key, reasonText(error))));
    },
    [see],
  );
  return useMemo(() => ({ alerts, seen, acknowledge, failures }), [alerts, seen, acknowledge, failures]);
}

/** The bare id of the patient whose chart a room is. */
export function patientOf(room: Room): string {
  return room.name.replace(/^patient:/, "").replace(/~.*$/, "");
}

/** Critical values of this chart by their events, those of the last days first: also those that alert nowhere else. */
function useHeard(room: Room, isWhole: boolean): readonly Alert[] {
  const [heard, setHeard] = useState<readonly Alert[]>([]);
  useEffect(() => {
    setHeard([]);
    // The chart comes first: the log is told out of its history, which takes the server a while.
    if (!isWhole) return;
    const since = Date.now() - HEARD_MS;
    return room.on(
      "CRITICAL_VALUE_ALERT",
      (event) => {
        const alert = heardAlert(event);
        if (!event.import && alert.at >= since) setHeard((before) => [...before, alert]);
      },
      // What stands in `facility:alerts` is shown all the same.
      { last: EVENTS, onEnd: () => undefined },
    );
  }, [room, isWhole]);
  return heard;
}

/** Whether it was so once: a chart that was whole stays so without a connection. */
function useEver(now: boolean): boolean {
  const [ever, setEver] = useState(now);
  if (now && !ever) setEver(true);
  return ever || now;
}

/** The same list until it says something else: results come by the dozen, and few are critical. */
function useSteady<T>(value: T): T {
  const last = useRef(value);
  if (!sameJson(last.current, value)) last.current = value;
  return last.current;
}
