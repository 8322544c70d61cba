/** A refused edit: what it was, why, and the way to make it again. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import type { Refusal } from "../edits";

export function RefusalNote(props: { refusal: Refusal; onAgain: () => void; onDiscard: () => void }) {
  const { refusal, onAgain, onDiscard } = props;
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertCircle aria-hidden />}
      title={`${refusal.what} was not saved`}
    >
      <Text size="sm">{refusal.reason}</Text>
      <Group gap="xs" mt="xs">
        <Button size="compact-sm" onClick={onAgain}>
          {refusal.draft === undefined ? "Try again" : "Open again with your text"}
        </Button>
        <Button size="compact-sm" variant="default" onClick={onDiscard}>
          Discard
        </Button>
      </Group>
    </Alert>
  );
}
