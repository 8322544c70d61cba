/** The studies of a chart: a gallery by region of the body, or a list by date. */
import { Button, Paper, SegmentedControl, Text, Title } from "@mantine/core";
import { useDeferredValue, useId, useMemo, useState } from "react";
import { useSteadyOrder } from "../results/order";
import panel from "../shared/panel/Panel.module.css";
import { BodyMap } from "./BodyMap";
import { Gallery } from "./Gallery";
import classes from "./Imaging.module.css";
import type { StudiesProps } from "./props";
import { type Region, REGION_NAMES, REGIONS } from "./region";
import { countText } from "./study";
import { StudyTable } from "./StudyTable";

export function StudiesPanel({ isSettled, ...props }: StudiesProps & { isSettled: boolean }) {
  const headingId = useId();
  const [view, setView] = useState("gallery");
  const [chosen, setChosen] = useState<Region>();
  const { ordered, ...order } = useSteadyOrder(props.studies, isSettled);
  // A region that had no study yet comes last until somebody sorts.
  const groups = useSteadyOrder(useMemo(() => regionsWith(props.studies), [props.studies]), isSettled);
  const isStale = order.isStale || groups.isStale;
  const sort = () => {
    order.sort();
    groups.sort();
  };
  const counts = useMemo(() => countsOf(props.studies), [props.studies]);
  const shown = useDeferredValue(useMemo(() => (chosen ? ordered.filter(({ regions }) => regions.includes(chosen)) : ordered), [ordered, chosen]));
  return (
    <Paper component="section" withBorder radius="md" className={panel["panel"]} aria-labelledby={headingId}>
      <div className={panel["toolHead"]}>
        <Title order={2} size="h4" id={headingId}>
          Studies
        </Title>
        <Text size="sm" c="dimmed" flex={1} role="status" aria-label="Studies shown">
          {chosen ? `${countText(shown.length)} of the ${REGION_NAMES[chosen].toLowerCase()}, of ${props.studies.length}` : countText(props.studies.length)}
        </Text>
        <Button size="compact-sm" variant="subtle" style={{ visibility: isStale ? "visible" : "hidden" }} onClick={sort} aria-label="Sort latest first, studies">
          Sort latest first
        </Button>
        <Button size="compact-sm" variant="subtle" style={{ visibility: chosen ? "visible" : "hidden" }} onClick={() => setChosen(undefined)}>
          Show all regions
        </Button>
        <SegmentedControl size="xs" aria-label="How studies are shown" data={VIEWS} value={view} onChange={setView} />
      </div>
      {props.studies.length === 0 ? (
        <Text c="dimmed" size="sm" p={14}>
          No imaging studies recorded.
        </Text>
      ) : (
        <div className={classes["split"]}>
          <BodyMap counts={counts} chosen={chosen} onChoose={setChosen} />
          <div className={classes["shown"]}>{view === "gallery" ? <Gallery {...props} studies={shown} regions={chosen ? [chosen] : groups.ordered.map(({ key }) => key)} /> : <StudyTable {...props} studies={shown} />}</div>
        </div>
      )}
    </Paper>
  );
}

const VIEWS = [
  { value: "gallery", label: "By region" },
  { value: "list", label: "By date" },
];

function regionsWith(studies: StudiesProps["studies"]): readonly { readonly key: Region }[] {
  const first = new Set(studies.map(({ regions }) => regions[0]));
  return REGIONS.filter((region) => first.has(region)).map((key) => ({ key }));
}

function countsOf(studies: StudiesProps["studies"]): ReadonlyMap<Region, number> {
  const counts = new Map<Region, number>();
  for (const region of studies.flatMap(({ regions }) => regions)) counts.set(region, (counts.get(region) ?? 0) + 1);
  return counts;
}
