/** The latest of each vital sign, with the value before it. */
import { Badge, Group, Paper, Table, Text, Title } from "@mantine/core";
import { useId, useMemo } from "react";
import { shortName } from "../results/groups";
import { readingOf } from "../results/reading";
import type { Resource } from "../shared/chartroom";
import { conceptText } from "../shared/fhir/concept";
import { formatDate } from "../shared/fhir/date";
import { hasCategory, isCritical, latestOfEach, observationValue, observedAt } from "../shared/fhir/observation";
import panel from "../shared/panel/Panel.module.css";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useCollection, useTouches } from "../shared/useRoom";
import classes from "./ChartReview.module.css";

export function VitalsPanel({ open }: { open: OpenRoom }) {
  const headingId = useId();
  const observations = useCollection(open.room, "Observation");
  const vitals = useMemo(() => latestVitals(observations), [observations]);
  return (
    <Paper component="section" withBorder radius="md" className={panel["panel"]} aria-labelledby={headingId}>
      <Group className={panel["head"]} justify="space-between" wrap="nowrap">
        <Group gap="xs" wrap="nowrap">
          <Title order={2} size="h4" id={headingId}>
            Vital signs
          </Title>
          <Text size="xs" c="dimmed">
            latest values
          </Text>
        </Group>
      </Group>
      {vitals.length === 0 ? (
        <Text c="dimmed" size="sm" className={panel["empty"]}>
          No vital signs recorded.
        </Text>
      ) : (
        <Table aria-label="Vital signs" layout="fixed">
          <Table.Thead className={panel["columns"]}>
            <Table.Tr>
              <Table.Th>Measurement</Table.Th>
              <Table.Th>Latest</Table.Th>
              <Table.Th>Before</Table.Th>
              <Table.Th className={panel["statusColumn"]}>Measured</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {vitals.map((vital) => (
              <VitalRow key={vital.latest.id} vital={vital} open={open} />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Paper>
  );
}

function VitalRow({ vital: { latest, before }, open }: { vital: Vital; open: OpenRoom }) {
  const touch = useTouches(open).get(resourceKey("Observation", latest.id));
  const critical = isCritical(latest);
  return (
    <Table.Tr className={panel["row"]} data-entry={latest.id} data-changed={touch ? (touch.turn % 2 === 0 ? "even" : "odd") : undefined}>
      <Table.Th scope="row" className={panel["main"]}>
        {shortName(readingOf(latest))}
      </Table.Th>
      <Table.Td className={`${classes["vital"]} ${critical ? classes["critical"] : ""}`}>
        {observationValue(latest) || "No value"}
        {critical && (
          <Badge size="sm" tt="none" color="red.9" variant="filled" ml={8}>
            Critical
          </Badge>
        )}
      </Table.Td>
      <Table.Td className={classes["before"]}>{before ? observationValue(before) : "–"}</Table.Td>
      <Table.Td>
        <Text size="xs" c="dimmed" pt={2}>
          {formatDate(observedAt(latest))}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

interface Vital {
  readonly latest: Resource;
  readonly before: Resource | undefined;
}

/** The latest of each kind, and of the rest the latest again. */
export function latestVitals(observations: readonly Resource[]): readonly Vital[] {
  const vitals = observations.filter((one) => hasCategory(one, "vital-signs"));
  const latest = latestOfEach(vitals);
  const earlier = latestOfEach(vitals.filter((one) => !latest.includes(one)));
  const name = (one: Resource) => conceptText(one["code"]);
  return latest.map((one) => ({ latest: one, before: earlier.find((other) => name(other) === name(one)) }));
}
