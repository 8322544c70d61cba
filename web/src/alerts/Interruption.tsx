/** A dangerous alert that this person has not seen, in front of everything else. */
import { Button, Group, Modal } from "@mantine/core";
import { useState } from "react";
import { useRoute } from "wouter";
import { useWorkspace } from "../shared/workspace";
import { type FacilityAlert, isInterrupting, KIND_NAMES } from "./alert";
import classes from "./Alerts.module.css";
import { AlertWords } from "./AlertsDrawer";
import type { Alerts } from "./useAlerts";

export function Interruption({ alerts }: { alerts: Alerts }) {
  const { person, canEdit } = useWorkspace();
  const [, shown] = useRoute("/patients/:id/:tab?");
  const [later, setLater] = useState<ReadonlySet<string>>(new Set());
  // A chart that is open interrupts with its critical values itself, and says more of them.
  const isItsOwn = ({ kind, patient }: FacilityAlert) => kind === "critical-value" && patient !== undefined && patient.id === shown?.id;
  const waiting = alerts.active.filter((alert) => isInterrupting(alert, person) && !isItsOwn(alert) && !later.has(alert.id));
  const [alert] = waiting;
  if (!alert) return null;
  const postpone = () => setLater(new Set([...later, alert.id]));
  const rest = waiting.length > 1 ? ` (1 of ${waiting.length})` : "";
  return (
    <Modal
      key={alert.id}
      opened
      onClose={postpone}
      closeOnClickOutside={false}
      title={`${KIND_NAMES[alert.kind]}${rest}`}
      closeButtonProps={{ "aria-label": "Close" }}
      transitionProps={{ duration: 0 }}
      zIndex={400}
      classNames={{ content: classes["interruption"] ?? "" }}
    >
      {/* Whoever is typing must not acknowledge with the Enter key that was meant for a form. */}
      <div tabIndex={-1} data-autofocus className={classes["words"]}>
        <AlertWords alert={alert} onFollow={postpone} />
      </div>
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={postpone}>
          {canEdit ? "Later" : "Close"}
        </Button>
        {canEdit && <Button onClick={() => alerts.acknowledge(alert)}>Acknowledge</Button>}
      </Group>
    </Modal>
  );
}
