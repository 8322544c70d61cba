/**
 * The imaging of one chart: what is ordered and not done, the studies, their reports.
 *
 * Studies come from elsewhere and are read here; reports are written here, each by the panel's form.
 */
import { Stack } from "@mantine/core";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { reportsOf } from "../results/reports";
import type { Resource } from "../shared/chartroom";
import { type DialogState, ResourceDialog } from "../shared/panel/ResourceDialog";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import { useAttempt } from "../shared/panel/usePanelEdits";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useCollection, useConflicts, useSynced } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { imagingReports, Studies, waitingOrders } from "./definitions";
import classes from "./Imaging.module.css";
import { referenceIds } from "./reference";
import { blankReport, isFinal, isImagingReport, readReport, reportsByStudy, type ReportValues } from "./report";
import { StudiesPanel } from "./StudiesPanel";
import { type Study, studiesOf } from "./study";

export function ImagingTab({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const { room } = open;
  // Typing and scrolling go before the drawing of what arrives.
  const resources = useDeferredValue(useCollection(room, "ImagingStudy"));
  const diagnostics = useDeferredValue(useCollection(room, "DiagnosticReport"));
  const recorded = useCollection(room, "Endpoint");
  const studies = useMemo(() => studiesOf(resources), [resources]);
  const reports = useMemo(() => reportsByStudy(studies, reportsOf(diagnostics.filter(isImagingReport))), [studies, diagnostics]);
  const endpoints = useMemo(() => new Map(recorded.map((one) => [one.id, one])), [recorded]);
  const orders = useMemo(() => waitingOrders(doneOrders(studies)), [studies]);
  const { canEdit } = useWorkspace();
  const [dialog, setDialog] = useState<DialogState<ReportValues>>();
  const conflicts = useConflicts(open);
  const written = useMemo(() => imagingReports(({ id }) => conflicts.has(resourceKey("DiagnosticReport", id))), [conflicts]);
  const attempt = useAttempt(open, written.title);
  const onWrite = useCallback((study: Study) => setDialog({ id: undefined, values: blankReport(study) }), []);
  const onReport = useCallback((report: Resource) => setDialog(reportState(report)), []);
  const acts = useMemo(() => ({ onWrite, onReport }), [onWrite, onReport]);

  return (
    <Studies value={studies}>
      <Stack gap="md" className={classes["tab"]}>
        <ResourcePanel definition={orders} open={open} patientId={patientId} />
        <StudiesPanel studies={studies} reports={reports} endpoints={endpoints} open={open} acts={canEdit ? acts : undefined} isSettled={useSynced(room)} />
        <ResourcePanel definition={written} open={open} patientId={patientId} />
      </Stack>
      {dialog && (
        <ResourceDialog
          key={dialog.id ?? "new"}
          definition={written}
          open={open}
          patientId={patientId}
          state={dialog}
          attempt={attempt}
          onClose={() => setDialog(undefined)}
        />
      )}
    </Studies>
  );
}

function reportState(report: Resource): DialogState<ReportValues> {
  return { id: report.id, values: readReport(report), ...(isFinal(report) && { check: { status: "amended" } }) };
}

/** An order whose study was called off is not done. */
function doneOrders(studies: readonly Study[]): ReadonlySet<string> {
  return new Set(studies.filter(({ isVoid }) => !isVoid).flatMap(({ resource }) => referenceIds(resource["basedOn"])));
}
