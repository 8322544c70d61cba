/**
 * Interrupts with critical values until they are acknowledged.
 *
 * Nothing in it can be set off by what the hands were doing when it came: it takes the focus to its
 * heading, and clicks count only after a moment. What a colleague acknowledged or corrected
 * meanwhile says so and stays until it is closed.
 */
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { IconAlertOctagon, IconCircleCheck } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import type { Resource } from "../../shared/chartroom";
import { formatDate } from "../../shared/fhir/date";
import { patientName } from "../../shared/fhir/patient";
import { useWorkspace } from "../../shared/workspace";
import classes from "./Critical.module.css";
import { type CriticalAlert, isOpen } from "./critical";
import { AlertFacts } from "./AlertFacts";
import type { CriticalAlerts } from "./useCriticalAlerts";

const SETTLE_MS = 500;

export function CriticalDialog({ critical, patient }: { critical: CriticalAlerts; patient: Resource | undefined }) {
  const { person, canEdit } = useWorkspace();
  const { shown, close, acknowledge } = useShown(critical);
  const born = formatDate(patient?.["birthDate"]);
  const isCalm = useCalm(shown.length > 0);
  const open = shown.filter(isOpen);
  const done = shown.every(({ withdrawn }) => withdrawn !== undefined) ? ", no longer critical" : ", acknowledged";
  const guarded = (act: () => void) => ({ "aria-disabled": isCalm ? undefined : true, onClick: () => void (isCalm && act()) });

  return (
    <Modal.Root opened={shown.length > 0} onClose={() => undefined} closeOnEscape={false} closeOnClickOutside={false} centered size="lg" zIndex={400} classNames={{ content: classes["dialog"] }}>
      <Modal.Overlay backgroundOpacity={0.6} />
      <Modal.Content>
        <Modal.Header className={classes["head"]} data-done={open.length === 0 || undefined}>
          <Modal.Title>
            <span tabIndex={-1} data-autofocus className={classes["title"]}>
              {open.length === 0 ? <IconCircleCheck size={24} aria-hidden /> : <IconAlertOctagon size={24} aria-hidden />}
              {shown.length === 1 ? "Critical value" : `Critical values (${shown.length})`}
              {open.length === 0 && done}
            </span>
          </Modal.Title>
        </Modal.Header>
        <Modal.Body>
          <p className={classes["patient"]}>
            {patientName(patient) || "Name not recorded"} <span className={classes["born"]}>{born && `born ${born}`}</span>
          </p>
          <Stack gap="sm" mt="sm" component="ul" className={classes["list"]}>
            {shown.map((alert) => (
              <li key={alert.key} className={classes["item"]} data-done={!isOpen(alert) || undefined}>
                <div className={classes["words"]}>
                  <p className={classes["value"]}>{alert.text}</p>
                  <AlertFacts alert={alert} />
                  {critical.failures.has(alert.key) && isOpen(alert) && (
                    <Alert color="red" role="alert" mt={6} p="xs" title="Not acknowledged">
                      {critical.failures.get(alert.key)}
                    </Alert>
                  )}
                </div>
                {canEdit && isOpen(alert) && (
                  <Button color="red.9" size="md" {...guarded(() => acknowledge(alert))} aria-label={`Acknowledge: ${alert.text}`}>
                    Acknowledge
                  </Button>
                )}
              </li>
            ))}
          </Stack>
          {(!canEdit || open.length === 0) && (
            <Group justify="space-between" mt="md" wrap="nowrap">
              <Text size="sm" c="dimmed">
                {canEdit ? "" : `${person.name} may read this chart and not acknowledge for it.`}
              </Text>
              <Button variant="default" size="md" {...guarded(close)}>
                Close
              </Button>
            </Group>
          )}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** The alerts that interrupt: open ones, and those that were seen to while they were shown. */
function useShown({ alerts, acknowledge, failures }: CriticalAlerts) {
  const [held, setHeld] = useState<ReadonlySet<string>>(new Set());
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => {
    return alerts.filter((alert) => (isOpen(alert) ? !closed.has(alert.key) || failures.has(alert.key) : held.has(alert.key) && !closed.has(alert.key)));
  }, [alerts, held, closed, failures]);
  useEffect(() => {
    if (shown.some(({ key }) => !held.has(key))) setHeld(new Set([...held, ...shown.map(({ key }) => key)]));
  }, [shown, held]);
  const close = useCallback(() => setClosed((before) => new Set([...before, ...shown.map(({ key }) => key)])), [shown]);
  const acknowledgeIt = useCallback(
    (alert: CriticalAlert) => {
      setClosed((before) => new Set([...before, alert.key]));
      acknowledge(alert);
    },
    [acknowledge],
  );
  return { shown, close, acknowledge: acknowledgeIt };
}

/** Whether the dialog has been there for long enough that a click is meant for it. */
function useCalm(isOpen: boolean): boolean {
  const [isCalm, setIsCalm] = useState(false);
  useEffect(() => {
    setIsCalm(false);
    if (!isOpen) return;
    const timer = setTimeout(() => setIsCalm(true), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [isOpen]);
  return isCalm;
}
