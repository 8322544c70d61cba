/** The raising of an alert for everybody. */
import { Button, Group, Modal, NativeSelect, Stack, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { type AlertKind, KIND_NAMES, RAISED } from "./alert";

const EXPLAINED: Record<string, string> = {
  alert: "Shows above every page until somebody ends it.",
  emergency: "Interrupts everybody at once.",
  announcement: "Shows above every page, behind alerts.",
};

export function RaiseDialog({ raise, onClose }: { raise: (kind: AlertKind, text: string) => boolean; onClose: () => void }) {
  const form = useForm<{ kind: AlertKind; text: string }>({
    initialValues: { kind: "alert", text: "" },
    validate: { text: (text) => (text.trim() === "" ? "Say what is the matter, and where." : null) },
  });
  return (
    <Modal opened onClose={onClose} title="Raise an alert" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }} zIndex={300}>
      <form noValidate onSubmit={form.onSubmit(({ kind, text }) => {
          if (raise(kind, text)) onClose();
        })}>
        <Stack gap="md">
          <NativeSelect
            label="Kind"
            description={EXPLAINED[form.values.kind]}
            data={RAISED.map((value) => ({ value, label: KIND_NAMES[value] }))}
            {...form.getInputProps("kind")}
          />
          <Textarea label="Message" placeholder="What is the matter, and where" withAsterisk data-autofocus autosize minRows={2} maxLength={400} {...form.getInputProps("text")} />
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
