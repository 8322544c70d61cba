/** What people did on a chart, the latest first, live. */
import { useEffect, useState } from "react";
import type { Activity, Room } from "../shared/chartroom";
import { reasonText } from "../shared/edits";

export type ActivityState =
  | { readonly step: "loading" }
  | { readonly step: "failed"; readonly reason: string }
  | { readonly step: "ready"; readonly entries: readonly Activity[] };

/** What comes in one burst is asked for once. */
const SETTLES_MS = 300;

/** So many events of the log are looked through. */
export function useActivity(room: Room, events: number): ActivityState {
  const [state, setState] = useState<ActivityState>({ step: "loading" });
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = () => {
      room.activity({ events }).then(
        (entries) => void (gone || setState({ step: "ready", entries })),
        (error: unknown) => void (gone || setState({ step: "failed", reason: reasonText(error) })),
      );
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(load, SETTLES_MS);
    };
    load();
    const ends = [room.on("change", soon), room.on("saved", soon)];
    return () => {
      gone = true;
      clearTimeout(timer);
      ends.forEach((end) => end());
    };
  }, [room, events]);
  return state;
}
