/**
 * The results of one chart: critical values, laboratory, vital signs, reports.
 *
 * Rows keep their place while values arrive; what came since is marked, and sorted when asked.
 */
import { Stack, Text } from "@mantine/core";
import { useCallback, useDeferredValue, useEffect, useId, useMemo, useState } from "react";
import type { Resource } from "../shared/chartroom";
import { Toggle } from "../shared/panel/Toggle";
import type { OpenRoom } from "../shared/rooms";
import { useCollection, useSynced } from "../shared/useRoom";
import type { CriticalAlert } from "./critical/critical";
import { CriticalLine } from "./critical/CriticalLine";
import { useCritical } from "./critical/CriticalValues";
import { Grouping, ofKind, type ResultGroup } from "./groups";
import type { Reading } from "./reading";
import { Reports } from "./Reports";
import { ResultTable, type ResultTableProps } from "./ResultTable";
import classes from "./Results.module.css";
import { VitalSigns } from "./VitalSigns";

export function ResultsTab({ open: { room } }: { open: OpenRoom }) {
  // Typing and scrolling go before the drawing of what arrives.
  const observations = useDeferredValue(useCollection(room, "Observation"));
  const reports = useDeferredValue(useCollection(room, "DiagnosticReport"));
  const isSettled = useSynced(room);
  const critical = useCritical();
  const isFresh = useFresh(observations, isSettled);
  const alertOf = useAlertOf(critical.alerts);
  const grouping = useMemo(() => new Grouping(), [room]);
  const groups = useMemo(() => grouping.of(observations), [grouping, observations]);
  const [laboratory, vitals, others] = useMemo(() => [ofKind(groups, "laboratory"), ofKind(groups, "vital"), ofKind(groups, "other")] as const, [groups]);

  return (
    <Stack gap="md" className={classes["tab"]}>
      <CriticalLine critical={critical} />
      <ResultTable title="Laboratory" groups={laboratory} isSettled={isSettled} isFresh={isFresh} alertOf={alertOf} emptyText="No laboratory results recorded." />
      <VitalSigns groups={vitals} isSettled={isSettled} isFresh={isFresh} />
      <Reports reports={reports} observations={observations} isSettled={isSettled} />
      {others.length > 0 && <Others groups={others} isSettled={isSettled} isFresh={isFresh} alertOf={alertOf} />}
    </Stack>
  );
}

/** Surveys, social history and what has no category. */
function Others(props: Pick<ResultTableProps, "groups" | "isSettled" | "isFresh" | "alertOf">) {
  const [isOpen, setIsOpen] = useState(false);
  const id = useId();
  return (
    <div>
      <Toggle isOpen={isOpen} detailId={id} onToggle={() => setIsOpen(!isOpen)} p={6}>
        <Text span size="sm">
          Other observations ({props.groups.length})
        </Text>
      </Toggle>
      <div id={id}>{isOpen && <ResultTable {...props} title="Other observations" emptyText="None." />}</div>
    </div>
  );
}

/** Tells the latest alert about an observation, if the value still is what alerted. */
function useAlertOf(alerts: readonly CriticalAlert[]): (reading: Reading) => CriticalAlert | undefined {
  return useMemo(() => {
    // The newest come first, and the last one written stays.
    const standing = alerts.filter(({ withdrawn }) => withdrawn === undefined);
    const byAbout = new Map(standing.reverse().map((alert) => [alert.about, alert]));
    return (reading: Reading) => byAbout.get(`Observation/${reading.id}`);
  }, [alerts]);
}

/** Tells which groups' latest values came, or changed, since the page had the chart. */
function useFresh(observations: readonly Resource[], isSettled: boolean): (group: ResultGroup) => boolean {
  const [known, setKnown] = useState<ReadonlySet<Resource>>();
  useEffect(() => {
    if (isSettled && known === undefined) setKnown(new Set(observations));
  }, [isSettled, known, observations]);
  return useCallback((group: ResultGroup) => known !== undefined && !known.has(group.latest.resource), [known]);
}
