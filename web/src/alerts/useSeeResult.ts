/** The one way to say that a person has seen a critical value, from a chart or from elsewhere. */
import { useCallback } from "react";
import type { Edit, Room } from "../shared/chartroom";
import { dropRefused, isClosing } from "../shared/edits";
import { tellFailure } from "../shared/panel/undoable";
import type { Rooms } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import type { Alert } from "./alert";
import { resultSeen } from "./write";

export const ALERTS_ROOM = "facility:alerts";

/**
 * Notes it in the chart, and ends the alert where it stands, for those who have not that chart open.
 *
 * The server does the one for whoever did the other, so either is enough; rejects where both failed.
 */
export function useSeeResult(): (alert: Alert) => Promise<void> {
  const { person, rooms } = useWorkspace();
  return useCallback(
    async (alert: Alert) => {
      if (!rooms) return;
      const noted = write(rooms, alert.room, (room) => room.put(resultSeen(alert, person, crypto.randomUUID(), new Date())));
      if (alert.id === "") return noted;
      const ended = write(rooms, ALERTS_ROOM, (room) => room.patch("Communication", alert.id, { status: "completed" }));
      const [inChart, inAlerts] = await Promise.allSettled([noted, ended]);
      if (inChart.status === "fulfilled") return;
      if (inAlerts.status === "rejected") throw inChart.reason;
      tellFailure("Acknowledged, but not noted in the chart", inChart.reason);
    },
    [rooms, person],
  );
}

/** Makes an edit in a room that may have to be opened for it; resolves when it is durable. */
async function write(rooms: Rooms, name: string, edit: (room: Room) => Edit): Promise<void> {
  const { room } = await rooms.acquire(name);
  let made: Edit | undefined;
  try {
    made = edit(room);
    await made.saved;
  } catch (error) {
    if (isClosing(error)) return;
    if (made) dropRefused(room, made);
    throw error;
  } finally {
    rooms.release(name);
  }
}
