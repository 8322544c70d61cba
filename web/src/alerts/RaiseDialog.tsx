/** The raising of an alert for everybody, about a patient or about none. */
import { Button, Group, Modal, NativeSelect, Stack, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { type AlertKind, type AlertPatient, KIND_NAMES, RAISED } from "./alert";
import { useShownCharts } from "./charts";
import { PatientField } from "./PatientField";
import type { Alerts } from "./useAlerts";

const EXPLAINED: Record<string, string> = {
  alert: "Shows above every page until somebody ends it.",
  emergency: "Interrupts everybody at once.",
  announcement: "Shows above every page, behind alerts.",
};

interface Values {
  kind: AlertKind;
  text: string;
  patient: AlertPatient | undefined;
}

export function RaiseDialog({ raise, onClose }: { raise: Alerts["raise"]; onClose: () => void }) {
  const [chart] = useShownCharts();
  const form = useForm<Values>({
    initialValues: { kind: "alert", text: "", patient: chart && { id: chart.id, name: chart.name } },
    validate: { text: (text) => (text.trim() === "" ? "Say what is the matter, and where." : null) },
  });
  const submit = ({ kind, text, patient }: Values) => {
    if (raise(kind, text, patient)) onClose();
  };
  return (
    <Modal opened onClose={onClose} title="Raise an alert" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }} zIndex={300}>
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack gap="md">
          <NativeSelect
            label="Kind"
            description={EXPLAINED[form.values.kind]}
            data={RAISED.map((value) => ({ value, label: KIND_NAMES[value] }))}
            {...form.getInputProps("kind")}
          />
          <Textarea label="Message" placeholder="What is the matter, and where" withAsterisk data-autofocus autosize minRows={2} maxLength={400} {...form.getInputProps("text")} />
          <PatientField value={form.values.patient} onChange={(patient) => form.setFieldValue("patient", patient)} />
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color={form.values.kind === "emergency" ? "red.9" : "lagoon"}>
              Raise {KIND_NAMES[form.values.kind].toLowerCase()}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
