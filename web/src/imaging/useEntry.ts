/** What is told of one entry: drawn again only where that entry's own changes. */
import { useSyncExternalStore } from "react";
import type { Touch } from "../shared/activity";
import type { Conflict } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";

/** Somebody else's latest touch, live. */
export function useTouch({ activity }: OpenRoom, type: string, id: string): Touch | undefined {
  return useSyncExternalStore(activity.subscribe, () => activity.touches().get(resourceKey(type, id)));
}

/** What people disagree about, live. */
export function useDisputes({ conflicts }: OpenRoom, type: string, id: string): readonly Conflict[] {
  return useSyncExternalStore(conflicts.subscribe, () => conflicts.byResource().get(resourceKey(type, id)) ?? NONE);
}

const NONE: readonly Conflict[] = [];
