/** The facility's alerts, live, and what can be done about them. */
import { useCallback, useMemo } from "react";
import type { Edit, Resource, Room } from "../shared/chartroom";
import { isClosing } from "../shared/edits";
import { offerUndo, tellFailure } from "../shared/panel/undoable";
import type { Rooms } from "../shared/rooms";
import { useCollection } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { acknowledgement, type AlertKind, alertsOf, type FacilityAlert, raised, resultSeen } from "./alert";

export const ALERTS_ROOM = "facility:alerts";

export interface Alerts {
  readonly active: readonly FacilityAlert[];
  /** Critical values that somebody has seen to, the newest first. */
  readonly settled: readonly FacilityAlert[];
  raise(kind: AlertKind, text: string): boolean;
  acknowledge(alert: FacilityAlert): void;
  end(alert: FacilityAlert): void;
}

const SETTLED_SHOWN = 5;

export function useAlerts(room: Room): Alerts {
  const { person, rooms } = useWorkspace();
  const communications = useCollection(room, "Communication");
  const all = useMemo(() => alertsOf(communications), [communications]);
  const active = useMemo(() => all.filter(({ isActive }) => isActive), [all]);
  const settled = useMemo(() => {
    const ended = all.filter(({ isActive, kind, acknowledgements }) => !isActive && kind === "critical-value" && acknowledgements.length > 0);
    return ended.sort((a, b) => b.at - a.at).slice(0, SETTLED_SHOWN);
  }, [all]);

  const raise = useCallback(
    (kind: AlertKind, text: string) => attempt("The alert was not raised", () => room.put(raised(kind, text, person, crypto.randomUUID(), new Date()))),
    [room, person],
  );
  const end = useCallback(
    (alert: FacilityAlert) => {
      if (!attempt("The alert was not ended", () => room.patch("Communication", alert.id, { status: "completed" }))) return;
      offerUndo(room, `Ended: ${alert.text}`, (undo) => {
        attempt("The alert is still ended", undo);
        return undefined;
      });
    },
    [room],
  );
  const acknowledge = useCallback(
    (alert: FacilityAlert) => {
      // The server notes who completed a critical value here; in the chart it has to be said as well.
      if (alert.kind === "critical-value") {
        attempt("Not acknowledged", () => room.patch("Communication", alert.id, { status: "completed" }));
        if (rooms && alert.result) void sayInChart(rooms, alert.result.room, resultSeen(alert, person, crypto.randomUUID(), new Date()));
      } else attempt("Not acknowledged", () => room.put(acknowledgement(alert, person, crypto.randomUUID(), new Date())));
    },
    [room, rooms, person],
  );
  return { active, settled, raise, acknowledge, end };
}

async function sayInChart(rooms: Rooms, name: string, seen: Resource): Promise<void> {
  try {
    const { room } = await rooms.acquire(name);
    attempt("Acknowledged, but not noted in the chart", () => room.put(seen));
  } catch (error) {
    tellFailure("Acknowledged, but not noted in the chart", error);
  } finally {
    rooms.release(name);
  }
}

/** Makes an edit, and says so where it could not be made or was refused. */
function attempt(failure: string, run: () => Edit): boolean {
  try {
    run().saved.catch((error: unknown) => isClosing(error) || tellFailure(failure, error));
    return true;
  } catch (error) {
    tellFailure(failure, error);
    return false;
  }
}
