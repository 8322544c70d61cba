/** All values of one test: the course, and a table of them a page at a time. */
import { Pagination, Table, Text } from "@mantine/core";
import { useState } from "react";
import { counted } from "../shared/counted";
import { noteText } from "../shared/fhir/words";
import { type CriticalAlert, withAlert } from "./critical/critical";
import { FlagMark } from "./FlagMark";
import type { Lines, ResultGroup } from "./groups";
import { Course } from "./lazyCharts";
import { type Reading, whenText } from "./reading";
import classes from "./Results.module.css";

const PAGE = 20;

interface ResultHistoryProps {
  group: ResultGroup;
  lines: Lines;
  /** The critical alert about a value, if there is one. */
  alertOf?: (reading: Reading) => CriticalAlert | undefined;
}

export function ResultHistory({ group, lines, alertOf }: ResultHistoryProps) {
  const { readings, latest, label } = group;
  const [page, setPage] = useState(1);
  const pages = Math.ceil(readings.length / PAGE);
  const at = Math.min(page, pages);
  const now = new Date();
  return (
    <div className={classes["history"]}>
      {lines.points.length > 1 && <Course lines={lines} label={label} range={latest.range} height={220} />}
      {lines.leftOut > 0 && lines.points.length > 0 && (
        <Text size="xs" c="dimmed">
          {counted(lines.leftOut, "value is", "values are")} not drawn: in another unit, without a time, or no plain number.
        </Text>
      )}
      <Table aria-label={`All values of ${label}`} verticalSpacing={5} className={classes["values"]}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Taken</Table.Th>
            <Table.Th>Value as recorded</Table.Th>
            <Table.Th>Flag</Table.Th>
            <Table.Th>Reference</Table.Th>
            <Table.Th>Status and notes</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {readings.slice((at - 1) * PAGE, at * PAGE).map((reading) => (
            <Table.Tr key={reading.id} data-void={reading.counts ? undefined : true}>
              <Table.Td className={classes["when"]}>{whenText(reading, now)}</Table.Td>
              <Table.Td className={classes["exact"]}>{reading.exact || reading.value}</Table.Td>
              <Table.Td>{reading.counts ? <FlagMark flag={withAlert(reading.flag, alertOf?.(reading))} /> : "–"}</Table.Td>
              <Table.Td>{reading.range?.text ?? "–"}</Table.Td>
              <Table.Td>{[reading.stage || "Final", noteText(reading.resource)].filter(Boolean).join(". ")}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {pages > 1 && (
        <Pagination
          size="sm"
          mt="xs"
          total={pages}
          value={at}
          onChange={setPage}
          aria-label={`Pages of ${label}`}
          getControlProps={(control) => ({ "aria-label": { first: "First page", previous: "Newer values", next: "Older values", last: "Last page" }[control] })}
          getItemProps={(number) => ({ "aria-label": `Page ${number}` })}
        />
      )}
    </div>
  );
}
