/** One patient's chart. */
import { Alert, Anchor, Button, Container, Skeleton, Tabs, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock, IconPlugConnectedX, IconUserOff } from "@tabler/icons-react";
import { type ComponentType, type ReactNode, useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";
import type { Colleague } from "../presence/people";
import { PeopleMark } from "../presence/People";
import { patientName } from "../shared/fhir/patient";
import { useColleagues, useSayTab } from "../presence/usePeople";
import { CriticalValues } from "../results/critical/CriticalValues";
import type { OpenRoom } from "../shared/rooms";
import { useResource, useRoom, useSynced } from "../shared/useRoom";
import { useConnectionStatus, useWorkspace } from "../shared/workspace";
import classes from "./Chart.module.css";
import { ChartHeader } from "./ChartHeader";
import { TABS } from "./tabs";

export function ChartPage({ patientId, tab }: { patientId: string; tab: string }) {
  const state = useRoom(`patient:${patientId}`);
  if (state.step === "failed") {
    return (
      <Message title="This chart cannot be opened">
        <Text>{state.reason}</Text>
      </Message>
    );
  }
  if (state.step === "opening") return <Opening />;
  return <Chart key={patientId} open={state.open} patientId={patientId} tab={tab} />;
}

function Chart({ open, patientId, tab }: { open: OpenRoom; patientId: string; tab: string }) {
  const [, navigate] = useLocation();
  const people = useColleagues(open.room);
  const patient = useResource(open.room, "Patient", patientId);
  const synced = useSynced(open.room);
  useSayTab(open.room, tab);
  useDocumentTitle(`${patientName(patient) || "Chart"} · Chartroom`);
  if (!patient) {
    if (synced) {
      return (
        <Message title="There is no such patient" icon={IconUserOff}>
          <Text>No chart is kept under the id {patientId}.</Text>
        </Message>
      );
    }
    return <Opening />;
  }
  const shown = TABS.find(({ value }) => value === tab);
  if (!shown) {
    return (
      <Message title="There is no such page of the chart" icon={IconUserOff}>
        <Anchor component={Link} href={tabPath(patientId, "chart")}>
          Chart of {patientName(patient) || "the patient"}
        </Anchor>
      </Message>
    );
  }
  return (
    <CriticalValues room={open.room}>
      <Tabs value={tab} keepMounted={false} onChange={(next) => next && navigate(tabPath(patientId, next))}>
        <ChartHeader patient={patient} open={open}>
          <Tabs.List className={classes["tabs"]} aria-label="Pages of the chart">
            {TABS.map(({ value, label }) => (
              <Tabs.Tab key={value} value={value} rightSection={<InTab people={people} tab={value} label={label} />}>
                {label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </ChartHeader>
        <Container component="main" size={1560} py="md" px="md">
          <Tabs.Panel value={tab}>
            <shown.Page open={open} patientId={patientId} />
          </Tabs.Panel>
        </Container>
        <Announcements open={open} />
      </Tabs>
    </CriticalValues>
  );
}

/** Who else looks at a tab, in a place that is kept free for them. */
function InTab({ people, tab, label }: { people: readonly Colleague[]; tab: string; label: string }) {
  const here = people.filter(({ tabs }) => tabs.includes(tab));
  const names = here.map(({ name }) => name).join(" and ");
  return (
    <span className={classes["inTab"]}>
      <PeopleMark people={here} text={`${names} ${here.length === 1 ? "is" : "are"} in ${label}`} />
    </span>
  );
}

function tabPath(patientId: string, tab: string): string {
  return `/patients/${encodeURIComponent(patientId)}${tab === "chart" ? "" : `/${tab}`}`;
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
  if (status === "signed-out") return <SignedOut />;
  if (status === "offline") return <Unreachable />;
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

function SignedOut() {
  const { client } = useWorkspace();
  return (
    <Message title="Your sign-in has ended" icon={IconLock}>
      <Text>Sign in again to see the chart. What this device keeps of your edits is sent then.</Text>
      <Button mt="sm" mr="md" onClick={() => client?.signIn()}>
        Sign in again
      </Button>
    </Message>
  );
}

function Message(props: { title: string; children: ReactNode; icon?: ComponentType<{ "aria-hidden": true }> }) {
  const { title, children, icon: Icon = IconPlugConnectedX } = props;
  return (
    <Container component="main" size="sm" py="xl">
      <Alert color="orange" icon={<Icon aria-hidden />} role="alert">
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
