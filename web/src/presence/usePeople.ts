/** The people in a room, and saying where this window looks. */
import { useEffect, useMemo } from "react";
import type { Room } from "../shared/chartroom";
import { usePresence } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { type Colleague, colleagues, editors } from "./people";

/** Everybody else in the room, live. */
export function useColleagues(room: Room): readonly Colleague[] {
  const windows = usePresence(room);
  const { person } = useWorkspace();
  return useMemo(() => colleagues(windows, person.id), [windows, person.id]);
}

/** Everybody else in one entry, live. */
export function useEditors(room: Room, resource: string): readonly Colleague[] {
  const windows = usePresence(room);
  const { person } = useWorkspace();
  return useMemo(() => editors(windows, person.id, resource), [windows, person.id, resource]);
}

/** Says which tab this window shows for as long as it does. */
export function useSayTab(room: Room, tab: string): void {
  useEffect(() => room.presence.update({ tab }), [room, tab]);
  useEffect(() => quietly(() => room.presence.set(null)), [room]);
}

/** A room that is closed by now has nothing to be told. */
export function quietly(tell: () => void): () => void {
  return () => {
    try {
      tell();
    } catch {
      // The room, or the whole client, was closed before the page was left.
    }
  };
}
