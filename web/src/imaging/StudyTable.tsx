/** Studies as rows, by date. */
import { Table } from "@mantine/core";
import { memo, useId, useState } from "react";
import panel from "../shared/panel/Panel.module.css";
import { placesOf } from "./endpoint";
import classes from "./Imaging.module.css";
import { NO_REPORTS, PAGE, type StudiesProps, type StudyProps } from "./props";
import { StudyDetail } from "./StudyDetail";
import { Mark, ReportLine, Standing, StudyConflicts, StudyToggle, ViewerLinks } from "./StudyFace";
import { useDisputes, useTouch } from "./useEntry";
import { ShowMore } from "../shared/ShowMore";

export function StudyTable({ studies, reports, ...rest }: StudiesProps) {
  const [limit, setLimit] = useState(2 * PAGE);
  return (
    <>
      <Table aria-label="Studies" layout="fixed" className={classes["table"]}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Study</Table.Th>
            <Table.Th className={classes["whenColumn"]}>When and status</Table.Th>
            <Table.Th>Report</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {studies.slice(0, limit).map((study) => (
            <StudyRow key={study.key} study={study} reports={reports.get(study.key) ?? NO_REPORTS} {...rest} />
          ))}
        </Table.Tbody>
      </Table>
      <ShowMore count={studies.length} limit={limit} step={2 * PAGE} onLimit={setLimit} m="xs" />
    </>
  );
}

const StudyRow = memo(function StudyRow({ study, reports, endpoints, open, acts }: StudyProps) {
  const [isOpen, setIsOpen] = useState(false);
  const detailId = useId();
  const touch = useTouch(open, "ImagingStudy", study.key);
  const places = placesOf(study.resource, endpoints);
  return (
    <>
      <Table.Tr className={classes["row"]} data-study={study.key} data-changed={touch ? true : undefined} data-void={study.isVoid || undefined}>
        <Table.Th scope="row" className={panel["main"]}>
          <StudyToggle study={study} isOpen={isOpen} detailId={detailId} onToggle={() => setIsOpen(!isOpen)} />
          <span className={classes["under"]}>
            {study.modality} · {study.extent}
          </span>
          {study.reason && <span className={classes["under"]}>For {study.reason}</span>}
        </Table.Th>
        <Table.Td>
          <Standing study={study} /> <Mark open={open} type="ImagingStudy" id={study.key} />
          <ViewerLinks study={study} places={places} />
        </Table.Td>
        <Table.Td>
          <ReportLine reports={reports} open={open} />
        </Table.Td>
      </Table.Tr>
      <Table.Tr hidden={!isOpen}>
        <Table.Td colSpan={3} id={detailId}>
          {isOpen && <StudyDetail study={study} reports={reports} places={places} open={open} acts={acts} />}
        </Table.Td>
      </Table.Tr>
      <ConflictRow study={study} open={open} />
    </>
  );
});

function ConflictRow({ study, open }: Pick<StudyProps, "study" | "open">) {
  const disputes = useDisputes(open, "ImagingStudy", study.key);
  return (
    disputes.length > 0 && (
      <Table.Tr>
        <Table.Td colSpan={3}>
          <StudyConflicts study={study} open={open} />
        </Table.Td>
      </Table.Tr>
    )
  );
}
