/** The header of a chart, its tabs and the page that is shown, of the present or of the past. */
import { Container, Skeleton, Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import type { Colleague } from "../presence/people";
import { PeopleMark } from "../presence/People";
import { useColleagues } from "../presence/usePeople";
import type { Resource } from "../shared/chartroom";
import type { OpenRoom } from "../shared/rooms";
import { chartPath, useChartAddress } from "./address";
import classes from "./Chart.module.css";
import { ChartHeader } from "./ChartHeader";
import { KeptRefusals } from "./KeptRefusals";
import { useSought } from "./sought";
import { type ChartTab, TABS } from "./tabs";

export interface ChartPagesProps {
  open: OpenRoom;
  patient: Resource;
  patientId: string;
  tab: ChartTab;
}

interface Props extends ChartPagesProps {
  /** What the header has at its end. */
  standing?: ReactNode;
  /** What stands above the tabs while the past is shown. */
  bar?: ReactNode;
  /** The page begins anew with another one. */
  pageKey?: string;
  /** Whether the page is not there yet. */
  isWaiting?: boolean;
}

export function ChartPages(props: Props) {
  const { open, patient, patientId, tab, standing, bar, pageKey, isWaiting } = props;
  const [, navigate] = useLocation();
  const { at } = useChartAddress();
  const people = useColleagues(open.room);
  useSought(tab.value);
  // A page begins at its top, wherever the last one was scrolled to.
  const turnTo = (next: string) => {
    navigate(chartPath(patientId, next, { at }));
    window.scrollTo(0, 0);
  };
  return (
    <Tabs value={tab.value} keepMounted={false} onChange={(next) => next && turnTo(next)}>
      <ChartHeader patient={patient} open={open} standing={standing}>
        {bar}
        <Tabs.List className={classes["tabs"]} aria-label="Pages of the chart">
          {TABS.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value} rightSection={<InTab people={people} tab={value} label={label} />}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </ChartHeader>
      <Container component="main" size={1560} py="md" px="md">
        {at === undefined && <KeptRefusals open={open} />}
        <Tabs.Panel value={tab.value}>
          {isWaiting ? <Skeleton height={320} role="status" aria-label="Reading the chart as it was" /> : <tab.Page key={pageKey} open={open} patientId={patientId} />}
        </Tabs.Panel>
      </Container>
    </Tabs>
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
