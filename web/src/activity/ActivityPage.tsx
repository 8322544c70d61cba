/** Who did what on this chart, in words, the latest first. */
import { Alert, Avatar, Badge, Button, Group, NativeSelect, Paper, Skeleton, Text, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useId, useMemo, useState } from "react";
import type { Activity, Person, Room } from "../shared/chartroom";
import { counted } from "../shared/counted";
import { formatTime } from "../shared/fhir/date";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import classes from "./ActivityPage.module.css";
import { entryText, hasOlder, kindOf, KINDS, OTHER, peopleOf } from "./entries";
import { useActivity } from "./useActivity";

/** How many events of the log are looked through, further each time somebody asks; the last is the most that the server gives. */
const EVENTS = [200, 500, 1_000] as const;

export function ActivityPage({ open: { room } }: { open: OpenRoom }) {
  const headingId = useId();
  const [step, setStep] = useState(0);
  const events = EVENTS[step] ?? EVENTS[0];
  const state = useActivity(room, events);
  return (
    <Paper component="section" withBorder radius="md" maw={900} mx="auto" className={panel["panel"]} aria-labelledby={headingId}>
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
      {state.step === "ready" && <Entries all={state.entries} room={room} />}
      {state.step === "ready" && hasOlder(state.entries, events) && <Older isLast={step === EVENTS.length - 1} onMore={() => setStep(step + 1)} />}
    </Paper>
  );
}

function Entries({ all, room }: { all: readonly Activity[]; room: Room }) {
  const { person } = useWorkspace();
  const [who, setWho] = useState("");
  const [kind, setKind] = useState("");
  // An import has hundreds of entries at once, and nobody did them.
  const entries = useMemo(() => all.filter(({ event }) => !event.import), [all]);
  const people = useMemo(() => peopleOf(entries, person), [entries, person]);
  const shown = entries.filter((entry) => (who === "" || entry.author?.id === who) && (kind === "" || kindOf(entry) === kind));
  const imported = all.length - entries.length;
  return (
    <>
      <Group gap="sm" className={classes["filters"]}>
        <NativeSelect size="xs" label="Person" value={who} onChange={(event) => setWho(event.currentTarget.value)} data={[{ value: "", label: "Everybody" }, ...people.map(({ id, name }) => ({ value: id, label: id === person.id ? `${name} (you)` : name }))]} />
        <NativeSelect size="xs" label="Kind" value={kind} onChange={(event) => setKind(event.currentTarget.value)} data={[{ value: "", label: "All kinds" }, ...KINDS.map(({ value, label }) => ({ value, label })), { value: OTHER, label: "Other" }]} />
        <Text size="xs" c="dimmed" role="status" className={classes["count"]}>
          {counted(shown.length, "entry", "entries")}
        </Text>
      </Group>
      {shown.length === 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          {entries.length === 0 ? "Nothing was done on this chart yet." : "Nothing like this among what is loaded."}
        </Text>
      )}
      {shown.length > 0 && (
        <ol className={classes["entries"]} aria-label="Activity">
          {shown.map((entry) => (
            <Entry key={`${entry.event.changes.join()} ${entry.event.resource_type}/${entry.event.resource_id}`} entry={entry} room={room} me={person} />
          ))}
        </ol>
      )}
      {imported > 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          {counted(imported, "imported entry is", "imported entries are")} left out.
        </Text>
      )}
    </>
  );
}

function Entry({ entry, room, me }: { entry: Activity; room: Room; me: Person }) {
  const { author, time, saved, event } = entry;
  return (
    <li className={classes["entry"]} data-entry={event.resource_id}>
      <Avatar size={26} name={author?.name ?? ""} color="initials" variant="filled" aria-hidden />
      <span className={classes["text"]}>{entryText(entry, room)}</span>
      {author?.id === me.id && (
        <Badge tt="none" size="sm" variant="light" color="gray">
          You
        </Badge>
      )}
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

function Older({ isLast, onMore }: { isLast: boolean; onMore: () => void }) {
  if (isLast) {
    return (
      <Text c="dimmed" size="sm" className={panel["empty"]}>
        What is older stands in the server’s log.
      </Text>
    );
  }
  return (
    <Button variant="subtle" size="compact-sm" m="xs" onClick={onMore}>
      Show older
    </Button>
  );
}
