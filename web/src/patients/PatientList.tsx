/** All patients of the server, to find one by name, birth date or identifier; one's own last ones first. */
import { Alert, Button, Code, Container, Group, Kbd, Paper, Skeleton, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconPlugConnectedX, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { counted } from "../shared/counted";
import { useSingleKey } from "../shortcuts/keys";
import { useIdentified } from "./identifier";
import classes from "./PatientList.module.css";
import { chartPath, PatientTable } from "./PatientTable";
import { RecentPatients } from "./RecentPatients";
import { useRecentPatients } from "./recent";
import { matches, type PatientEntry } from "./rooms";
import { usePatients } from "./usePatients";

const PAGE = 100;

/** `empty` stands in the place of the list where there are no patients. */
export function PatientList({ empty = <Empty /> }: { empty?: ReactNode }) {
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
      {state.step === "ready" && (state.patients.length === 0 ? empty : <Found patients={state.patients} />)}
    </Container>
  );
}

function Found({ patients }: { patients: readonly PatientEntry[] }) {
  const [search, setSearch] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const [, navigate] = useLocation();
  const input = useRef<HTMLInputElement>(null);
  const tables = useRef<HTMLDivElement>(null);
  const deferred = useDeferredValue(search.trim());
  const identified = useIdentified(deferred);
  const found = useMemo(() => patients.filter((patient) => identified.has(patient.id) || matches(patient, deferred)), [patients, deferred, identified]);
  const recent = useRecentPatients(patients);
  useSingleKey("/", () => input.current?.focus());

  const links = () => [...(tables.current?.querySelectorAll<HTMLAnchorElement>("a") ?? [])];
  const move = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const at = links().indexOf(document.activeElement as HTMLAnchorElement) + (event.key === "ArrowDown" ? 1 : -1);
    (at < 0 ? input.current : links()[at])?.focus();
  };

  return (
    <div onKeyDown={move} role="presentation">
      <Group mb="lg" align="center" gap="md">
        <TextInput
          ref={input}
          type="search"
          aria-label="Search patients"
          placeholder="Name, birth date or identifier"
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
          {deferred === "" ? counted(patients.length, "patient") : `${counted(found.length, "patient")} found`}
        </Text>
      </Group>
      <div ref={tables} className={classes["tables"]}>
        {deferred === "" && <RecentPatients patients={recent} />}
        {found.length === 0 ? (
          <Text c="dimmed" p="md">
            Nobody matches “{deferred}”.
          </Text>
        ) : (
          <section>
            {deferred === "" && recent.length > 0 && (
              <Title order={2} size="h4" mb="xs">
                All patients
              </Title>
            )}
            <PatientTable label="Patients" patients={found.slice(0, limit)} />
          </section>
        )}
      </div>
      {found.length > limit && (
        <Button variant="default" mt="sm" onClick={() => setLimit(limit + 4 * PAGE)}>
          Show more ({found.length - limit} left)
        </Button>
      )}
    </div>
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
