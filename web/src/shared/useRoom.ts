/** A room for as long as a component shows it, and what is live in it. */
import { useRoomStatus } from "chartroom/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import type { Touch } from "./activity";
import type { RefusedEdit, Room } from "./chartroom";
import type { ConflictsByResource } from "./conflictIndex";
import { type Refusal, reasonText } from "./edits";
import type { OpenRoom } from "./rooms";
import { useWorkspace } from "./workspace";

export { useCollection, usePresence, useResource } from "chartroom/react";

/** How far the opening of a room has come. */
export type RoomState =
  | { readonly step: "opening" }
  | { readonly step: "failed"; readonly reason: string }
  | { readonly step: "open"; readonly open: OpenRoom };

/** Opens a room while the component is mounted. */
export function useRoom(name: string): RoomState {
  const { rooms, failure } = useWorkspace();
  const [state, setState] = useState<RoomState>({ step: "opening" });

  useEffect(() => {
    setState({ step: "opening" });
    if (!rooms) return;
    let gone = false;
    rooms.acquire(name).then(
      (open) => void (gone || setState({ step: "open", open })),
      (error: unknown) => void (gone || setState({ step: "failed", reason: reasonText(error) })),
    );
    return () => {
      gone = true;
      rooms.release(name);
    };
  }, [rooms, name]);

  return failure ? { step: "failed", reason: reasonText(failure) } : state;
}

/** Edits that the server has not made durable yet, live. */
export function useUnsaved(room: Room): number {
  return useRoomStatus(room).unsaved;
}

/** Whether what the server has is here, live. */
export function useSynced(room: Room): boolean {
  return useRoomStatus(room).synced;
}

/** Whether the person may change nothing in the room, live. */
export function useReadOnly(room: Room): boolean {
  return useRoomStatus(room).readOnly;
}

/** Other people's latest touch per entry, live. */
export function useTouches({ activity }: OpenRoom): ReadonlyMap<string, Touch> {
  return useSyncExternalStore(activity.subscribe, activity.touches);
}

/** The conflicts per entry, live. */
export function useConflicts({ conflicts }: OpenRoom): ConflictsByResource {
  return useSyncExternalStore(conflicts.subscribe, conflicts.byResource);
}

/** The refused edits that wait for the person, live. */
export function useRefusals({ edits }: OpenRoom): readonly Refusal[] {
  return useSyncExternalStore(edits.subscribe, edits.refusals);
}

/** Refused edits of which this window does not tell otherwise, live. */
export function useKeptRefusals({ edits }: OpenRoom): readonly RefusedEdit[] {
  return useSyncExternalStore(edits.subscribe, edits.kept);
}
