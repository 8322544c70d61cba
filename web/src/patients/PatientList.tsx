/** All patients of the server, to find one by typing a part of the name. */
import { Alert, Button, Code, Container, Group, Kbd, Paper, Skeleton, Table, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle, useHotkeys } from "@mantine/hooks";
import { IconPlugConnectedX, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useDeferredValue, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { ageInYears, formatDate } from "../shared/fhir/date";
import { sexText } from "../shared/fhir/patient";
import classes from "./PatientList.module.css";
import { matches, type PatientEntry } from "./rooms";
import { usePatients } from "./usePatients";

const PAGE = 100;

export function PatientList() {
  useDocumentTitle("Patients · Chartroom");
  const { state, reload } = usePatients();
  return (
    <Container component="main" size="lg" py="lg">
      <Title order={1} size="h2" mb="md">
        Patients
      </Title>
      {state.step === "loading" && <Loading />}
      {state.step === "unreachable" && <Unreachable onRetry={reload} />}
      {state.step === "ready" && state.stale && (
        <Text role="status" size="sm" c="dimmed" mb="sm">
          The server does not answer. This list may be out of date.
        </Text>
      )}
      {state.step === "ready" && (state.patients.length === 0 ? <Empty /> : <Found patients={state.patients} />)}
    </Container>
  );
}

function Found({ patients }: { patients: readonly PatientEntry[] }) {
  const [search, setSearch] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const [, navigate] = useLocation();
  const input = useRef<HTMLInputElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const deferred = useDeferredValue(search.trim());
  const found = useMemo(() => patients.filter((patient) => matches(patient, deferred)), [patients, deferred]);
  useHotkeys([["/", () => input.current?.focus()]]);

  const links = () => [...(body.current?.querySelectorAll<HTMLAnchorElement>("a") ?? [])];
  const move = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const at = links().indexOf(document.activeElement as HTMLAnchorElement) + (event.key === "ArrowDown" ? 1 : -1);
    (at < 0 ? input.current : links()[at])?.focus();
  };

  return (
    <div onKeyDown={move} role="presentation">
      <Group mb="sm" align="center" gap="md">
        <TextInput
          ref={input}
          type="search"
          aria-label="Search patients"
          placeholder="Search by name, id or birth date"
          leftSection={<IconSearch size={17} aria-hidden />}
          rightSection={<Kbd size="xs" aria-hidden>/</Kbd>}
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
            setLimit(PAGE);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && found[0] && search !== "") navigate(chartPath(found[0]));
          }}
          size="md"
          className={classes["search"]}
          autoFocus
        />
        <Text role="status" size="sm" c="dimmed">
          {deferred === "" ? counted(patients.length) : `${counted(found.length)} found`}
        </Text>
      </Group>
      {found.length === 0 ? (
        <Text c="dimmed" p="md">
          Nobody matches “{deferred}”.
        </Text>
      ) : (
        <Paper withBorder radius="md" className={classes["frame"]}>
          <Table aria-label="Patients" verticalSpacing={9} horizontalSpacing="md">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Birth date</Table.Th>
                <Table.Th>Sex</Table.Th>
                <Table.Th className={classes["id"]}>Id</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody ref={body}>
              {found.slice(0, limit).map((patient) => (
                <PatientRow key={patient.id} patient={patient} />
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
      {found.length > limit && (
        <Button variant="default" mt="sm" onClick={() => setLimit(limit + 4 * PAGE)}>
          Show more ({found.length - limit} left)
        </Button>
      )}
    </div>
  );
}

function PatientRow({ patient }: { patient: PatientEntry }) {
  const age = patient.deceased ? undefined : ageInYears(patient.birthDate, new Date());
  return (
    <Table.Tr className={classes["row"]}>
      <Table.Th scope="row">
        <Link href={chartPath(patient)} className={classes["name"]}>
          {patient.name}
        </Link>
      </Table.Th>
      <Table.Td className={classes["born"]}>
        {formatDate(patient.birthDate) || "Not recorded"}
        {age !== undefined && <span className={classes["age"]}> {age} y</span>}
        {patient.deceased && (
          <span className={classes["age"]}>
            {" "}
            † {patient.deceased === "true" ? "deceased" : formatDate(patient.deceased)}
          </span>
        )}
      </Table.Td>
      <Table.Td>{patient.gender ? sexText(patient.gender) : "Not recorded"}</Table.Td>
      <Table.Td className={classes["id"]}>{patient.id}</Table.Td>
    </Table.Tr>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading patients">
      {[0, 1, 2, 3, 4, 5].map((line) => (
        <Skeleton key={line} height={36} mb={8} />
      ))}
    </div>
  );
}

function Empty() {
  return (
    <Paper withBorder radius="md" p="xl" className={classes["frame"]}>
      <Title order={2} size="h4">
        No patients yet
      </Title>
      <Text mt="xs" c="dimmed">
        Run <Code>chartroom import FILE…</Code> with FHIR bundles; the patients appear here.
      </Text>
    </Paper>
  );
}

function Unreachable({ onRetry }: { onRetry: () => void }) {
  return (
    <Alert color="orange" icon={<IconPlugConnectedX aria-hidden />} title="The server cannot be reached">
      <Text size="sm">Trying again every few seconds. Nothing you saved is lost.</Text>
      <Button mt="sm" size="compact-sm" variant="default" onClick={onRetry}>
        Try now
      </Button>
    </Alert>
  );
}

function chartPath(patient: PatientEntry): string {
  return `/patients/${encodeURIComponent(patient.id)}`;
}

function counted(count: number): string {
  return count === 1 ? "1 patient" : `${count.toLocaleString("en")} patients`;
}
