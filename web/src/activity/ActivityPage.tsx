/** Who did what on this chart, in words, the latest first. */
import { Alert, Avatar, Badge, Button, Group, Paper, Skeleton, Text, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useId, useState } from "react";
import type { Activity } from "../shared/chartroom";
import { formatTime } from "../shared/fhir/date";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import classes from "./ActivityPage.module.css";
import { useActivity } from "./useActivity";

const EVENTS = 200;
const EVENTS_MAX = 1_000;

export function ActivityPage({ open }: { open: OpenRoom }) {
  const headingId = useId();
  const [events, setEvents] = useState(EVENTS);
  const state = useActivity(open.room, events);
  const all = state.step === "ready" ? state.entries : [];
  // An import has hundreds of entries at once, and nobody did them.
  const entries = all.filter(({ event }) => !event.import);
  const imported = all.length - entries.length;
  return (
    <Paper component="section" withBorder radius="md" maw={880} className={panel["panel"]} aria-labelledby={headingId}>
      <Group className={panel["head"]}>
        <Title order={2} size="h4" id={headingId}>
          Activity
        </Title>
      </Group>
      {state.step === "loading" && <Skeleton height={160} m="md" w="auto" role="status" aria-label="Loading the activity" />}
      {state.step === "failed" && (
        <Alert color="orange" m="md" icon={<IconAlertCircle aria-hidden />} title="The activity cannot be shown">
          {state.reason}
        </Alert>
      )}
      {state.step === "ready" && entries.length === 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          Nothing was done on this chart yet.
        </Text>
      )}
      {entries.length > 0 && (
        <ol className={classes["entries"]} aria-label="Activity">
          {entries.map((entry) => (
            <Entry key={`${entry.event.changes.join()} ${entry.event.resource_type}/${entry.event.resource_id}`} entry={entry} />
          ))}
        </ol>
      )}
      {imported > 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          {imported === 1 ? "1 imported entry is" : `${imported} imported entries are`} left out.
        </Text>
      )}
      {events < EVENTS_MAX && all.length > 0 && (
        <Button variant="subtle" size="compact-sm" m="xs" onClick={() => setEvents(EVENTS_MAX)}>
          Look further back
        </Button>
      )}
    </Paper>
  );
}

function Entry({ entry: { text, author, time, saved } }: { entry: Activity }) {
  return (
    <li className={classes["entry"]}>
      <Avatar size={26} name={author?.name ?? ""} color="initials" variant="filled" aria-hidden />
      <span className={classes["text"]}>{text}</span>
      {!saved && (
        <Badge tt="none" size="sm" variant="outline" className={classes["waiting"]}>
          Not saved yet
        </Badge>
      )}
      <time dateTime={time} className={classes["time"]}>
        {formatTime(Date.parse(time), new Date())}
      </time>
    </li>
  );
}
