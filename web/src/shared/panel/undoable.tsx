/** A notice of what was just done, with the way back for as long as nothing else was done. */
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { Edit, Room } from "../chartroom";
import { reasonText } from "../edits";

const STAYS_MS = 12_000;

/** To be called right behind the edit: undo takes back the window's last edit of the room. */
export function offerUndo(room: Room, done: string, follow: (undo: () => Edit) => string | undefined): void {
  const hide = () => {
    notifications.hide(notice);
    forget();
  };
  const undo = () => {
    forget();
    notifications.hide(notice);
    const refused = follow(() => room.undo.undo());
    if (refused) tellFailure("Not undone", refused);
  };
  // Whatever is done or undone next makes this notice stale.
  const forget = room.on("undo", hide);
  const notice = notifications.show({
    autoClose: STAYS_MS,
    onClose: forget,
    withCloseButton: true,
    closeButtonProps: { "aria-label": "Dismiss" },
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm">{done}</Text>
        <Button size="compact-sm" variant="light" onClick={undo}>
          Undo
        </Button>
      </Group>
    ),
  });
}

/** Says what could not be done, and why. */
export function tellFailure(title: string, error: unknown): void {
  const message = typeof error === "string" ? error : reasonText(error);
  notifications.show({ color: "red", title, message, autoClose: false, closeButtonProps: { "aria-label": "Dismiss" } });
}
