/**
 * The facility's alerts in the bar above every page: the worst in full, the others on a press.
 *
 * The place is always there, so that nothing moves when an alert comes; a dangerous one interrupts.
 */
import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAlertOctagon, IconBell, IconSpeakerphone } from "@tabler/icons-react";
import { Link } from "wouter";
import type { OpenRoom } from "../shared/rooms";
import { counted } from "../shared/counted";
import { formatTime } from "../shared/fhir/date";
import { useWorkspace } from "../shared/workspace";
import { type Alert, isDangerous, isSeenBy, KIND_NAMES } from "./alert";
import classes from "./Alerts.module.css";
import { AlertsDrawer } from "./AlertsDrawer";
import { useShownCharts } from "./charts";
import { Interruption } from "./Interruption";
import { useAlerts, useFacilityAlerts } from "./useAlerts";

export function AlertsBar() {
  const { state, all } = useFacilityAlerts();
  return (
    <section className={classes["bar"]} aria-label="Alerts">
      {state.step === "open" && <Live open={state.open} all={all} />}
      {state.step === "failed" && (
        <Text size="sm" c="dimmed" truncate>
          Alerts cannot be shown here.
        </Text>
      )}
    </section>
  );
}

function Live({ open, all }: { open: OpenRoom; all: readonly Alert[] }) {
  const alerts = useAlerts(open, all);
  const [isListed, { open: list, close }] = useDisclosure(false);
  const withdrawn = useShownCharts().flatMap((chart) => chart.withdrawn);
  const worst = alerts.active.find(({ key }) => !withdrawn.includes(key));
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
        {count === 0 ? "No alerts" : counted(count, "alert")}
      </Button>
      <AlertsDrawer alerts={alerts} isShown={isListed} onClose={close} />
      <Interruption alerts={alerts} />
    </>
  );
}

function Banner({ alert, onAcknowledge }: { alert: Alert; onAcknowledge: () => void }) {
  const { person, canEdit } = useWorkspace();
  const { kind, patient, text, by, at } = alert;
  const Icon = isDangerous(alert) ? IconAlertOctagon : IconSpeakerphone;
  return (
    <div className={classes["banner"]} data-kind={kind}>
      <Icon size={18} aria-hidden />
      <strong>{KIND_NAMES[kind]}</strong>
      {patient && (
        <Link href={chartPath(patient.id)} className={classes["patient"]}>
          {patient.name}
        </Link>
      )}
      <span className={classes["text"]}>{text}</span>
      <span className={classes["by"]}>
        {[kind === "critical-value" ? "" : by, formatTime(at, new Date())].filter(Boolean).join(" · ")}
      </span>
      {canEdit && !isSeenBy(alert, person) && (
        <Button size="compact-xs" variant="default" onClick={onAcknowledge} aria-label={`Acknowledge: ${text}`}>
          Acknowledge
        </Button>
      )}
    </div>
  );
}

function chartPath(patient: string): string {
  return `/patients/${encodeURIComponent(patient)}`;
}
