/** The interrupting dialog alone, for pages of a chart that show no results. */
import type { Room } from "../../shared/chartroom";
import { useResource } from "../../shared/useRoom";
import { CriticalDialog } from "./CriticalDialog";
import { patientOf, useCriticalAlerts } from "./useCriticalAlerts";

export function CriticalValues({ room }: { room: Room }) {
  const critical = useCriticalAlerts(room);
  return <CriticalDialog critical={critical} patient={useResource(room, "Patient", patientOf(room))} />;
}
