/** The events of a chart, live. */
import { useDeferredValue, useMemo, useRef, useSyncExternalStore } from "react";
import type { Resource, Room } from "../shared/chartroom";
import { eventsOf, latestFirst, type TimelineEvent } from "./events";
import { RULES } from "./rules";

/** Every event of the chart, the latest first. */
export function useTimeline(room: Room): readonly TimelineEvent[] {
  // Typing and scrolling go before what arrives.
  const lists = useDeferredValue(useLists(room));
  return useMemo(() => lists.flat().flatMap(eventsOf).sort(latestFirst), [lists]);
}

const TYPES = Object.keys(RULES);

/** All lists that are told of; the same array until one of them changes. */
function useLists(room: Room): readonly (readonly Resource[])[] {
  const last = useRef<readonly (readonly Resource[])[]>([]);
  const subscribe = useMemo(() => {
    const types = new Set(TYPES);
    const isTold = (key: string) => types.has(key.slice(0, key.indexOf("/")));
    return (changed: () => void) => room.on("touched", (keys: readonly string[]) => keys.some(isTold) && changed());
  }, [room]);
  return useSyncExternalStore(subscribe, () => {
    const next = TYPES.map((type) => room.list(type));
    if (next.some((list, index) => list !== last.current[index])) last.current = next;
    return last.current;
  });
}
