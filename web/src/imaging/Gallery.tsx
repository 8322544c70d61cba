/** Studies as cards, by region of the body. */
import { Text, Title } from "@mantine/core";
import { memo, useId, useState } from "react";
import panel from "../shared/panel/Panel.module.css";
import { placesOf } from "./endpoint";
import classes from "./Imaging.module.css";
import { NO_REPORTS, PAGE, type StudiesProps, type StudyProps } from "./props";
import { type Region, REGION_NAMES } from "./region";
import { countText } from "./study";
import { StudyDetail } from "./StudyDetail";
import { Mark, Placeholder, ReportLine, Standing, StudyConflicts, StudyToggle, ViewerLinks } from "./StudyFace";
import { useTouch } from "./useEntry";
import { ShowMore } from "../shared/ShowMore";

/** A study of several regions stands in the first of them, or in the one that alone is shown. */
export function Gallery({ studies, regions, ...rest }: StudiesProps & { regions: readonly Region[] }) {
  return regions.map((region) => {
    const here = regions.length === 1 ? studies.filter((study) => study.regions.includes(region)) : studies.filter((study) => study.regions[0] === region);
    return here.length > 0 && <RegionGroup key={region} region={region} studies={here} {...rest} />;
  });
}

function RegionGroup({ region, studies, reports, ...rest }: StudiesProps & { region: Region }) {
  const [limit, setLimit] = useState(PAGE);
  const headingId = useId();
  return (
    <section aria-labelledby={headingId} className={classes["group"]}>
      <Title order={3} size="sm" id={headingId} className={classes["groupName"]}>
        {REGION_NAMES[region]}{" "}
        <Text span size="sm" c="dimmed">
          {countText(studies.length)}
        </Text>
      </Title>
      <div className={classes["cards"]}>
        {studies.slice(0, limit).map((study) => (
          <StudyCard key={study.key} study={study} reports={reports.get(study.key) ?? NO_REPORTS} {...rest} />
        ))}
      </div>
      <ShowMore count={studies.length} limit={limit} step={2 * PAGE} onLimit={setLimit} mt="xs" />
    </section>
  );
}

const StudyCard = memo(function StudyCard({ study, reports, endpoints, open, acts }: StudyProps) {
  const [isOpen, setIsOpen] = useState(false);
  const detailId = useId();
  const touch = useTouch(open, "ImagingStudy", study.key);
  const places = placesOf(study.resource, endpoints);
  return (
    <article aria-label={study.label} className={classes["card"]} data-study={study.key} data-open={isOpen || undefined} data-changed={touch ? true : undefined} data-void={study.isVoid || undefined}>
      <div className={classes["face"]}>
        <Placeholder study={study} />
        <div className={classes["words"]}>
          <StudyToggle study={study} isOpen={isOpen} detailId={detailId} onToggle={() => setIsOpen(!isOpen)} />
          <p className={classes["line"]}>
            <Standing study={study} /> <Mark open={open} type="ImagingStudy" id={study.key} />
          </p>
          <p className={panel["quiet"]}>
            {study.modality} · {study.extent}
          </p>
          {study.reason && <p className={classes["line"]}>For {study.reason}</p>}
          <p className={classes["line"]}>
            <ReportLine reports={reports} open={open} />
          </p>
          <ViewerLinks study={study} places={places} />
        </div>
      </div>
      <StudyConflicts study={study} open={open} />
      <div id={detailId}>{isOpen && <StudyDetail study={study} reports={reports} places={places} open={open} acts={acts} />}</div>
    </article>
  );
});
