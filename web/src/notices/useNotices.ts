/** The notices of an open chart, live, and the way to what they tell of. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { ChartEvent } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import { gathered, newsOf, type Notice } from "./notice";
import { followWork, isInView, pointTo, rowOf } from "../shared/row";

/** What comes in one burst is told at once, when its rows have been drawn. */
const SETTLES_MS = 600;

/** Own edits are silent, from whichever window, and so are imports. */
export function useNotices(open: OpenRoom, tab: string) {
  const { person } = useWorkspace();
  const [notices, setNotices] = useState<readonly Notice[]>([]);

  useEffect(() => {
    let waiting: ChartEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      const known = { labelOf: (key: string) => open.activity.touches().get(key)?.label, isOwnDispute: (key: string) => isOwnDispute(open, key, person.id) };
      const news = newsOf(waiting, known).filter(({ id }) => !isInView(document, id));
      waiting = [];
      timer = undefined;
      if (news.length > 0) setNotices((before) => gathered(before, news));
    };
    const end = open.room.on("change", (events: readonly ChartEvent[]) => {
      const others = events.filter((event) => !event.local && !event.import && event.author?.id !== person.id);
      if (others.length === 0) return;
      waiting.push(...others);
      timer ??= setTimeout(tell, SETTLES_MS);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [open, person.id]);

  // Whoever opens the tab sees the marks there.
  useEffect(() => setNotices((before) => before.filter((notice) => notice.tab !== tab)), [tab]);

  const dismiss = useCallback((key: string) => setNotices((before) => before.filter((notice) => notice.key !== key)), []);
  return { notices, dismiss };
}

/** The half of the window in which the person does not work; it stays the same while notices are shown. */
export function useFreeSide(isShown: boolean): "left" | "right" {
  const work = useRef<() => number>(() => 0);
  const [side, setSide] = useState<"left" | "right">("left");
  useEffect(() => {
    const { at, end } = followWork(document);
    work.current = at;
    return end;
  }, []);
  useLayoutEffect(() => {
    if (isShown) setSide(work.current() < window.innerWidth / 2 ? "right" : "left");
  }, [isShown]);
  return side;
}

/** Goes to the latest row of a notice: where it is on this tab, out of sight, or by the address of the tab that has it. */
export function useShow(go: (tab: string, entry: string) => void): (notice: Notice) => void {
  return useCallback(
    ({ news }: Notice) => {
      const latest = [...news].reverse();
      const target = latest.find(({ shownIn, tab: own }) => shownIn === own) ?? latest[0];
      if (!target) return;
      const row = rowOf(document, target.id);
      if (row) pointTo(row);
      else go(target.shownIn, target.entry);
    },
    [go],
  );
}

function isOwnDispute({ conflicts }: OpenRoom, key: string, me: string): boolean {
  return conflicts.byResource().get(key)?.some(({ values }) => values.some(({ author }) => author?.id === me) && values.some(({ author }) => author?.id !== me)) ?? false;
}
