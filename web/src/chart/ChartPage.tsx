/** One patient's chart. */
import { Alert, Anchor, Container, Skeleton, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { Link } from "wouter";
import { AllergiesPanel } from "../allergies/AllergiesPanel";
import { MedicationsPanel } from "../medications/MedicationsPanel";
import { ProblemsPanel } from "../problems/ProblemsPanel";
import { patientName } from "../shared/fhir/patient";
import { useSayTab } from "../presence/usePeople";
import type { OpenRoom } from "../shared/rooms";
import { useResource, useRoom, useSynced } from "../shared/useRoom";
import { useConnectionStatus } from "../shared/workspace";
import classes from "./Chart.module.css";
import { ChartHeader } from "./ChartHeader";

export function ChartPage({ patientId }: { patientId: string }) {
  const state = useRoom(`patient:${patientId}`);
  if (state.step === "failed") {
    return (
      <Message title="This chart cannot be opened">
        <Text>{state.reason}</Text>
      </Message>
    );
  }
  if (state.step === "opening") return <Opening />;
  return <Chart key={patientId} open={state.open} patientId={patientId} />;
}

function Chart({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const patient = useResource(open.room, "Patient", patientId);
  const synced = useSynced(open.room);
  useSayTab(open.room, "chart");
  useDocumentTitle(`${patientName(patient) || "Chart"} · Chartroom`);
  if (!patient) {
    if (synced) {
      return (
        <Message title="There is no such patient">
          <Text>No chart is kept under the id {patientId}.</Text>
        </Message>
      );
    }
    return <Opening />;
  }
  return (
    <>
      <ChartHeader patient={patient} open={open} />
      <Container component="main" size={1560} py="md" px="md">
        <div className={classes["panels"]}>
          <div className={classes["column"]}>
            <ProblemsPanel open={open} patientId={patientId} />
          </div>
          <div className={classes["wide"]}>
            <MedicationsPanel open={open} patientId={patientId} />
          </div>
          <div className={classes["column"]}>
            <AllergiesPanel open={open} patientId={patientId} />
          </div>
        </div>
      </Container>
      <Announcements open={open} />
    </>
  );
}

/** Tells a screen reader what somebody else changed. */
function Announcements({ open: { activity } }: { open: OpenRoom }) {
  const touch = useSyncExternalStore(activity.subscribe, activity.latest);
  const verb = touch && { created: "added", updated: "changed", deleted: "removed" }[touch.action];
  return (
    <div className="visually-hidden" role="log" aria-label="Changes by others" aria-live="polite">
      {touch && `${touch.author} ${verb} ${touch.label}`}
    </div>
  );
}

function Opening() {
  const status = useConnectionStatus();
  if (status === "offline" || status === "signed-out") return <Unreachable />;
  return (
    <Container component="main" size={1560} py="md" role="status" aria-label="Opening the chart">
      <Skeleton height={72} mb="md" />
      <Skeleton height={220} mb="md" />
      <Skeleton height={220} mb="md" />
      <Skeleton height={160} />
    </Container>
  );
}

function Unreachable() {
  return (
    <Message title="The server cannot be reached">
      <Text>The chart appears here as soon as the connection is back. Nothing you saved is lost.</Text>
    </Message>
  );
}

function Message({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Container component="main" size="sm" py="xl">
      <Alert color="orange" icon={<IconPlugConnectedX aria-hidden />} role="alert">
        <Title order={1} size="h4" mb="xs">
          {title}
        </Title>
        {children}
        <Anchor component={Link} href="/" mt="sm" display="inline-block">
          Back to the patient list
        </Anchor>
      </Alert>
    </Container>
  );
}
