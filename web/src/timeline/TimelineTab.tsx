/**
 * Everything that happened to the patient, by its clinical time: as tracks over a time axis, as a
 * list, and what people do on the chart as it happens.
 */
import { ActionIcon, Button, Group, Paper, SegmentedControl, Switch, Text, TextInput, Title } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconSearch } from "@tabler/icons-react";
import { useDeferredValue, useId, useMemo, useState } from "react";
import { counted } from "../shared/counted";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import { EventList } from "./EventList";
import type { TimelineEvent } from "./events";
import { KINDS, type Kind } from "./kinds";
import { isWithin, neighbour, type Period, periodOf, periodText, wholePeriod, type Zoomed } from "./period";
import classes from "./Timeline.module.css";
import { Tracks } from "./Tracks";
import { useTimeline } from "./useTimeline";
import { Workflow } from "./Workflow";

export function TimelineTab({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const headingId = useId();
  const events = useTimeline(open.room);
  const whole = useMemo(() => wholePeriod(events, Date.now()), [events]);
  const [chosen, setChosen] = useState<Period>();
  const [hidden, setHidden] = useState<ReadonlySet<Kind>>(new Set());
  const [search, setSearch] = useState("");
  const [isGrouped, setIsGrouped] = useState(false);
  const words = useDeferredValue(search.trim().toLowerCase());
  const period = chosen ?? whole;
  const found = useMemo(() => (words === "" ? events : events.filter((event) => event.words.includes(words))), [events, words]);
  const shown = useMemo(() => found.filter((event) => !hidden.has(event.kind) && isWithin(period, event)), [found, hidden, period]);
  const kinds = useMemo(() => (Object.keys(KINDS) as Kind[]).filter((kind) => events.some((event) => event.kind === kind)), [events]);
  const toggle = (kind: Kind) => setHidden((before) => (before.has(kind) ? without(before, kind) : new Set([...before, kind])));

  return (
    <div className={classes["page"]}>
      <Paper component="section" withBorder radius="md" className={`${panel["panel"]} ${classes["axis"]}`} aria-labelledby={headingId}>
        <Group className={panel["head"]} gap="sm">
          <Title order={2} size="h4" id={headingId}>
            Timeline
          </Title>
          <Text size="sm" c="dimmed" role="status" flex={1} miw="12rem">
            {counted(shown.length, "event")}, {periodText(period)}
          </Text>
          <TextInput
            type="search"
            size="sm"
            aria-label="Find an event"
            placeholder="Find an event"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          <Zoom period={period} events={shown} onChange={setChosen} />
        </Group>
        <Tracks period={period} kinds={kinds} hidden={hidden} events={found} onToggle={toggle} onZoom={setChosen} />
        <Group gap="xs" p="xs" px="sm">
          <Button size="compact-sm" variant="subtle" disabled={hidden.size === 0} onClick={() => setHidden(new Set())}>
            Show every kind
          </Button>
          <Button size="compact-sm" variant="subtle" disabled={hidden.size === kinds.length} onClick={() => setHidden(new Set(kinds))}>
            Hide every kind
          </Button>
          <Switch size="sm" ml="auto" label="Group by encounter" checked={isGrouped} onChange={(event) => setIsGrouped(event.currentTarget.checked)} />
        </Group>
      </Paper>
      <EventList open={open} patientId={patientId} events={shown} every={events} isGrouped={isGrouped} />
      <Workflow open={open} patientId={patientId} />
    </div>
  );
}

/** All, a year, a month or a day, and the one before and behind. */
function Zoom({ period, events, onChange }: { period: Period; events: readonly TimelineEvent[]; onChange: (period: Period | undefined) => void }) {
  const choose = (unit: Zoomed | "all") => {
    if (unit === "all") return onChange(undefined);
    // Where something is to be seen: the latest of what is shown.
    onChange(periodOf(unit, events[0]?.at ?? Math.min(Date.now(), period.to - 1)));
  };
  return (
    <Group gap={6} wrap="nowrap">
      <ActionIcon variant="default" size="lg" aria-label="Earlier" disabled={period.unit === "all"} onClick={() => onChange(neighbour(period, -1))}>
        <IconChevronLeft size={18} aria-hidden />
      </ActionIcon>
      <SegmentedControl
        size="sm"
        aria-label="Period"
        value={period.unit}
        onChange={(unit) => choose(unit as Zoomed | "all")}
        data={[
          { value: "all", label: "All" },
          { value: "year", label: "Year" },
          { value: "month", label: "Month" },
          { value: "day", label: "Day" },
        ]}
      />
      <ActionIcon variant="default" size="lg" aria-label="Later" disabled={period.unit === "all"} onClick={() => onChange(neighbour(period, 1))}>
        <IconChevronRight size={18} aria-hidden />
      </ActionIcon>
    </Group>
  );
}

function without<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  return new Set([...set].filter((one) => one !== item));
}
