/** The chart on one page, to be read at a bedside, printed, or taken along as a FHIR Bundle. */
import { Button, Group, Paper, Text, Title } from "@mantine/core";
import { IconDownload, IconPrinter } from "@tabler/icons-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { useSummary } from "../chart/useSummary";
import type { Resource, Room } from "../shared/chartroom";
import { reasonText } from "../shared/edits";
import { ageInYears, formatDate, formatTime } from "../shared/fhir/date";
import { identifiers, patientName, sexText } from "../shared/fhir/patient";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts, useResource, useUnsaved } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { pageMargins } from "./paper";
import { type Line, type Section, sectionsOf } from "./sections";
import classes from "./Summary.module.css";

export function SummaryPage({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const { room } = open;
  const { person } = useWorkspace();
  const patient = useResource(room, "Patient", patientId);
  const conflicts = useConflicts(open);
  const unsaved = useUnsaved(room);
  const turn = useDeferredValue(useTurn(room));
  const { sections, made } = useMemo(() => ({ sections: sectionsOf(room, conflicts, new Date()), made: Date.now() }), [room, conflicts, turn]);
  if (!patient) return null;
  const name = patientName(patient) || "Name not recorded";
  return (
    <Paper component="article" withBorder radius="md" className={classes["paper"]} aria-label={`Summary of ${name}`}>
      <style>{pageMargins(`${name}, born ${formatDate(patient["birthDate"]) || "unknown"}`)}</style>
      <Group justify="space-between" align="flex-start" wrap="nowrap" mb="md">
        <Identity patient={patient} name={name} />
        <Acts room={room} />
      </Group>
      <Warnings open={open} />
      {unsaved > 0 && (
        <p className={classes["warning"]}>
          {unsaved === 1 ? "One edit" : `${unsaved} edits`} in this summary {unsaved === 1 ? "is" : "are"} not saved at the server yet.
        </p>
      )}
      {sections.map((section) => (
        <SectionOf key={section.title} section={section} />
      ))}
      <Text size="xs" c="dimmed" mt="lg">
        Made for {person.name}, {formatTime(made, new Date(0))}. What is written later is not in it.
      </Text>
    </Paper>
  );
}

function Identity({ patient, name }: { patient: Resource; name: string }) {
  const age = ageInYears(patient["birthDate"], new Date());
  const death = formatDate(patient["deceasedDateTime"]) || (patient["deceasedBoolean"] === true ? "date not recorded" : "");
  const facts = [
    `Born ${formatDate(patient["birthDate"]) || "on a day not recorded"}`,
    death ? `deceased ${death}` : age !== undefined && `${age} years`,
    sexText(patient["gender"]),
    ...identifiers(patient).slice(0, 4).map(({ label, value }) => `${label} ${value}`),
  ];
  return (
    <div>
      <p className={classes["name"]}>{name}</p>
      <p className={classes["facts"]}>{facts.filter(Boolean).join(" · ")}</p>
    </div>
  );
}

function Acts({ room }: { room: Room }) {
  const [failure, setFailure] = useState("");
  const take = async () => {
    try {
      download(await room.export(), `${room.name.replace(/[^\w-]+/g, "-")}.json`);
      setFailure("");
    } catch (error) {
      setFailure(reasonText(error));
    }
  };
  return (
    <div className={classes["acts"]}>
      <Group gap="xs" wrap="nowrap">
        <Button size="compact-sm" leftSection={<IconPrinter size={16} aria-hidden />} variant="light" onClick={() => window.print()}>
          Print
        </Button>
        <Button size="compact-sm" leftSection={<IconDownload size={16} aria-hidden />} variant="default" onClick={() => void take()}>
          FHIR Bundle
        </Button>
      </Group>
      {failure && (
        <Text size="sm" c="red" role="alert">
          Not taken out: {failure}
        </Text>
      )}
    </div>
  );
}

/** Code status and what is critical, first; dangerous allergies have a section of their own. */
function Warnings({ open }: { open: OpenRoom }) {
  const { codeStatus: status, indicators } = useSummary(open);
  const all = indicators.filter(({ kind }) => kind !== "High criticality");
  const differs = status && status.others.length > 0 ? `; another record says: ${status.others.join("; ")}` : "";
  return (
    <ul className={classes["warnings"]} aria-label="Warnings">
      <li>
        <strong>Code status:</strong> {status ? `${status.text}${differs}` : "not recorded"}
      </li>
      {all.map(({ key, kind, text, since }) => (
        <li key={`${kind} ${key}`}>
          <strong>{kind}:</strong> {text}
          {since && `, since ${formatDate(since)}`}
        </li>
      ))}
    </ul>
  );
}

function SectionOf({ section: { title, lines, emptyText, more } }: { section: Section }) {
  return (
    <section className={classes["section"]} aria-label={title}>
      <Title order={2} size="h5" className={classes["title"]}>
        {title}
      </Title>
      {lines.length === 0 ? (
        <Text size="sm" c="dimmed">
          {emptyText}
        </Text>
      ) : (
        <ul className={classes["lines"]}>
          {lines.map((line) => (
            <LineOf key={line.key} line={line} />
          ))}
        </ul>
      )}
      {more > 0 && (
        <Text size="xs" c="dimmed">
          {more} earlier {more === 1 ? "entry is" : "entries are"} in the chart and not in this summary.
        </Text>
      )}
    </section>
  );
}

function LineOf({ line: { label, detail, date, warning } }: { line: Line }) {
  return (
    <li className={classes["line"]}>
      <span>
        <strong>{label}</strong>
        {detail && <span className={classes["detail"]}>{detail}</span>}
        {warning && <span className={classes["warning"]}>{warning}</span>}
      </span>
      <span className={classes["date"]}>{date}</span>
    </li>
  );
}

/** Grows with every change of the room: a summary is of all of it. */
function useTurn(room: Room): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => room.on("touched", () => setTurn((before) => before + 1)), [room]);
  return turn;
}

function download(bundle: Resource, name: string): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(bundle, null, 2)], { type: "application/fhir+json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
