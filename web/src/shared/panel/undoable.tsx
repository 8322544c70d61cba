/**
 * The one notice of what was just done, with the way back for as long as it can be gone.
 *
 * It goes with the next edit, with the chart, and when somebody else writes over what was done.
 */
import { Button, Group, Text } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useEffect } from "react";
import type { Edit, Room } from "../chartroom";
import { dropRefused, isClosing, reasonText } from "../edits";
import { sameJson } from "../fhir/read";
import { useWorkspace } from "../workspace";

const STAYS_MS = 12_000;

type Direction = "undo" | "redo";

const WAYS = {
  undo: { back: "Undo", keys: "Ctrl+Z", ariaKeys: "Control+Z Meta+Z", spoken: "Control Z undoes it", done: "Undone", failed: "Not undone" },
  redo: { back: "Redo", keys: "Ctrl+Shift+Z", ariaKeys: "Control+Shift+Z Meta+Shift+Z", spoken: "Control Shift Z does it again", done: "Done again", failed: "Not done again" },
} as const;

let shown: { readonly room: Room; readonly withdraw: () => void } | undefined;

/**
 * To be called right behind the edit: undo takes back the window's last edit of the room. `stands`
 * says whether that can be done still.
 */
export function offerUndo(room: Room, done: string, follow: (undo: () => Edit) => string | undefined, stands?: () => boolean): void {
  const undo = () => {
    const refused = follow(() => room.undo.undo());
    if (refused) tellFailure(WAYS.undo.failed, refused);
  };
  offer(room, done, "undo", undo, stands);
}

/** Takes the notice of an edit in this room away. */
export function withdrawOffer(room: Room): void {
  if (shown?.room === room) shown.withdraw();
}

/** Whether what was just written there is as it was left: these elements, or the whole resource. */
export function whileItStands(room: Room, type: string, id: string, elements?: readonly string[]): () => boolean {
  const after = room.get(type, id);
  return () => {
    const now = room.get(type, id);
    if (!after || !now) return after === now;
    const disputed = new Set(room.conflicts().flatMap((one) => (one.resource_type === type && one.id === id ? one.elements : [])));
    if (!elements) return disputed.size === 0 && sameJson(now, after);
    return elements.every((name) => !disputed.has(name) && sameJson(now[name], after[name]));
  };
}

/** Ctrl+Z and Ctrl+Shift+Z for a chart, where neither a field nor a dialog has the keys; leaving the chart ends its notice. */
export function useUndoKeys(room: Room): void {
  const { canEdit } = useWorkspace();
  const step = (direction: Direction) => {
    if (canEdit && !document.querySelector('[role="dialog"]')) move(room, direction);
  };
  useHotkeys([
    ["mod+Z", () => step("undo")],
    ["mod+shift+Z", () => step("redo")],
  ]);
  useEffect(() => () => withdrawOffer(room), [room]);
}

/** Says what could not be done, and why, until somebody closes it; gives the notice's id. */
export function tellFailure(title: string, error: unknown, onClose?: () => void): string {
  const message = typeof error === "string" ? error : reasonText(error);
  return notifications.show({ color: "red", title, message, autoClose: false, onClose, closeButtonProps: { "aria-label": "Dismiss" } });
}

/** Says it of an edit that nothing else tells of, once it is refused. */
export function tellIfRefused(room: Room, edit: Edit, title: string): void {
  edit.saved.catch((error: unknown) => {
    if (isClosing(error)) return;
    tellFailure(title, error);
    dropRefused(room, edit);
  });
}

function move(room: Room, direction: Direction): void {
  const { undoText, redoText } = room.undo;
  const what = direction === "undo" ? undoText : redoText;
  const { done, failed } = WAYS[direction];
  if (what === null) {
    notifications.show({ message: `Nothing to ${direction} in this chart.`, withCloseButton: false });
    return;
  }
  try {
    const edit = room.undo[direction]();
    tellIfRefused(room, edit, `${failed}: ${what}`);
    const other = direction === "undo" ? "redo" : "undo";
    offer(room, `${done}: ${what}`, other, () => move(room, other));
  } catch (error) {
    tellFailure(`${failed}: ${what}`, error);
  }
}

function offer(room: Room, done: string, direction: Direction, back: () => void, stands: () => boolean = () => true): void {
  shown?.withdraw();
  const way = WAYS[direction];
  const withdraw = () => {
    ends.forEach((end) => end());
    shown = undefined;
    notifications.hide(notice);
  };
  const look = () => stands() || withdraw();
  // Whatever is done or undone next makes this notice stale.
  const ends = [room.on("undo", withdraw), room.on("change", look), room.on("conflicts", look)];
  const content = {
    autoClose: STAYS_MS as number | false,
    onClose: () => void (shown?.withdraw === withdraw && withdraw()),
    closeButtonProps: { "aria-label": "Dismiss" },
    // Whoever has the cursor in it is not hurried.
    onFocusCapture: () => notifications.update({ ...content, id: notice, autoClose: false }),
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm">
          {done}
          <span className="visually-hidden">. {way.spoken}.</span>
        </Text>
        <Button
          size="compact-sm"
          variant="light"
          flex="none"
          title={way.keys}
          aria-keyshortcuts={way.ariaKeys}
          onClick={() => {
            // One that fades away still takes a press, and the edit that it would meet is another.
            if (shown?.withdraw !== withdraw) return;
            withdraw();
            back();
          }}
        >
          {way.back}
        </Button>
      </Group>
    ),
  };
  const notice = notifications.show(content);
  shown = { room, withdraw };
}
