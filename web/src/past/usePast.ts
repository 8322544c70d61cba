/** A chart as of the moment that the address names, and what was changed later. */
import { useEffect, useState } from "react";
import type { ChartEvent, Room } from "../shared/chartroom";
import { reasonText } from "../shared/edits";
import { useWorkspace } from "../shared/workspace";
import { changesSince, type LaterChange } from "./later";
import { type PastChart, loadPast } from "./pastRoom";

/** How far the loading of a moment has come; the chart of the moment before stays until the next is there. */
export interface PastState {
  readonly chart: PastChart | undefined;
  readonly isLoading: boolean;
  readonly failure: string | undefined;
}

/** The chart at a time. */
export function usePast(room: Room, ms: number): PastState {
  const { person } = useWorkspace();
  const [state, setState] = useState<{ readonly ms?: number; readonly chart?: PastChart | undefined; readonly failure?: string }>({});
  useEffect(() => {
    let gone = false;
    loadPast(room, ms, person).then(
      (chart) => void (gone || setState({ ms, chart })),
      (error: unknown) => void (gone || setState(({ chart }) => ({ ms, chart, failure: reasonText(error) }))),
    );
    return () => void (gone = true);
  }, [room, ms, person]);
  return { chart: state.chart, isLoading: state.ms !== ms, failure: state.ms === ms ? state.failure : undefined };
}

const NONE: readonly LaterChange[] = [];
/** What comes in one burst is asked for once. */
const SETTLES_MS = 250;

/** What was changed behind a chart as it was, live; `events` are the room's log. */
export function useLater(room: Room, chart: PastChart | undefined, events: readonly ChartEvent[]): readonly LaterChange[] {
  const [later, setLater] = useState<{ readonly of: PastChart; readonly changes: readonly LaterChange[] }>();
  useEffect(() => {
    if (!chart) return;
    let gone = false;
    const load = () =>
      changesSince(room, chart.heads, chart.ms + 999, events).then(
        (changes) => void (gone || setLater({ of: chart, changes })),
        // The chart itself is shown; it has no marks then.
        () => undefined,
      );
    const timer = setTimeout(() => void load(), SETTLES_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [room, chart, events]);
  return later && later.of === chart ? later.changes : NONE;
}
