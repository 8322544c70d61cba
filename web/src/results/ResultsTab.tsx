/**
 * The results of one chart: critical values, laboratory, vital signs, reports.
 *
 * Rows keep their place while values arrive; what came since is marked, and sorted when asked.
 */
import { Stack, Text, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useCallback, useDeferredValue, useEffect, useId, useMemo, useState } from "react";
import type { Resource, Room } from "../shared/chartroom";
import { useCollection, useSynced } from "../shared/useRoom";
import type { CriticalAlert } from "./critical/alerts";
import { CriticalList } from "./critical/CriticalList";
import { useCritical } from "./critical/CriticalValues";
import { Grouping, ofKind, type ResultGroup } from "./groups";
import type { Reading } from "./reading";
import { Reports } from "./Reports";
import { ResultTable, type ResultTableProps } from "./ResultTable";
import classes from "./Results.module.css";
import { VitalSigns } from "./VitalSigns";

export function ResultsTab({ room }: { room: Room }) {
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
      <CriticalList critical={critical} />
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
      <UnstyledButton className={classes["toggle"]} aria-expanded={isOpen} aria-controls={id} onClick={() => setIsOpen(!isOpen)} p={6}>
        <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={isOpen || undefined} />
        <Text span size="sm">
          Other observations ({props.groups.length})
        </Text>
      </UnstyledButton>
      <div id={id}>{isOpen && <ResultTable {...props} title="Other observations" emptyText="None." />}</div>
    </div>
  );
}

/** Tells the latest alert about an observation. */
function useAlertOf(alerts: readonly CriticalAlert[]): (reading: Reading) => CriticalAlert | undefined {
  return useMemo(() => {
    // The newest come first, and the last one written stays.
    const byAbout = new Map([...alerts].reverse().map((alert) => [alert.about, alert]));
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
