/** A chart as it was at a time: the same pages on the past, with nothing to be changed on them. */
import { useMemo } from "react";
import { useLocation } from "wouter";
import { chartPath } from "../chart/address";
import { ChartPages, type ChartPagesProps } from "../chart/ChartPages";
import { PastCriticalValues } from "../results/critical/CriticalValues";
import { ReadOnly } from "../shared/workspace";
import { useLog } from "./log";
import { MarkEntries } from "./marks";
import { momentsOf } from "./moments";
import { PastBar } from "./PastBar";
import { useLater, usePast } from "./usePast";

export function PastChart({ at, open, patient, ...page }: ChartPagesProps & { at: number }) {
  const [, navigate] = useLocation();
  const { patientId, tab } = page;
  const state = usePast(open.room, at);
  const events = useLog(open.room);
  const moments = useMemo(() => momentsOf(events), [events]);
  const later = useLater(open.room, state.chart, events);
  const then = state.chart?.open ?? open;
  const move = (ms: number | undefined) => navigate(chartPath(patientId, tab.value, { at: ms }), { replace: ms !== undefined });
  const bar = <PastBar at={at} state={state} moments={moments} later={later} onMove={move} onLeave={() => move(undefined)} />;
  return (
    <ReadOnly>
      <PastCriticalValues room={then.room} ms={state.chart?.ms ?? at}>
        <MarkEntries kind="later" changes={later}>
          <ChartPages
            {...page}
            open={then}
            patient={then.room.get("Patient", patientId) ?? patient}
            pageKey={then.room.heads().join()}
            isWaiting={!state.chart}
            bar={bar}
          />
        </MarkEntries>
      </PastCriticalValues>
    </ReadOnly>
  );
}
