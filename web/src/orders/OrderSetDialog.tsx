/** A set of orders: what is checked is signed together, as one edit. */
import { Alert, Badge, Button, Checkbox, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useForm, type UseFormReturnType } from "@mantine/form";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { CautionNote } from "../medications/CautionNote";
import { counted } from "../shared/counted";
import type { OpenRoom } from "../shared/rooms";
import { codeWord } from "../shared/fhir/words";
import { useWorkspace } from "../shared/workspace";
import { ORDER_SETS } from "./catalogue";
import { beginSet, type ChosenOrder, makeSet, setCautions, type SetValues, validateSet } from "./orderSet";
import classes from "./OrdersPage.module.css";
import { signSet } from "./signSet";

export function OrderSetDialog(props: { open: OpenRoom; patientId: string; begin: SetValues | undefined; onClose: (signed: boolean) => void }) {
  const { open, patientId, begin, onClose } = props;
  const { person } = useWorkspace();
  const [failure, setFailure] = useState<string>();
  const form = useForm<SetValues>({
    initialValues: begin ?? { title: "", orders: [] },
    validate: (values) => validateSet(values, open.room),
  });
  const { title, orders } = form.values;
  const count = orders.filter(({ isChecked }) => isChecked).length;
  const choose = (name: string) => {
    const set = ORDER_SETS.find((one) => one.title === name);
    form.setValues(set ? beginSet(set, open.room) : { title: "", orders: [] });
    form.clearErrors();
  };
  const sign = (values: SetValues) => {
    const failed = signSet(open, values, makeSet(values, { patientId, person, now: new Date() }, () => crypto.randomUUID()));
    if (failed) setFailure(failed);
    else onClose(true);
  };
  return (
    <Modal opened onClose={() => onClose(false)} title="Order set" size="xl" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
      <form noValidate onSubmit={form.onSubmit(sign)}>
        <Stack gap="md">
          <NativeSelect
            label="Set"
            data-autofocus
            data={[{ value: "", label: "Choose…" }, ...ORDER_SETS.map((set) => set.title)]}
            value={title}
            error={form.errors["title"]}
            onChange={(event) => choose(event.currentTarget.value)}
          />
          {orders.length > 0 && (
            <ul className={classes["set"]} aria-label={title}>
              {orders.map((order, at) => (
                <SetRow key={`${title} ${order.values.name.text}`} order={order} at={at} form={form} warnings={setCautions(order, open.room)} />
              ))}
            </ul>
          )}
          {failure && (
            <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="Not signed">
              {failure}
            </Alert>
          )}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={() => onClose(false)}>
              Cancel
            </Button>
            <Button type="submit" disabled={title === ""}>
              Sign {counted(count, "order")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function SetRow({ order, at, form, warnings }: { order: ChosenOrder; at: number; form: UseFormReturnType<SetValues>; warnings: readonly string[] }) {
  const { kind, isChecked, values } = order;
  const name = values.name.text;
  const field = (key: "dosage" | "reason" | "anyway") => ({ maxLength: 1000, size: "xs", ...form.getInputProps(`orders.${at}.values.${key}`) });
  return (
    <li className={classes["setRow"]} data-checked={isChecked || undefined}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Checkbox label={<Text fw={600} size="sm">{name}</Text>} {...form.getInputProps(`orders.${at}.isChecked`, { type: "checkbox" })} />
        {values.priority !== "routine" && (
          <Badge tt="none" variant="outline" color="gray" className={classes["priority"]}>
            {codeWord(values.priority)}
          </Badge>
        )}
      </Group>
      <div className={classes["setFields"]}>
        <CautionNote all={warnings} />
        {kind === "medication" && <TextInput aria-label={`Dosage of ${name}`} {...field("dosage")} />}
        {kind === "imaging" && <TextInput aria-label={`Question for ${name}`} {...field("reason")} />}
        {isChecked && warnings.length > 0 && <TextInput label="Reason to sign anyway" {...field("anyway")} />}
      </div>
    </li>
  );
}
