/** What others changed since this person last looked through the chart. */
import { useCallback, useEffect, useState } from "react";
import { quietly } from "../presence/usePeople";
import type { Room } from "../shared/chartroom";
import { useSynced } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { changesSince, type LaterChange } from "./later";
import { keepVisit, lastVisit, type Visit } from "./visit";

export interface LastLook {
  readonly visit: Visit;
  readonly changes: readonly LaterChange[];
}

/**
 * What to tell on opening, and how to say that it was seen. Until then the visit before stays the last
 * one, so that what nobody looked at is told again.
 */
export function useLastLook(room: Room): { look: LastLook | undefined; seen: () => void } {
  const { person } = useWorkspace();
  const isSynced = useSynced(room);
  const [look, setLook] = useState<LastLook | "unread" | undefined>("unread");
  const keep = useCallback(
    () => quietly(() => keepVisit(window.localStorage, person.id, room.name, { heads: room.heads(), ms: Date.now() }))(),
    [room, person.id],
  );

  useEffect(() => {
    if (!isSynced || look !== "unread") return;
    let gone = false;
    whatChanged(room, person.id).then((found) => void (gone || setLook(found)));
    return () => void (gone = true);
  }, [isSynced, look, room, person.id]);

  useEffect(() => {
    if (look !== undefined) return;
    keep();
    window.addEventListener("pagehide", keep);
    return () => {
      window.removeEventListener("pagehide", keep);
      keep();
    };
  }, [look, keep]);

  const seen = useCallback(() => setLook(undefined), []);
  return { look: look === "unread" ? undefined : look, seen };
}

async function whatChanged(room: Room, me: string): Promise<LastLook | undefined> {
  const visit = lastVisit(window.localStorage, me, room.name);
  if (!visit) return undefined;
  try {
    const all = await changesSince(room, visit.heads, visit.ms, []);
    const changes = all.filter(({ people }) => people.length === 0 || people.some(({ id }) => id !== me));
    return changes.length > 0 ? { visit, changes } : undefined;
  } catch {
    // The room was founded anew since, and does not know these heads any more.
    return undefined;
  }
}
