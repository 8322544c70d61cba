/** Asks what becomes of the charts and edits that this device keeps, before somebody leaves. */
import { Alert, Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { counted } from "../shared/counted";
import { reasonText } from "../shared/edits";
import { useClientState, useWorkspace } from "../shared/workspace";
import type { Session } from "./session";

export function SignOutDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const { client } = useWorkspace();
  const { unsaved, refused } = useClientState() ?? { unsaved: 0, refused: 0 };
  const waiting = unsaved + refused;
  const [wipes, setWipes] = useState(waiting === 0);
  const [failure, setFailure] = useState<string>();
  const [leaving, setLeaving] = useState(false);

  const leave = async () => {
    setLeaving(true);
    try {
      await client?.signOut(wipes ? (waiting > 0 ? { unsaved: "discard" } : {}) : { unsaved: "keep" });
      await session.end();
    } catch (error) {
      setLeaving(false);
      setFailure(reasonText(error));
    }
  };

  return (
    <Modal opened onClose={onClose} title="Sign out" closeButtonProps={{ "aria-label": "Close" }} centered>
      <Stack gap="md">
        {waiting > 0 && (
          <Alert color="orange" title={waitingText(unsaved, refused)}>
            {wipes
              ? "Nobody will ever see them."
              : `They stay on this device${unsaved > 0 ? " and are sent" : ""} when you sign in here again.`}
          </Alert>
        )}
        <Checkbox
          checked={wipes}
          onChange={(event) => setWipes(event.currentTarget.checked)}
          label="Remove what this device keeps of my charts"
          description={waiting > 0 ? "And these edits." : "Leave it checked on a computer that others use."}
        />
        {failure && (
          <Text role="alert" size="sm" c="red">
            You are not signed out. {failure}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color={wipes && waiting > 0 ? "red" : undefined} loading={leaving} onClick={() => void leave()}>
            {wipes && waiting > 0 ? "Discard and sign out" : "Sign out"}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function waitingText(unsaved: number, refused: number): string {
  const parts = [
    unsaved > 0 && `${counted(unsaved, "edit has", "edits have")} not reached the server`,
    refused > 0 && `${counted(refused, "refused edit has", "refused edits have")} not been looked at`,
  ];
  return parts.filter(Boolean).join(", and ");
}
