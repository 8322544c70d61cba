/** Vital signs as charts, always in the same order, each in a frame of fixed height. */
import { Button, Paper, SimpleGrid, Text, Title } from "@mantine/core";
import { memo, useEffect, useId, useMemo, useState } from "react";
import { useSoughtId } from "../chart/sought";
import { EntryMark } from "../past/marks";
import panel from "../shared/panel/Panel.module.css";
import { FlagMark } from "./FlagMark";
import { linesOf, type ResultGroup } from "./groups";
import { Course } from "./lazyCharts";
import { whenText } from "./reading";
import { ResultHistory } from "./ResultHistory";
import classes from "./Results.module.css";

const CHART_HEIGHT = 170;

interface VitalSignsProps {
  groups: readonly ResultGroup[];
  isSettled: boolean;
  isFresh: (group: ResultGroup) => boolean;
}

export function VitalSigns({ groups, isSettled, isFresh }: VitalSignsProps) {
  const headingId = useId();
  const { drawn, listed } = useDrawn(groups, isSettled);
  return (
    <Paper component="section" withBorder radius="md" className={panel["panel"]} aria-labelledby={headingId}>
      <div className={panel["toolHead"]}>
        <Title order={2} size="h4" id={headingId}>
          Vital signs
        </Title>
      </div>
      {groups.length === 0 ? (
        <Text c="dimmed" size="sm" p={14}>
          No vital signs recorded.
        </Text>
      ) : (
        <>
          <SimpleGrid type="container" cols={{ base: 1, "38rem": 2, "64rem": 3 }} spacing={0} verticalSpacing={0} className={classes["vitals"]}>
            {drawn.map((group) => (
              <VitalSign key={group.key} group={group} isDrawn isFresh={isFresh(group)} />
            ))}
          </SimpleGrid>
          <SimpleGrid type="container" cols={{ base: 1, "30rem": 2, "46rem": 3, "70rem": 4 }} spacing={0} verticalSpacing={0} className={classes["vitals"]}>
            {listed.map((group) => (
              <VitalSign key={group.key} group={group} isDrawn={false} isFresh={isFresh(group)} />
            ))}
          </SimpleGrid>
        </>
      )}
    </Paper>
  );
}

/** Those with a course to draw, and those with a single value: as it was when the chart was there. */
function useDrawn(groups: readonly ResultGroup[], isSettled: boolean) {
  const [kept, setKept] = useState<ReadonlySet<string>>();
  const keys = useMemo(() => kept ?? new Set(groups.filter((group) => linesOf(group).points.length > 1).map(({ key }) => key)), [kept, groups]);
  useEffect(() => {
    if (isSettled && kept === undefined) setKept(keys);
  }, [isSettled, kept, keys]);
  return useMemo(() => ({ drawn: groups.filter(({ key }) => keys.has(key)), listed: groups.filter(({ key }) => !keys.has(key)) }), [groups, keys]);
}

const VitalSign = memo(function VitalSign({ group, isDrawn, isFresh }: { group: ResultGroup; isDrawn: boolean; isFresh: boolean }) {
  const headingId = useId();
  const [isOpen, setIsOpen] = useState(false);
  const { latest, label, readings } = group;
  const sought = useSoughtId("Observation");
  const isSought = readings.some(({ id }) => id === sought);
  const lines = useMemo(() => linesOf(group), [group]);
  const toggle = isOpen ? "Hide values" : readings.length === 1 ? "1 value" : `All ${readings.length} values`;
  return (
    <article aria-labelledby={headingId} className={classes["vital"]} data-open={isOpen || undefined} data-result={latest.id} data-sought={isSought || undefined} data-fresh={isFresh || undefined}>
      <Title order={3} size="h5" id={headingId}>
        {label}
      </Title>
      <p className={classes["vitalLatest"]}>
        <span className={classes["vitalValue"]} data-tone={latest.flag?.tone} title={latest.exact === latest.value ? undefined : `Recorded as ${latest.exact}`}>
          {latest.value}
        </span>
        {latest.flag && <FlagMark flag={latest.flag} />}
        {latest.stage && <span className={classes["stage"]}>{latest.stage}</span>}
        <span className={panel["quiet"]}>
          {whenText(latest, new Date())} {isFresh && <strong className={classes["fresh"]}>New</strong>}
        </span>
        <EntryMark type="Observation" id={latest.id} />
      </p>
      {isDrawn && !isOpen && (
        <div className={classes["vitalChart"]}>
          <Course lines={lines} label={label} range={latest.range} height={CHART_HEIGHT} />
        </div>
      )}
      <Button size="compact-xs" variant="subtle" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)} aria-label={`${toggle} of ${label}`}>
        {toggle}
      </Button>
      {isOpen && <ResultHistory group={group} lines={lines} />}
    </article>
  );
});
