/** One patient's chart. */
import { Alert, Anchor, Button, Container, Skeleton, Text, Title } from "@mantine/core";
import { useDocumentTitle, usePrevious } from "@mantine/hooks";
import { IconHistory, IconLock, IconPlugConnectedX, IconUserOff } from "@tabler/icons-react";
import { type ComponentType, type ReactNode, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";
import { Notices } from "../notices/Notices";
import { LastLookNote } from "../past/LastLookNote";
import { MarkEntries } from "../past/marks";
import { wholeSecond } from "../past/moments";
import { useLastLook } from "../past/useLastLook";
import { useRememberPatient } from "../patients/recent";
import { patientName } from "../shared/fhir/patient";
import { useSayTab } from "../presence/usePeople";
import { CriticalValues } from "../results/critical/CriticalValues";
import { useUndoKeys } from "../shared/panel/undoable";
import { lazily } from "../shared/lazily";
import type { Room } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { useReadOnly, useResource, useRoom, useSynced } from "../shared/useRoom";
import { ReadOnly, useConnectionStatus, useWorkspace } from "../shared/workspace";
import { chartPath, useChartAddress } from "./address";
import { ChartPages } from "./ChartPages";
import { SaveIndicator } from "./SaveIndicator";
import { TABS } from "./tabs";

const PastChart = lazily("the chart as it was", () => import("../past/PastChart").then(({ PastChart }) => PastChart));

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
  return (
    <AsAllowed room={state.open.room}>
      <Chart key={patientId} open={state.open} patientId={patientId} tab={tab} />
    </AsAllowed>
  );
}

/** Offers no change of a chart that the person may only read. */
function AsAllowed({ room, children }: { room: Room; children: ReactNode }) {
  return <ReadOnly when={useReadOnly(room)}>{children}</ReadOnly>;
}

function Chart({ open, patientId, tab }: { open: OpenRoom; patientId: string; tab: string }) {
  const [, navigate] = useLocation();
  const { at } = useChartAddress();
  const isBack = usePrevious(at) !== undefined;
  const patient = useResource(open.room, "Patient", patientId);
  const synced = useSynced(open.room);
  const { look, seen } = useLastLook(open.room);
  useSayTab(open.room, tab);
  useUndoKeys(open.room);
  useRememberPatient(patientId, patient !== undefined);
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
  if (!shown || Number.isNaN(at)) {
    return (
      <Message title={shown ? "There is no such time" : "There is no such page of the chart"} icon={IconUserOff}>
        <Anchor component={Link} href={chartPath(patientId, shown ? tab : "chart")}>
          Chart of {patientName(patient) || "the patient"}
        </Anchor>
      </Message>
    );
  }
  const page = { open, patient, patientId, tab: shown };
  return (
    <CriticalValues room={open.room}>
      {at === undefined ? (
        <MarkEntries kind="unseen" changes={look?.changes}>
          <ChartPages {...page} standing={<Standing open={open} patientId={patientId} tab={tab} isBack={isBack} />} />
          <LastLookNote look={look} patientId={patientId} onSeen={seen} />
          <Notices open={open} tab={tab} go={(next, entry) => navigate(chartPath(patientId, next, { entry }))} />
        </MarkEntries>
      ) : (
        <PastChart {...page} at={at} />
      )}
      <Announcements open={open} />
    </CriticalValues>
  );
}

/** What the header of the present has at its end; whoever comes back from the past goes on where it was entered. */
function Standing({ open, patientId, tab, isBack }: { open: OpenRoom; patientId: string; tab: string; isBack: boolean }) {
  const past = useRef<HTMLAnchorElement>(null);
  useLayoutEffect(() => {
    if (isBack) past.current?.focus({ preventScroll: true });
    // As the header appears.
  }, []);
  return (
    <>
      <Button
        component={Link}
        ref={past}
        href={chartPath(patientId, tab, { at: wholeSecond(Date.now()) })}
        size="compact-sm"
        variant="subtle"
        color="gray"
        leftSection={<IconHistory size={16} aria-hidden />}
      >
        As it was
      </Button>
      <SaveIndicator open={open} />
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
  const { signIn } = useWorkspace();
  return (
    <Message title="Your sign-in has ended" icon={IconLock}>
      <Text>Sign in again to see the chart. What this device keeps of your edits is sent then.</Text>
      <Button mt="sm" mr="md" onClick={signIn}>
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
        <Anchor component={Link} href="/" mt="sm" display="inline-block" c="inherit" underline="always">
          Back to the patient list
        </Anchor>
      </Alert>
    </Container>
  );
}
