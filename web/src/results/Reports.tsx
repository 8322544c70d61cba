/** Diagnostic reports, latest first, each with its results behind its name. */
import { Button, Paper, Table, Text, Title } from "@mantine/core";
import { memo, useId, useMemo, useState } from "react";
import { useSoughtId } from "../chart/sought";
import { EntryMark } from "../past/marks";
import type { Resource } from "../shared/chartroom";
import { counted } from "../shared/counted";
import { formatDate } from "../shared/fhir/date";
import panel from "../shared/panel/Panel.module.css";
import { Toggle } from "../shared/panel/Toggle";
import { FlagMark } from "./FlagMark";
import { useSteadyOrder } from "./order";
import { type Report, reportOf, reportsOf } from "./reports";
import classes from "./Results.module.css";
import { ShowMore } from "../shared/ShowMore";

const PAGE = 20;

export function Reports({ reports, observations, isSettled }: { reports: readonly Resource[]; observations: readonly Resource[]; isSettled: boolean }) {
  const headingId = useId();
  const [limit, setLimit] = useState(PAGE);
  const sought = useSoughtId("DiagnosticReport");
  const byId = useMemo(() => new Map(observations.map((one) => [one.id, one])), [observations]);
  const latestFirst = useMemo(() => reportsOf(reports).map((resource) => ({ key: resource.id, resource })), [reports]);
  const { ordered, isStale, sort } = useSteadyOrder(latestFirst, isSettled);
  return (
    <Paper component="section" withBorder radius="md" className={panel["panel"]} aria-labelledby={headingId}>
      <div className={panel["toolHead"]}>
        <Title order={2} size="h4" id={headingId}>
          Reports
        </Title>
        <Text size="sm" c="dimmed" flex={1}>
          {counted(reports.length, "report")}
        </Text>
        <Button size="compact-sm" variant="subtle" style={{ visibility: isStale ? "visible" : "hidden" }} onClick={sort} aria-label="Sort latest first, reports">
          Sort latest first
        </Button>
      </div>
      {reports.length === 0 ? (
        <Text c="dimmed" size="sm" p={14}>
          No reports recorded.
        </Text>
      ) : (
        <Table aria-label="Reports" layout="fixed" className={classes["table"]}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Report</Table.Th>
              <Table.Th className={classes["valueColumn"]}>Status</Table.Th>
              <Table.Th className={classes["whenColumn"]}>Date</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {ordered.slice(0, Math.max(limit, ordered.findIndex(({ key }) => key === sought) + 1)).map(({ resource }) => (
              <ReportRow key={resource.id} resource={resource} observations={byId} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      <ShowMore count={ordered.length} limit={limit} step={2 * PAGE} onLimit={setLimit} m="xs" />
    </Paper>
  );
}

const ReportRow = memo(function ReportRow({ resource, observations }: { resource: Resource; observations: ReadonlyMap<string, Resource> }) {
  const [isOpen, setIsOpen] = useState(false);
  const detailId = useId();
  const report = useMemo(() => reportOf(resource, observations), [resource, observations]);
  return (
    <>
      <Table.Tr className={classes["row"]} data-report={report.key} data-void={report.isVoid || undefined}>
        <Table.Th scope="row" className={panel["main"]}>
          <Toggle isOpen={isOpen} detailId={detailId} onToggle={() => setIsOpen(!isOpen)}>
            <span>{report.label}</span>
          </Toggle>
          {report.conclusion && <span className={classes["conclusion"]}>{report.conclusion}</span>}
          <EntryMark type="DiagnosticReport" id={report.key} />
        </Table.Th>
        <Table.Td>
          <span className={classes["reportStatus"]} data-final={report.isFinal || undefined}>
            {report.status}
          </span>
        </Table.Td>
        <Table.Td className={classes["when"]}>{formatDate(report.time) || "Not recorded"}</Table.Td>
      </Table.Tr>
      <Table.Tr className={classes["detailRow"]} hidden={!isOpen}>
        <Table.Td colSpan={3} id={detailId}>
          {isOpen && <ReportResults report={report} />}
        </Table.Td>
      </Table.Tr>
    </>
  );
});

function ReportResults({ report }: { report: Report }) {
  if (report.results.length === 0) return <Text size="sm">The report lists no results.</Text>;
  return (
    <Table aria-label={`Results of ${report.label}`} verticalSpacing={5} className={classes["values"]}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Test</Table.Th>
          <Table.Th>Value</Table.Th>
          <Table.Th>Flag</Table.Th>
          <Table.Th>Reference</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {report.results.map(({ key, label, reading }) => (
          <Table.Tr key={key} data-void={reading && !reading.counts ? true : undefined}>
            <Table.Th scope="row">{label}</Table.Th>
            <Table.Td className={classes["exact"]}>{reading?.value ?? "Not in this chart"}</Table.Td>
            <Table.Td>
              <FlagMark flag={reading?.flag} />
            </Table.Td>
            <Table.Td>{reading?.range?.text ?? "–"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
