/**
 * The end of a room's log, live: as many events as a room gives, and what this window heard and the
 * log does not have yet.
 */
import { useEffect, useState } from "react";
import type { ChartEvent, Room } from "../shared/chartroom";

const LAST = 1_000;
/** What comes in one burst is shown at once. */
const BURST_MS = 100;

export function useLog(room: Room): readonly ChartEvent[] {
  const [events, setEvents] = useState<readonly ChartEvent[]>([]);
  useEffect(() => {
    setEvents([]);
    let heard: ChartEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hear = (...more: readonly ChartEvent[]) => {
      heard.push(...more);
      timer ??= setTimeout(() => {
        const all = heard;
        [heard, timer] = [[], undefined];
        setEvents((before) => [...before, ...all]);
      }, BURST_MS);
    };
    // A log that cannot be followed leaves what this window hears.
    const ends = [room.on("*", hear, { last: LAST, onEnd: () => undefined }), room.on("change", (all) => hear(...all))];
    return () => {
      clearTimeout(timer);
      ends.forEach((end) => end());
    };
  }, [room]);
  return events;
}
