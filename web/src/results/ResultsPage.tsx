/** The results of a chart as a page of their own. */
import { Alert, Anchor, Container, Skeleton, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { Link } from "wouter";
import { ageInYears, formatDate } from "../shared/fhir/date";
import { mainIdentifier, patientName, sexText } from "../shared/fhir/patient";
import type { OpenRoom } from "../shared/rooms";
import { useResource, useRoom } from "../shared/useRoom";
import { useConnectionStatus } from "../shared/workspace";
import { ResultsTab } from "./ResultsTab";
import classes from "./Results.module.css";

export function ResultsPage({ patientId }: { patientId: string }) {
  const state = useRoom(`patient:${patientId}`);
  return (
    <Container component="main" size={1560} py="md" px="md">
      {state.step === "failed" && (
        <Alert color="orange" role="alert" title="These results cannot be opened">
          {state.reason}
        </Alert>
      )}
      {state.step === "opening" && <Skeleton height={320} role="status" aria-label="Opening the results" />}
      {state.step === "open" && <Results key={patientId} open={state.open} patientId={patientId} />}
    </Container>
  );
}

function Results({ open: { room }, patientId }: { open: OpenRoom; patientId: string }) {
  const patient = useResource(room, "Patient", patientId);
  const status = useConnectionStatus();
  const name = patientName(patient) || "Name not recorded";
  const identifier = mainIdentifier(patient);
  const born = formatDate(patient?.["birthDate"]);
  const age = ageInYears(patient?.["birthDate"], new Date());
  useDocumentTitle(`Results of ${name} · Chartroom`);
  return (
    <>
      <div className={classes["pageHead"]}>
        <div>
          <Title order={1} size="h2">
            {name}
          </Title>
          <p className={classes["facts"]}>
            {age !== undefined && !patient?.["deceasedDateTime"] && <span>{age} years</span>}
            {born && <span>born {born}</span>}
            <span>{sexText(patient?.["gender"])}</span>
            {identifier && (
              <span>
                {identifier.label} {identifier.value}
              </span>
            )}
          </p>
        </div>
        <div className={classes["pageSide"]}>
          <Text size="sm" fw={600} role="status" aria-label="Connection" c={status === "online" ? "dimmed" : "var(--warning)"}>
            {status === "online" ? "Live" : "Offline: newer results may be missing"}
          </Text>
          <Anchor component={Link} href={`/patients/${encodeURIComponent(patientId)}`}>
            Open the chart
          </Anchor>
        </div>
      </div>
      <ResultsTab room={room} />
    </>
  );
}
