/** The chart's critical values for everyone who looks: open ones first, then who saw to which. */
import { Button, Text, Title } from "@mantine/core";
import { IconAlertOctagon } from "@tabler/icons-react";
import { useId, useMemo } from "react";
import { useWorkspace } from "../../shared/workspace";
import classes from "./Critical.module.css";
import { AlertFacts } from "./CriticalDialog";
import type { CriticalAlerts } from "./useCriticalAlerts";

const DONE_SHOWN = 3;

export function CriticalList({ critical: { alerts, acknowledge, failures } }: { critical: CriticalAlerts }) {
  const { canEdit } = useWorkspace();
  const headingId = useId();
  const { shown, open } = useMemo(() => {
    const open = alerts.filter((alert) => !alert.acknowledged);
    return { open, shown: [...open, ...alerts.filter((alert) => alert.acknowledged).slice(0, DONE_SHOWN)] };
  }, [alerts]);
  if (shown.length === 0) return null;
  return (
    <section aria-labelledby={headingId} className={classes["banner"]} data-open={open.length > 0 || undefined}>
      <Title order={2} size="h4" id={headingId} className={classes["title"]}>
        <IconAlertOctagon size={20} aria-hidden />
        Critical values
      </Title>
      <ul className={classes["list"]}>
        {shown.map((alert) => (
          <li key={alert.key} className={classes["item"]} data-done={alert.acknowledged ? true : undefined}>
            <div className={classes["words"]}>
              <p className={classes["value"]}>{alert.text}</p>
              <AlertFacts alert={alert} />
              {failures.has(alert.key) && !alert.acknowledged && (
                <Text size="sm" c="red" role="alert">
                  {failures.get(alert.key)}
                </Text>
              )}
            </div>
            {canEdit && !alert.acknowledged && (
              <Button color="red.9" size="compact-md" onClick={() => acknowledge(alert)} aria-label={`Acknowledge: ${alert.text}`}>
                Acknowledge
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
