/** What people do on the chart, the latest first, as it happens. */
import { Anchor, Badge, Paper, Text, Title } from "@mantine/core";
import { useId, useState } from "react";
import { Link } from "wouter";
import { useActivity } from "../activity/useActivity";
import { chartPath, tabOf, useChartAddress } from "../chart/address";
import { formatTime } from "../shared/fhir/date";
import type { Activity } from "../shared/chartroom";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import classes from "./Timeline.module.css";

const EVENTS = 200;
const SHOWN = 60;

export function Workflow({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const headingId = useId();
  const { person } = useWorkspace();
  const [opened] = useState(() => Date.now());
  const state = useActivity(open.room, EVENTS);
  const entries = state.step === "ready" ? state.entries.filter(({ event }) => !event.import).slice(0, SHOWN) : [];
  return (
    <Paper component="section" withBorder radius="md" className={`${panel["panel"]} ${classes["workflow"]}`} aria-labelledby={headingId}>
      <div className={panel["head"]}>
        <Title order={2} size="h4" id={headingId}>
          As it happens
        </Title>
      </div>
      {state.step !== "loading" && entries.length === 0 && (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          {state.step === "failed" ? state.reason : "Nobody has done anything here yet."}
        </Text>
      )}
      <ol className={classes["acts"]} aria-label="As it happens" tabIndex={0} data-empty={entries.length === 0 || undefined}>
        {entries.map((entry) => (
          <Act key={`${entry.event.changes.join()} ${entry.event.resource_type}/${entry.event.resource_id}`} entry={entry} isNew={Date.parse(entry.time) >= opened && entry.author?.id !== person.id} patientId={patientId} />
        ))}
      </ol>
    </Paper>
  );
}

function Act({ entry: { text, time, event }, isNew, patientId }: { entry: Activity; isNew: boolean; patientId: string }) {
  const { at } = useChartAddress();
  const tab = event.action === "deleted" ? undefined : tabOf(event.resource_type);
  return (
    <li className={classes["act"]}>
      {tab ? (
        <Anchor component={Link} href={chartPath(patientId, tab, { at, entry: `${event.resource_type}/${event.resource_id}` })}>
          {text}
        </Anchor>
      ) : (
        text
      )}
      <span className={classes["actTime"]}>
        {formatTime(Date.parse(time), new Date())}
        {isNew && (
          <Badge size="sm" tt="none" ml={6}>
            New
          </Badge>
        )}
      </span>
    </li>
  );
}
