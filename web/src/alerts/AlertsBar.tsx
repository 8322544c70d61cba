/**
 * The facility's alerts in the bar above every page: the worst in full, the others on a press.
 *
 * The place is always there, so that nothing moves when an alert comes; a dangerous one interrupts.
 */
import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAlertOctagon, IconBell, IconSpeakerphone } from "@tabler/icons-react";
import type { OpenRoom } from "../shared/rooms";
import { useRoom } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { formatTime } from "../shared/fhir/date";
import { type FacilityAlert, isSeenBy, KIND_NAMES } from "./alert";
import classes from "./Alerts.module.css";
import { AlertsDrawer } from "./AlertsDrawer";
import { Interruption } from "./Interruption";
import { ALERTS_ROOM, useAlerts } from "./useAlerts";

export function AlertsBar() {
  const state = useRoom(ALERTS_ROOM);
  return (
    <section className={classes["bar"]} aria-label="Alerts">
      {state.step === "open" && <Live open={state.open} />}
      {state.step === "failed" && (
        <Text size="sm" c="dimmed" truncate>
          Alerts cannot be shown here.
        </Text>
      )}
    </section>
  );
}

function Live({ open }: { open: OpenRoom }) {
  const alerts = useAlerts(open.room);
  const [isListed, { open: list, close }] = useDisclosure(false);
  const [worst] = alerts.active;
  const count = alerts.active.length;
  return (
    <>
      <div className={classes["worst"]} role="status" aria-label="Latest alert">
        {worst && <Banner alert={worst} onAcknowledge={() => alerts.acknowledge(worst)} />}
      </div>
      <Button
        size="compact-sm"
        variant={count > 0 ? "light" : "subtle"}
        color={count > 0 ? "red" : "gray"}
        leftSection={<IconBell size={16} aria-hidden />}
        onClick={list}
        className={classes["all"]}
      >
        {count === 0 ? "No alerts" : count === 1 ? "1 alert" : `${count} alerts`}
      </Button>
      <AlertsDrawer alerts={alerts} isShown={isListed} onClose={close} />
      <Interruption alerts={alerts} />
    </>
  );
}

function Banner({ alert, onAcknowledge }: { alert: FacilityAlert; onAcknowledge: () => void }) {
  const { person, canEdit } = useWorkspace();
  const dangerous = alert.kind === "emergency" || alert.kind === "critical-value";
  const Icon = dangerous ? IconAlertOctagon : IconSpeakerphone;
  return (
    <div className={classes["banner"]} data-kind={alert.kind}>
      <Icon size={18} aria-hidden />
      <strong>{KIND_NAMES[alert.kind]}</strong>
      <span className={classes["text"]}>
        {alert.patient && `${alert.patient.name}: `}
        {alert.text}
      </span>
      <span className={classes["by"]}>
        {alert.by} · {formatTime(alert.at, new Date())}
      </span>
      {canEdit && !isSeenBy(alert, person) && (
        <Button size="compact-xs" variant="default" onClick={onAcknowledge} aria-label={`Acknowledge: ${alert.text}`}>
          Acknowledge
        </Button>
      )}
    </div>
  );
}
