/** Asks for a word of why before something is done. */
import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

export function ReasonDialog(props: {
  title: string;
  verb: string;
  suggestions: readonly string[];
  /** Whether there is no way back but Undo. */
  isFinal: boolean;
  onReason: (reason: string) => void;
  onClose: () => void;
}) {
  const { title, verb, suggestions, isFinal, onReason, onClose } = props;
  const form = useForm({
    initialValues: { reason: "" },
    validate: { reason: (reason) => (reason.trim() === "" ? "Say why, for those who read the chart later." : null) },
  });
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
      <form noValidate onSubmit={form.onSubmit(({ reason }) => onReason(reason.trim()))}>
        <Stack gap="md">
          <TextInput label="Reason" withAsterisk data-autofocus maxLength={400} autoComplete="off" {...form.getInputProps("reason")} />
          {/* In sight at once: a list that opens would lie over the buttons. */}
          <Group gap="xs" role="group" aria-label="Frequent reasons">
            {suggestions.map((suggestion) => (
              <Button key={suggestion} size="compact-sm" variant="default" onClick={() => form.setFieldValue("reason", suggestion)}>
                {suggestion}
              </Button>
            ))}
          </Group>
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" color={isFinal ? "red.9" : undefined}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
