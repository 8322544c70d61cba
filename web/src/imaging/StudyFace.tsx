/** A study at a glance: no picture of it, but what it is of, how it stands, and what its report says. */
import { Anchor, Badge, Text } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { ConflictNote } from "../conflicts/ConflictNote";
import type { Resource } from "../shared/chartroom";
import { formatDate, formatTime } from "../shared/fhir/date";
import { asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import panel from "../shared/panel/Panel.module.css";
import { Toggle } from "../shared/panel/Toggle";
import type { OpenRoom } from "../shared/rooms";
import type { Place } from "./endpoint";
import { formsOf } from "./form";
import classes from "./Imaging.module.css";
import { REGION_NAMES } from "./region";
import { isFinal, isVoid } from "./report";
import type { Study } from "./study";
import { useDisputes, useTouch } from "./useEntry";

/** Names modality and region where a picture would be. */
export function Placeholder({ study }: { study: Study }) {
  return (
    <span className={classes["placeholder"]} aria-hidden>
      <span className={classes["codes"]}>{study.codes || "–"}</span>
      {study.regions.map((region) => REGION_NAMES[region]).join(", ")}
    </span>
  );
}

export function StudyToggle({ study, ...toggle }: { study: Study; isOpen: boolean; detailId: string; onToggle: () => void }) {
  return (
    <Toggle {...toggle}>
      <span className={classes["label"]}>{study.label}</span>
    </Toggle>
  );
}

/** What somebody else did to it while this chart was open. */
export function Mark({ open, type, id }: { open: OpenRoom; type: "ImagingStudy" | "DiagnosticReport"; id: string }) {
  const touch = useTouch(open, type, id);
  if (!touch) return null;
  const isNew = touch.action === "created" || touch.changed.includes("status");
  const when = formatTime(touch.at, new Date());
  return (
    <Badge component="span" size="sm" tt="none" variant="light" className={classes["mark"]} title={`${touch.author}, ${when}`}>
      {isNew ? "New" : "Changed"}
    </Badge>
  );
}

/** The latest report that stands, in one line and its conclusion in two. */
export function ReportLine({ reports, open }: { reports: readonly Resource[]; open: OpenRoom }) {
  const standing = reports.filter((report) => !isVoid(report));
  const report = standing[0];
  if (!report) return <span className={panel["quiet"]}>No report yet</span>;
  const said = asText(report["conclusion"]) ?? formsOf(report).flatMap(({ text }) => text ?? [])[0];
  return (
    <>
      <span className={classes["reportStatus"]} data-final={isFinal(report) || undefined}>
        {codeWord(report["status"])} report{standing.length > 1 && `, and ${standing.length - 1} more`}
      </span>{" "}
      <Mark open={open} type="DiagnosticReport" id={report.id} />
      {said && (
        <Text span size="sm" lineClamp={2} className={classes["said"]}>
          {said}
        </Text>
      )}
    </>
  );
}

/** "15 Mar 2026, available" and what is unusual in it. */
export function Standing({ study }: { study: Study }) {
  return (
    <>
      {formatDate(study.time) || "Date not recorded"}
      {" · "}
      <span className={classes["standing"]} data-waiting={(!study.isAvailable && !study.isVoid) || undefined}>
        {study.status}
      </span>
    </>
  );
}

export function ViewerLinks({ study, places }: { study: Study; places: readonly Place[] }) {
  return places
    .filter(({ href }) => href !== undefined)
    .map(({ key, name, href }) => (
      <Anchor key={key} href={href} target="_blank" rel="noreferrer" size="sm" className={classes["viewer"]} aria-label={`Open the images of ${study.label} at ${name}, in a new window`}>
        <IconExternalLink size={15} aria-hidden /> Open images
      </Anchor>
    ));
}

/** What people disagree about, in the study itself. */
export function StudyConflicts({ study, open }: { study: Study; open: OpenRoom }) {
  return useDisputes(open, "ImagingStudy", study.key).map((conflict) => <ConflictNote key={`${conflict.kind} ${conflict.elements.join(" ")}`} conflict={conflict} label={study.label} open={open} />);
}
