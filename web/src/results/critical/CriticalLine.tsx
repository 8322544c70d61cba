/**
 * The chart's critical values for everyone who looks: one of them in a line, all of them on a press.
 *
 * The line is always there and always as high, so that nothing that is read moves when one comes.
 */
import { Button, Popover, ScrollArea, Text, Title } from "@mantine/core";
import { IconAlertOctagon, IconChevronDown } from "@tabler/icons-react";
import { useId } from "react";
import { useWorkspace } from "../../shared/workspace";
import { AlertFacts } from "./AlertFacts";
import classes from "./Critical.module.css";
import { type CriticalAlert, isOpen } from "./critical";
import type { CriticalAlerts } from "./useCriticalAlerts";

export function CriticalLine({ critical }: { critical: CriticalAlerts }) {
  const headingId = useId();
  const open = critical.alerts.filter(isOpen);
  const ordered = [...open, ...critical.alerts.filter((alert) => !isOpen(alert))];
  const [first] = ordered;
  return (
    <section aria-labelledby={headingId} className={classes["line"]} data-open={open.length > 0 || undefined}>
      <Title order={2} size="h4" id={headingId} className={classes["title"]}>
        <IconAlertOctagon size={20} aria-hidden />
        Critical values
      </Title>
      {first ? (
        <ul className={classes["list"]}>
          <Item alert={first} critical={critical} />
        </ul>
      ) : (
        <Text c="dimmed" size="sm" className={classes["none"]}>
          Nothing to acknowledge
        </Text>
      )}
      {ordered.length > 1 && <All ordered={ordered} open={open.length} critical={critical} />}
    </section>
  );
}

function All({ ordered, open, critical }: { ordered: readonly CriticalAlert[]; open: number; critical: CriticalAlerts }) {
  const text = open > 1 ? `${open} open` : `All ${ordered.length}`;
  return (
    <Popover position="bottom-end" width={560} shadow="md" trapFocus withRoles>
      <Popover.Target>
        <Button variant="default" size="compact-sm" className={classes["all"]} rightSection={<IconChevronDown size={16} aria-hidden />} aria-label={`${text} critical values`}>
          {text}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="sm">
        <ScrollArea.Autosize mah="60vh">
          <ul className={classes["list"]} data-several>
            {ordered.map((alert) => (
              <Item key={alert.key} alert={alert} critical={critical} />
            ))}
          </ul>
        </ScrollArea.Autosize>
      </Popover.Dropdown>
    </Popover>
  );
}

function Item({ alert, critical: { acknowledge, failures } }: { alert: CriticalAlert; critical: CriticalAlerts }) {
  const { canEdit } = useWorkspace();
  const failure = alert.ended ? undefined : failures.get(alert.key);
  // A value that was withdrawn alerts others until the server, or somebody, has ended that.
  const isAlerting = !alert.ended && (isOpen(alert) || alert.id !== "");
  const act = isOpen(alert) ? "Acknowledge" : "End the alert";
  return (
    <li className={classes["item"]} data-done={!isOpen(alert) || undefined}>
      <div className={classes["words"]}>
        <p className={classes["value"]} title={alert.text}>
          {alert.text}
        </p>
        {failure ? (
          <Text size="sm" c="red" role="alert" truncate>
            {failure}
          </Text>
        ) : (
          <AlertFacts alert={alert} />
        )}
      </div>
      {canEdit && isAlerting && (
        <Button {...(isOpen(alert) ? { color: "red.9" } : { variant: "default" })} size="compact-sm" onClick={() => acknowledge(alert)} aria-label={`${act}: ${alert.text}`}>
          {act}
        </Button>
      )}
    </li>
  );
}
