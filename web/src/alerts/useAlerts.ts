/** The facility's alerts, live, and what can be done about them. */
import { notifications } from "@mantine/notifications";
import { useCallback, useEffect, useMemo, useRef } from "react";
import type { Edit, RefusedEdit, Resource, Room } from "../shared/chartroom";
import { dropRefused, reasonText } from "../shared/edits";
import { offerUndo, tellFailure, tellIfRefused } from "../shared/panel/undoable";
import { refusedLines, refusedTitle } from "../shared/refused";
import type { OpenRoom } from "../shared/rooms";
import { type RoomState, useCollection, useKeptRefusals, useRoom } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import type { Alert, AlertKind, AlertPatient } from "./alert";
import { alertsOf } from "./read";
import { ALERTS_ROOM, useSeeResult } from "./useSeeResult";
import { alertSeen, raised } from "./write";

export interface Alerts {
  readonly active: readonly Alert[];
  /** What ended within the last day, the latest first. */
  readonly ended: readonly Alert[];
  raise(kind: AlertKind, text: string, patient?: AlertPatient): boolean;
  acknowledge(alert: Alert): void;
  end(alert: Alert): void;
}

const DAY_MS = 86_400_000;

/** Everything in `facility:alerts`, for the bar above every page and for a chart alike; the connection opens the room once. */
export function useFacilityAlerts(): { state: RoomState; all: readonly Alert[] } {
  const state = useRoom(ALERTS_ROOM);
  return { state, all: alertsOf(useCollection(state.step === "open" ? state.open.room : NOWHERE, "Communication")) };
}

export function useAlerts(open: OpenRoom, all: readonly Alert[]): Alerts {
  const { room } = open;
  const { person } = useWorkspace();
  const seeResult = useSeeResult();
  const active = useMemo(() => all.filter(({ ended }) => !ended), [all]);
  const ended = useMemo(() => {
    const since = Date.now() - DAY_MS;
    return all.filter((alert) => endedAt(alert) >= since).sort((a, b) => endedAt(b) - endedAt(a));
  }, [all]);

  useTellKept(open);

  const raise = useCallback(
    (kind: AlertKind, text: string, patient?: AlertPatient) =>
      attempt(room, "The alert was not raised", () => room.put(raised(kind, text, person, crypto.randomUUID(), new Date(), patient))),
    [room, person],
  );
  const end = useCallback(
    (alert: Alert) => {
      if (!attempt(room, "The alert was not ended", () => room.patch("Communication", alert.id, { status: "completed" }))) return;
      offerUndo(room, `Ended: ${alert.text}`, (undo) => {
        attempt(room, "The alert is still ended", undo);
        return undefined;
      });
    },
    [room],
  );
  const acknowledge = useCallback(
    (alert: Alert) => {
      if (alert.kind === "critical-value") void seeResult(alert).catch((error: unknown) => tellFailure("Not acknowledged", error));
      else attempt(room, "Not acknowledged", () => room.put(alertSeen(alert, person, crypto.randomUUID(), new Date())));
    },
    [room, seeResult, person],
  );
  return { active, ended, raise, acknowledge, end };
}

/** Says once what was refused of another window, or of an earlier one, which no page lists. */
function useTellKept(open: OpenRoom): void {
  const kept = useKeptRefusals(open);
  const notices = useRef(new Map<RefusedEdit, string>());
  useEffect(() => {
    const told = notices.current;
    for (const refused of [...told.keys()].filter((one) => !kept.includes(one))) takeBack(told, refused);
    for (const refused of kept.filter((one) => !told.has(one))) {
      const words = [reasonText(refused), ...refusedLines(refused.command)].join(" ");
      told.set(refused, tellFailure(refusedTitle(refused, open.room), words, () => void (told.delete(refused) && dropRefused(open.room, refused.edit))));
    }
  }, [kept, open]);
  useEffect(() => {
    const told = notices.current;
    return () => [...told.keys()].forEach((refused) => takeBack(told, refused));
  }, []);
}

/** Takes a notice away that nobody has closed. */
function takeBack(told: Map<RefusedEdit, string>, refused: RefusedEdit): void {
  const notice = told.get(refused);
  told.delete(refused);
  if (notice !== undefined) notifications.hide(notice);
}

/** 0 for one that is active; where nobody said when it ended, as of when it was raised. */
function endedAt({ ended, at }: Alert): number {
  return ended ? ended.at || at : 0;
}

/** Makes an edit, and says so where it could not be made or was refused. */
function attempt(room: Room, failure: string, run: () => Edit): boolean {
  try {
    tellIfRefused(room, run(), failure);
    return true;
  } catch (error) {
    tellFailure(failure, error);
    return false;
  }
}

const NONE: readonly Resource[] = [];
/** Stands for a room that is not open yet. */
const NOWHERE = { list: () => NONE, on: () => () => undefined } as unknown as Room;
