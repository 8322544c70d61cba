/** Diagnostic reports, latest first, each with its results behind its name. */
import { Button, Paper, Table, Text, Title, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { memo, useId, useMemo, useState } from "react";
import type { Resource } from "../shared/chartroom";
import { formatDate } from "../shared/fhir/date";
import { FlagMark } from "./FlagMark";
import { useSteadyOrder } from "./order";
import { type Report, reportOf, reportsOf } from "./reports";
import classes from "./Results.module.css";

const PAGE = 20;

export function Reports({ reports, observations, isSettled }: { reports: readonly Resource[]; observations: readonly Resource[]; isSettled: boolean }) {
  const headingId = useId();
  const [limit, setLimit] = useState(PAGE);
  const byId = useMemo(() => new Map(observations.map((one) => [one.id, one])), [observations]);
  const latestFirst = useMemo(() => reportsOf(reports).map((resource) => ({ key: resource.id, resource })), [reports]);
  const { ordered, isStale, sort } = useSteadyOrder(latestFirst, isSettled);
  return (
    <Paper component="section" withBorder radius="md" className={classes["panel"]} aria-labelledby={headingId}>
      <div className={classes["panelHead"]}>
        <Title order={2} size="h4" id={headingId}>
          Reports
        </Title>
        <Text size="sm" c="dimmed" flex={1}>
          {reports.length === 1 ? "1 report" : `${reports.length} reports`}
        </Text>
        <Button size="compact-sm" variant="subtle" style={{ visibility: isStale ? "visible" : "hidden" }} onClick={sort} aria-label="Sort latest first, reports">
          Sort latest first
        </Button>
      </div>
      {reports.length === 0 ? (
        <Text c="dimmed" size="sm" p="md">
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
            {ordered.slice(0, limit).map(({ resource }) => (
              <ReportRow key={resource.id} resource={resource} observations={byId} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      {ordered.length > limit && (
        <Button variant="subtle" size="compact-sm" m="xs" onClick={() => setLimit(limit + 2 * PAGE)}>
          Show {Math.min(2 * PAGE, ordered.length - limit)} more of {ordered.length - limit}
        </Button>
      )}
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
        <Table.Th scope="row" className={classes["test"]}>
          <UnstyledButton className={classes["toggle"]} aria-expanded={isOpen} aria-controls={detailId} onClick={() => setIsOpen(!isOpen)}>
            <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={isOpen || undefined} />
            <span>{report.label}</span>
          </UnstyledButton>
          {report.conclusion && <span className={classes["conclusion"]}>{report.conclusion}</span>}
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
