/** What is ordered for the patient, by kind; drafts first. */
import { Button, Group, Text } from "@mantine/core";
import { IconListCheck } from "@tabler/icons-react";
import { useState } from "react";
import { RefusalNote } from "../shared/panel/RefusalNote";
import { ResourcePanel } from "../shared/panel/ResourcePanel";
import type { OpenRoom } from "../shared/rooms";
import { useCollection, useConflicts, useRefusals } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { IMAGING_ORDERS, LABORATORY_ORDERS, MEDICATION_ORDERS, OTHER_ORDERS } from "./definitions";
import { isMedicationOrder, serviceKind } from "./order";
import type { SetValues } from "./orderSet";
import { OrderSetDialog } from "./OrderSetDialog";
import classes from "./OrdersPage.module.css";
import { ORDER_SETS_PANEL } from "./signSet";

export function OrdersPage(props: { open: OpenRoom; patientId: string }) {
  const requests = useCollection(props.open.room, "ServiceRequest");
  const conflicts = useConflicts(props.open);
  const hasOthers = requests.some((request) => serviceKind(request) === "other");
  // A dispute about whether a request is there at all says nothing of its kind.
  const isDisputed = [...conflicts.values()].flat().some(({ resource_type: type, id }) => type === "ServiceRequest" && !props.open.room.get(type, id));
  return (
    <div className={classes["panels"]}>
      <OrderSets {...props} />
      <ResourcePanel definition={MEDICATION_ORDERS} {...props} />
      <div className={classes["services"]}>
        <ResourcePanel definition={LABORATORY_ORDERS} {...props} />
        <ResourcePanel definition={IMAGING_ORDERS} {...props} />
        {(hasOthers || isDisputed) && <ResourcePanel definition={OTHER_ORDERS} {...props} />}
      </div>
    </div>
  );
}

/** What waits for a signature, and the way to several orders at once. */
function OrderSets({ open, patientId }: { open: OpenRoom; patientId: string }) {
  const { canEdit } = useWorkspace();
  const medications = useCollection(open.room, "MedicationRequest");
  const services = useCollection(open.room, "ServiceRequest");
  const drafts = [...medications.filter(isMedicationOrder), ...services].filter(({ status }) => status === "draft").length;
  const refusals = useRefusals(open).filter(({ panel }) => panel === ORDER_SETS_PANEL);
  const [dialog, setDialog] = useState<{ begin?: SetValues; refusal?: number }>();
  return (
    <div>
      <Group justify="space-between" mih={30}>
        <Text size="sm" c={drafts > 0 ? undefined : "dimmed"} fw={drafts > 0 ? 600 : undefined}>
          {drafts === 0 ? "No draft waits for a signature." : drafts === 1 ? "1 draft waits for a signature." : `${drafts} drafts wait for a signature.`}
        </Text>
        {canEdit && (
          <Button size="compact-sm" variant="light" leftSection={<IconListCheck size={16} aria-hidden />} onClick={() => setDialog({})}>
            Order set
          </Button>
        )}
      </Group>
      {refusals.map((refusal) => (
        <RefusalNote
          key={refusal.key}
          refusal={refusal}
          onDiscard={() => open.edits.dismiss(refusal.key)}
          onAgain={() => {
            if (refusal.draft !== undefined) return setDialog({ begin: refusal.draft as SetValues, refusal: refusal.key });
            open.edits.dismiss(refusal.key);
            open.edits.attempt(refusal, refusal);
          }}
        />
      ))}
      {dialog && (
        <OrderSetDialog
          open={open}
          patientId={patientId}
          begin={dialog.begin}
          onClose={(signed) => {
            if (signed && dialog.refusal !== undefined) open.edits.dismiss(dialog.refusal);
            setDialog(undefined);
          }}
        />
      )}
    </div>
  );
}
