/** Reports of images, and orders that nothing was done about yet, as panels. */
import { NativeSelect, Textarea, TextInput } from "@mantine/core";
import { createContext, useContext } from "react";
import { IMAGING_STUDIES } from "../orders/catalogue";
import { IMAGING_ORDERS } from "../orders/definitions";
import { isOver, type OrderValues } from "../orders/order";
import type { Resource } from "../shared/chartroom";
import { formatDate } from "../shared/fhir/date";
import { asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { CodedText } from "../shared/panel/CodedText";
import type { FieldsProps, PanelDefinition } from "../shared/panel/definition";
import { reportTime } from "../results/reports";
import { formsOf } from "./form";
import {
  amendments,
  blankReport,
  isFinal,
  isImagingReport,
  isVoid,
  readers,
  readReport,
  reportActs,
  reportElements,
  reportFrame,
  reportName,
  type ReportValues,
  saveReportAs,
  validateReport,
} from "./report";
import type { Study } from "./study";

/** The studies that a report can be of. */
export const Studies = createContext<readonly Study[]>([]);

const IMAGING_REPORTS: PanelDefinition<ReportValues> = {
  type: "DiagnosticReport",
  includes: isImagingReport,
  title: "Reports",
  noun: "imaging report",
  column: "Report and conclusion",
  pastTitle: "Cancelled and entered in error",
  emptyText: "No imaging reports recorded.",
  canRemove: false,
  label: reportName,
  detail: (report) => {
    const said = asText(report["conclusion"]) ?? formsOf(report).flatMap(({ text }) => text ?? [])[0];
    const why = amendments(report).at(-1);
    const who = readers(report);
    return [said, why && `Amended: ${why}`, who && `read by ${who}`].filter(Boolean).join(" · ");
  },
  badge: (report) => ({
    text: codeWord(report["status"]) || "Not stated",
    tone: isFinal(report) ? "active" : isVoid(report) ? "quiet" : "alert",
  }),
  isPast: isVoid,
  rank: () => 0,
  date: reportTime,
  isClosed: (report) => isFinal(report) || isVoid(report),
  acts: reportActs,
  saveAs: saveReportAs,
  blank: () => blankReport(),
  read: readReport,
  validate: validateReport,
  elements: reportElements,
  frame: reportFrame,
  show: (field, values) => (field === "name" ? values.name.text : field === "status" ? codeWord(values.status) : String(values[field])),
  Fields: ReportFields,
};

/** Nobody makes a report final while people disagree about it. */
export function imagingReports(isDisputed: (report: Resource) => boolean): PanelDefinition<ReportValues> {
  return {
    ...IMAGING_REPORTS,
    acts: (report, person) => (isDisputed(report) ? [] : reportActs(report, person)),
    saveAs: (report) => saveReportAs(report).filter(({ values }) => values.status !== "final" || !report || !isDisputed(report)),
  };
}

/** Imaging orders without those that have a study. */
export function waitingOrders(done: ReadonlySet<string>): PanelDefinition<OrderValues> {
  return {
    ...IMAGING_ORDERS,
    title: "Ordered, not done yet",
    emptyText: "No imaging order waits for a study.",
    includes: (order) => (IMAGING_ORDERS.includes?.(order) ?? true) && !isOver(order) && !done.has(order.id),
  };
}

function ReportFields({ form, resource, note }: FieldsProps<ReportValues>) {
  const { study, name } = form.values;
  return (
    <>
      <div>
        <NativeSelect label="Study" data={useStudyOptions(study)} data-field="study" {...form.getInputProps("study")} />
        {note("study")}
      </div>
      <CodedText
        label="Examination"
        placeholder="Kind of study"
        field="name"
        suggestions={IMAGING_STUDIES}
        recorded={resource?.["code"]}
        {...form.getInputProps("name")}
        value={name}
        note={note("name")}
      />
      <div>
        <Textarea
          label="Conclusion"
          placeholder="What the images show, and what follows from it"
          withAsterisk
          autosize
          minRows={5}
          maxRows={14}
          maxLength={20_000}
          data-field="conclusion"
          {...form.getInputProps("conclusion")}
        />
        {note("conclusion")}
      </div>
      {resource && isFinal(resource) && (
        <div>
          <TextInput label="Reason for the amendment" withAsterisk maxLength={400} autoComplete="off" data-field="amendment" {...form.getInputProps("amendment")} />
          {note("amendment")}
        </div>
      )}
    </>
  );
}

function useStudyOptions(chosen: string) {
  const options = useContext(Studies)
    .filter(({ isVoid, key }) => !isVoid || chosen.endsWith(`/${key}`))
    .map(({ key, label, time }) => ({ value: `ImagingStudy/${key}`, label: [label, formatDate(time)].filter(Boolean).join(", ") }));
  const isElsewhere = chosen !== "" && options.every(({ value }) => value !== chosen);
  return [{ value: "", label: "No study of this chart" }, ...(isElsewhere ? [{ value: chosen, label: "A study that this chart does not have" }] : []), ...options];
}
