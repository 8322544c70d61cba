/** A room for as long as a component shows it, and what is live in it. */
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import type { Touch } from "./activity";
import type { Present, Resource, Room } from "./chartroom";
import type { ConflictsByResource } from "./conflictIndex";
import { type Refusal, reasonText } from "./edits";
import type { OpenRoom } from "./rooms";
import { useWorkspace } from "./workspace";

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

/** The resources of one type, live; the same array until that collection changes. */
export function useCollection(room: Room, type: string): readonly Resource[] {
  return useRoomValue(room, useCallback(() => room.list(type), [room, type]));
}

/** One resource, live; undefined where it is absent or removed. */
export function useResource(room: Room, type: string, id: string): Resource | undefined {
  return useRoomValue(room, useCallback(() => room.get(type, id), [room, type, id]));
}

/** Edits that the server has not made durable yet, live. */
export function useUnsaved(room: Room): number {
  return useRoomValue(room, useCallback(() => room.unsaved, [room]));
}

/** Whether what the server has is here, live. */
export function useSynced(room: Room): boolean {
  return useRoomValue(room, useCallback(() => room.synced, [room]));
}

/** Other people's latest touch per entry, live. */
export function useTouches({ activity }: OpenRoom): ReadonlyMap<string, Touch> {
  return useSyncExternalStore(activity.subscribe, activity.touches);
}

/** The windows that other people have open in the room, live. */
export function usePresence(room: Room): readonly Present[] {
  const subscribe = useCallback((listener: () => void) => room.on("presence", listener), [room]);
  return useSyncExternalStore(subscribe, () => room.presence.people);
}

/** The conflicts per entry, live. */
export function useConflicts({ conflicts }: OpenRoom): ConflictsByResource {
  return useSyncExternalStore(conflicts.subscribe, conflicts.byResource);
}

/** The refused edits that wait for the person, live. */
export function useRefusals({ edits }: OpenRoom): readonly Refusal[] {
  return useSyncExternalStore(edits.subscribe, edits.refusals);
}

function useRoomValue<T>(room: Room, read: () => T): T {
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = [
        room.on("change", listener),
        room.on("saved", listener),
        room.on("refused", listener),
        room.on("status", listener),
      ];
      return () => ends.forEach((end) => end());
    },
    [room],
  );
  return useSyncExternalStore(subscribe, read);
}
