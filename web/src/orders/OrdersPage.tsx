/** What is ordered for the patient, by kind; drafts first. */
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import type { OpenRoom } from "../shared/rooms";
import { useCollection, useConflicts } from "../shared/useRoom";
import { IMAGING_ORDERS, LABORATORY_ORDERS, MEDICATION_ORDERS, OTHER_ORDERS } from "./definitions";
import { serviceKind } from "./order";
import classes from "./OrdersPage.module.css";

export function OrdersPage(props: { open: OpenRoom; patientId: string }) {
  const requests = useCollection(props.open.room, "ServiceRequest");
  const conflicts = useConflicts(props.open);
  const hasOthers = requests.some((request) => serviceKind(request) === "other");
  // A dispute about whether a request is there at all says nothing of its kind.
  const isDisputed = [...conflicts.values()].flat().some(({ resource_type: type, id }) => type === "ServiceRequest" && !props.open.room.get(type, id));
  return (
    <div className={classes["panels"]}>
      <ResourcePanel definition={MEDICATION_ORDERS} {...props} />
      <div className={classes["side"]}>
        <ResourcePanel definition={LABORATORY_ORDERS} {...props} />
        <ResourcePanel definition={IMAGING_ORDERS} {...props} />
        {(hasOthers || isDisputed) && <ResourcePanel definition={OTHER_ORDERS} {...props} />}
      </div>
    </div>
  );
}
