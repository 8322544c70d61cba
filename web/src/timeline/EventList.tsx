/**
 * The events as a list, the latest first, by day or by encounter.
 *
 * What comes while somebody reads waits behind a button, so that nothing moves; what is changed or
 * withdrawn shows at once.
 */
import { Anchor, Badge, Button, Paper, Text, Title } from "@mantine/core";
import { memo, useEffect, useId, useMemo, useState } from "react";
import { Link } from "wouter";
import { chartPath, tabOf, useChartAddress } from "../chart/address";
import { EntryMark } from "../past/marks";
import type { Touch } from "../shared/activity";
import { counted } from "../shared/counted";
import { formatDate, formatTime } from "../shared/fhir/date";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import { useSynced, useTouches } from "../shared/useRoom";
import type { TimelineEvent } from "./events";
import { type EventGroup, groupsOf } from "./groups";
import { KINDS } from "./kinds";
import { withinDay } from "./time";
import classes from "./Timeline.module.css";
import { ShowMore } from "../shared/ShowMore";

const PAGE = 100;

interface EventListProps {
  open: OpenRoom;
  patientId: string;
  events: readonly TimelineEvent[];
  /** Also those that are filtered out. */
  every: readonly TimelineEvent[];
  isGrouped: boolean;
}

export function EventList({ open, patientId, events, every, isGrouped }: EventListProps) {
  const headingId = useId();
  const [limit, setLimit] = useState(PAGE);
  const touches = useTouches(open);
  const { isHeld, release } = useHeld(every, useSynced(open.room));
  const shown = useMemo(() => events.filter(isHeld), [events, isHeld]);
  const waiting = events.length - shown.length;
  const groups = useMemo(() => groupsOf(shown.slice(0, limit), every, isGrouped), [shown, limit, every, isGrouped]);
  return (
    <Paper component="section" withBorder radius="md" className={`${panel["panel"]} ${classes["events"]}`} aria-labelledby={headingId}>
      <div className={`${panel["head"]} ${classes["listHead"]}`}>
        <Title order={2} size="h4" id={headingId}>
          Events
        </Title>
        <Button size="compact-sm" variant="light" style={{ visibility: waiting > 0 ? "visible" : "hidden" }} onClick={release}>
          Show {counted(waiting, "new event")}
        </Button>
      </div>
      {shown.length === 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          {every.length === 0 ? "No events recorded." : "No event matches."}
        </Text>
      )}
      {groups.map((group) => (
        <Day key={group.key} group={group} touches={touches} patientId={patientId} />
      ))}
      <ShowMore count={shown.length} limit={limit} step={2 * PAGE} onLimit={setLimit} m="xs" />
    </Paper>
  );
}

/** Those that were there when the list began, or when it was last asked for the rest. */
function useHeld(every: readonly TimelineEvent[], isSettled: boolean) {
  const [held, setHeld] = useState<ReadonlySet<string>>();
  const release = () => setHeld(new Set(every.map(({ key }) => key)));
  useEffect(() => {
    if (isSettled && held === undefined) release();
  });
  const isHeld = useMemo(() => ({ key }: TimelineEvent) => held === undefined || held.has(key), [held]);
  return { isHeld, release };
}

function Day({ group, touches, patientId }: { group: EventGroup; touches: ReadonlyMap<string, Touch>; patientId: string }) {
  return (
    <>
      <Title order={3} size="h5" className={classes["day"]}>
        {group.title}
      </Title>
      <ol className={classes["list"]} aria-label={group.title}>
        {group.events.map((event) => (
          <EventRow key={event.key} event={event} touch={touches.get(event.entry)} isDated={group.isDated} patientId={patientId} />
        ))}
      </ol>
    </>
  );
}

const EventRow = memo(function EventRow({ event, touch, isDated, patientId }: { event: TimelineEvent; touch: Touch | undefined; isDated: boolean; patientId: string }) {
  const { at } = useChartAddress();
  const tab = tabOf(event.type);
  const clock = withinDay(event);
  return (
    <li className={classes["event"]} data-event={event.key} data-kind={event.kind} data-void={event.void ? true : undefined}>
      <time dateTime={event.time} className={classes["when"]}>
        {isDated ? [formatDate(event.time), clock].filter(Boolean).join(", ") : clock || "–"}
      </time>
      <span className={classes["kind"]}>{KINDS[event.kind]}</span>
      <span className={classes["what"]}>
        <span className={classes["verb"]}>{event.what}</span>{" "}
        {tab ? (
          <Anchor component={Link} href={chartPath(patientId, tab, { at, entry: event.entry })} className={classes["label"]}>
            {event.label}
          </Anchor>
        ) : (
          <span className={classes["label"]}>{event.label}</span>
        )}
        {event.void && <span className={classes["verb"]}> {event.void}</span>}
        {touch && (
          <Badge size="sm" tt="none" variant="light" ml={6}>
            {touch.action === "created" ? "New" : "Changed"} · {touch.author}, {formatTime(touch.at, new Date())}
          </Badge>
        )}
        {event.detail && <span className={classes["detail"]}>{event.detail}</span>}
        <EntryMark type={event.type} id={event.entry.slice(event.type.length + 1)} />
      </span>
    </li>
  );
});
