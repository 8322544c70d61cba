/** One study in full: what it is known by, its series, and its reports to read. */
import { Anchor, Button, Group, Table, Text, Title } from "@mantine/core";
import { IconPencilPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Resource } from "../shared/chartroom";
import { formatDate } from "../shared/fhir/date";
import { asText } from "../shared/fhir/read";
import { codeWord, noteText } from "../shared/fhir/words";
import type { OpenRoom } from "../shared/rooms";
import { reportTime } from "../results/reports";
import type { Place } from "./endpoint";
import { formsOf } from "./form";
import classes from "./Imaging.module.css";
import { amendments, isFinal, isVoid, readers, reportName } from "./report";
import type { Series, Study } from "./study";
import { Mark } from "./StudyFace";

export interface StudyActs {
  /** Begins a report of a study. */
  onWrite(study: Study): void;
  /** Opens a report's form. */
  onReport(report: Resource): void;
}

interface Props {
  study: Study;
  reports: readonly Resource[];
  places: readonly Place[];
  open: OpenRoom;
  /** Absent for those who only read. */
  acts: StudyActs | undefined;
}

export function StudyDetail({ study, reports, places, open, acts }: Props) {
  const isReported = reports.some((report) => !isVoid(report));
  return (
    <div className={classes["detail"]}>
      <Facts study={study} places={places} />
      <SeriesTable study={study} />
      <section aria-label={`Reports of ${study.label}`} className={classes["reports"]}>
        {reports.map((report) => (
          <ReportText key={report.id} report={report} onReport={acts?.onReport}>
            <Mark open={open} type="DiagnosticReport" id={report.id} />
          </ReportText>
        ))}
        {!isReported && (
          <Group gap="sm">
            <Text size="sm">No report yet.</Text>
            {acts && !study.isVoid && (
              <Button size="compact-sm" variant="light" leftSection={<IconPencilPlus size={16} aria-hidden />} aria-label={`Write report of ${study.label}`} onClick={() => acts.onWrite(study)}>
                Write report
              </Button>
            )}
          </Group>
        )}
      </section>
    </div>
  );
}

function Facts({ study, places }: { study: Study; places: readonly Place[] }) {
  const facts = [...study.numbers.map(({ name, value }) => [name, value] as const), ...places.map(({ name }) => ["Images kept at", name] as const)];
  const note = noteText(study.resource);
  if (note) facts.push(["Note", note]);
  if (facts.length === 0) return null;
  return (
    <dl className={classes["facts"]}>
      {facts.map(([name, value]) => (
        <div key={`${name} ${value}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function SeriesTable({ study }: { study: Study }) {
  if (study.series.length === 0) return <Text size="sm">The record of this study lists no series.</Text>;
  return (
    <Table aria-label={`Series of ${study.label}`} verticalSpacing={5} className={classes["series"]}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Series</Table.Th>
          <Table.Th>Modality</Table.Th>
          <Table.Th>Body site</Table.Th>
          <Table.Th>Images</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {study.series.map((series) => (
          <Table.Tr key={series.key}>
            <Table.Th scope="row">{series.label}</Table.Th>
            <Table.Td>{series.modality}</Table.Td>
            <Table.Td>{series.site}</Table.Td>
            <Table.Td>
              {series.images}
              {series.titles.length > 0 && <span className={classes["titles"]}>{titlesText(series.titles)}</span>}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

const TITLES_SHOWN = 12;

function titlesText(titles: Series["titles"]): string {
  const shown = titles.slice(0, TITLES_SHOWN).map(({ title, count }) => (count > 1 ? `${title} (${count})` : title));
  const rest = titles.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

function ReportText({ report, onReport, children }: { report: Resource; onReport: StudyActs["onReport"] | undefined; children: ReactNode }) {
  const name = reportName(report);
  const forms = formsOf(report);
  const conclusion = asText(report["conclusion"]);
  const verb = isFinal(report) ? "Amend" : "Edit";
  return (
    <article aria-label={`Report: ${name}`} className={classes["report"]} data-void={isVoid(report) || undefined}>
      <Group gap="xs" wrap="nowrap" justify="space-between">
        <Title order={4} size="sm">
          {name} <span className={classes["reportStatus"]} data-final={isFinal(report) || undefined}>{codeWord(report["status"]) || "Status not stated"}</span> {children}
        </Title>
        {onReport && !isVoid(report) && (
          <Button size="compact-sm" variant="default" aria-label={`${verb} report ${name}`} onClick={() => onReport(report)}>
            {verb}
          </Button>
        )}
      </Group>
      <Text size="xs" c="dimmed">
        {[readers(report), formatDate(reportTime(report))].filter(Boolean).join(" · ")}
      </Text>
      {conclusion && <p className={classes["prose"]}>{conclusion}</p>}
      {amendments(report).map((why) => (
        <Text key={why} size="sm">
          Amended: {why}
        </Text>
      ))}
      {forms.map(({ key, title, text, href }) =>
        text ? (
          <p key={key} className={classes["prose"]}>
            {text}
          </p>
        ) : (
          <Text key={key} size="sm">
            Attached: {href ? <Anchor href={href} target="_blank" rel="noreferrer" size="sm">{title}</Anchor> : `${title}, which cannot be shown here`}
          </Text>
        ),
      )}
      {!conclusion && forms.length === 0 && <Text size="sm">The report has no text.</Text>}
    </article>
  );
}
