/**
 * What colleagues do to the chart that a person has open, in the corner away from their work.
 *
 * Seen, and not said: the chart's log "Changes by others" tells screen readers, once. A notice never
 * takes the focus, goes by itself, and waits while the pointer or the focus is on it.
 */
import { Avatar, Button, Group, Notification, Text } from "@mantine/core";
import { useFocusWithin, useHover, useMergedRef } from "@mantine/hooks";
import { useEffect } from "react";
import type { OpenRoom } from "../shared/rooms";
import { didText, isGrave, moreText, type Notice, placeText } from "./notice";
import classes from "./Notices.module.css";
import { isBusy } from "../shared/row";
import { useFreeSide, useNotices, useShow } from "./useNotices";

const STAYS_MS = 10_000;
const GRAVE_STAYS_MS = 30_000;
const STEP_MS = 500;

export function Notices({ open, tab, go }: { open: OpenRoom; tab: string; go: (tab: string, entry: string) => void }) {
  const { notices, dismiss } = useNotices(open, tab);
  const show = useShow(go);
  const side = useFreeSide(notices.length > 0);
  if (notices.length === 0) return null;
  return (
    <section aria-label="Notices" className={classes["place"]} data-side={side}>
      {notices.map((notice) => (
        <NoticeCard
          key={notice.key}
          notice={notice}
          onShow={() => {
            dismiss(notice.key);
            show(notice);
          }}
          onClose={dismiss}
        />
      ))}
    </section>
  );
}

function NoticeCard({ notice, onShow, onClose }: { notice: Notice; onShow: () => void; onClose: (key: string) => void }) {
  const { ref: hover, hovered } = useHover();
  const { ref: focus, focused } = useFocusWithin();
  const ref = useMergedRef(hover, focus);
  const isHeld = hovered || focused;
  useEffect(() => (isHeld ? undefined : whenRead(isGrave(notice) ? GRAVE_STAYS_MS : STAYS_MS, () => onClose(notice.key))), [isHeld, notice, onClose]);
  const did = didText(notice);
  const more = moreText(notice);
  return (
    <Notification
      ref={ref}
      role="group"
      aria-label={`${notice.who} ${did}, ${more}`}
      withBorder
      icon={<Avatar size={28} name={notice.who} color="initials" variant="filled" aria-hidden />}
      color="transparent"
      data-grave={isGrave(notice) || undefined}
      className={classes["notice"]}
      onClose={() => onClose(notice.key)}
      closeButtonProps={{ "aria-label": "Dismiss" }}
    >
      <p className={classes["words"]}>
        <strong>{notice.who}</strong> {did}
      </p>
      <Group justify="space-between" wrap="nowrap" gap="xs" className={classes["foot"]}>
        <Text size="xs" c="dimmed" lineClamp={2}>
          {more}
        </Text>
        <Button size="compact-sm" variant="light" flex="none" onClick={onShow} aria-label={`Show what ${notice.who} did ${placeText(notice)}`}>
          Show
        </Button>
      </Group>
    </Notification>
  );
}

/** Calls back after a time, of which what the person spends in a dialog or another window does not count. */
function whenRead(ms: number, callback: () => void): () => void {
  let left = ms;
  const timer = setInterval(() => {
    if (isBusy(document)) return;
    left -= STEP_MS;
    if (left <= 0) callback();
  }, STEP_MS);
  return () => clearInterval(timer);
}
