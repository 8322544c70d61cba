/** The interrupting dialog of a chart, whichever of its pages is shown. */
import type { Room } from "../../shared/chartroom";
import { useResource } from "../../shared/useRoom";
import { CriticalDialog } from "./CriticalDialog";
import { patientOf, useCriticalAlerts } from "./useCriticalAlerts";

export function CriticalValues({ room }: { room: Room }) {
  const critical = useCriticalAlerts(room);
  return <CriticalDialog critical={critical} patient={useResource(room, "Patient", patientOf(room))} />;
}
