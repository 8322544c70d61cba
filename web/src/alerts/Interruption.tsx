/** A dangerous alert that this person has not seen, in front of everything else. */
import { Button, Group, Modal } from "@mantine/core";
import { IconAlertOctagon } from "@tabler/icons-react";
import { useState } from "react";
import { useWorkspace } from "../shared/workspace";
import { type Alert, isInterrupting, KIND_NAMES } from "./alert";
import classes from "./Alerts.module.css";
import { AlertWords } from "./AlertWords";
import { useShownCharts } from "./charts";
import type { Alerts } from "./useAlerts";

export function Interruption({ alerts }: { alerts: Alerts }) {
  const { person, canEdit } = useWorkspace();
  const charts = useShownCharts();
  const [later, setLater] = useState<ReadonlySet<string>>(new Set());
  const isOfChart = ({ kind, patient }: Alert) => kind === "critical-value" && patient !== undefined && charts.some(({ id }) => id === patient.id);
  const waiting = alerts.active.filter((alert) => isInterrupting(alert, person) && !isOfChart(alert) && !later.has(alert.key));
  const [alert] = waiting;
  if (!alert) return null;
  const postpone = () => setLater(new Set([...later, alert.key]));
  const rest = waiting.length > 1 ? ` (1 of ${waiting.length})` : "";
  return (
    <Modal
      key={alert.key}
      opened
      onClose={postpone}
      closeOnClickOutside={false}
      title={
        <span className={classes["title"]}>
          <IconAlertOctagon size={24} aria-hidden />
          {`${KIND_NAMES[alert.kind]}${rest}`}
        </span>
      }
      closeButtonProps={{ "aria-label": "Close" }}
      transitionProps={{ duration: 0 }}
      zIndex={400}
      classNames={{ content: classes["interruption"] ?? "", header: classes["head"] ?? "" }}
    >
      {/* Whoever is typing must not acknowledge with the Enter key that was meant for a form. */}
      <div tabIndex={-1} data-autofocus className={classes["words"]}>
        <AlertWords alert={alert} onFollow={postpone} />
      </div>
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={postpone}>
          {canEdit ? "Later" : "Close"}
        </Button>
        {canEdit && (
          <Button color="red.9" onClick={() => alerts.acknowledge(alert)}>
            Acknowledge
          </Button>
        )}
      </Group>
    </Modal>
  );
}
