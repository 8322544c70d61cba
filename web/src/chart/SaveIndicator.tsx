/** The connection and whether the person's edits are safe, always in sight. */
import { IconCircleCheck, IconCloudOff, IconEye, IconRefresh } from "@tabler/icons-react";
import type { OpenRoom } from "../shared/rooms";
import { useKeptRefusals, useRefusals, useSynced, useUnsaved } from "../shared/useRoom";
import { useConnectionStatus, useWorkspace } from "../shared/workspace";
import classes from "./Chart.module.css";
import { saveState } from "./saveState";

export function SaveIndicator({ open }: { open: OpenRoom }) {
  const status = useConnectionStatus();
  const refused = useRefusals(open).length + useKeptRefusals(open).length;
  const { tone, text } = saveState(status, useSynced(open.room), useUnsaved(open.room), refused, useWorkspace().canEdit);
  const Icon = { saved: IconCircleCheck, reading: IconEye, busy: IconRefresh, warning: IconCloudOff }[tone];
  return (
    <div role="status" aria-label="Save state" className={classes["save"]} data-tone={tone}>
      <Icon size={18} aria-hidden />
      <span>{text}</span>
    </div>
  );
}
