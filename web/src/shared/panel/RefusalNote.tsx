/** A refused edit: what it was, why, and the way to make it again. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Refusal } from "../edits";

interface Props {
  refusal: Pick<Refusal, "reason" | "draft"> & ({ readonly what: string } | { readonly title: string });
  onAgain?: (() => void) | undefined;
  onDiscard: () => void;
  /** What was to be written. */
  children?: ReactNode;
}

export function RefusalNote({ refusal, onAgain, onDiscard, children }: Props) {
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertCircle aria-hidden />}
      title={"what" in refusal ? `${refusal.what} was not saved` : refusal.title}
    >
      <Text size="sm">{refusal.reason}</Text>
      {children}
      <Group gap="xs" mt="xs">
        {onAgain && (
          <Button size="compact-sm" onClick={onAgain}>
            {refusal.draft === undefined ? "Try again" : "Open again with your text"}
          </Button>
        )}
        <Button size="compact-sm" variant="default" onClick={onDiscard}>
          Discard
        </Button>
      </Group>
    </Alert>
  );
}
