/** Dispensing another quantity than the order says, or with a note. */
import { Alert, Button, Group, Modal, NumberInput, Text, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useWorkspace } from "../shared/workspace";
import { carryOut } from "./acts";
import type { Order } from "./order";

/** `now` is the order as it stands; it may have changed, or left, since the dialog was opened for `order`. */
export function DispenseDialog({ order, now, onClose }: { order: Order; now: Order | undefined; onClose: () => void }) {
  const { person } = useWorkspace();
  const [refusal, setRefusal] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { quantity: "" as number | string, note: "" },
    validate: { quantity: (value) => (value === "" || Number(value) > 0 ? null : "A quantity is more than nothing.") },
  });
  const changed = changeText(order, now);
  const dispense = form.onSubmit(async ({ quantity, note }) => {
    setIsBusy(true);
    const refused = await carryOut("dispense", order.id, person, {
      ...(quantity !== "" && { quantity: Number(quantity) }),
      ...(note.trim() !== "" && { note: note.trim() }),
    });
    setIsBusy(false);
    setRefusal(refused);
    if (refused === undefined) onClose();
  });
  return (
    <Modal opened onClose={onClose} title="Dispense" centered closeButtonProps={{ "aria-label": "Close" }}>
      <Text fw={650}>{order.drug}</Text>
      <Text size="sm">{order.dose || "Dose not recorded"}</Text>
      <Text size="sm" mb="md">
        {order.patient}
      </Text>
      <form onSubmit={dispense} noValidate>
        <NumberInput label="Quantity" description="Left empty: what the order says" min={0} hideControls data-autofocus key={form.key("quantity")} {...form.getInputProps("quantity")} />
        <Textarea label="Note" autosize minRows={2} mt="sm" key={form.key("note")} {...form.getInputProps("note")} />
        {changed && (
          <Alert color="orange" mt="md" role="alert" title={changed} />
        )}
        {refusal && (
          <Alert color="red" mt="md" role="alert" title="Not done">
            {refusal}
          </Alert>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isBusy} disabled={changed !== undefined}>
            Dispense
          </Button>
        </Group>
      </form>
    </Modal>
  );
}

/** What happened to the order while the dialog was open. */
function changeText(order: Order, now: Order | undefined): string | undefined {
  if (!now) return "The order is off the queue.";
  if (now.step !== order.step) return "Somebody has taken the next step with this order.";
  if (now.isBlocked) return "An unresolved conflict blocks the order.";
  return now.drug === order.drug && now.dose === order.dose ? undefined : `The order was changed. It says now: ${now.drug}, ${now.dose || "no dose"}.`;
}
