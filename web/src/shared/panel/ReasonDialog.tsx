/** Asks for a word of why before something is done. */
import { Autocomplete, Button, Group, Modal, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";

export function ReasonDialog(props: {
  title: string;
  verb: string;
  suggestions: readonly string[];
  onReason: (reason: string) => void;
  onClose: () => void;
}) {
  const { title, verb, suggestions, onReason, onClose } = props;
  const form = useForm({
    initialValues: { reason: "" },
    validate: { reason: (reason) => (reason.trim() === "" ? "Say why, for those who read the chart later." : null) },
  });
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
      <form noValidate onSubmit={form.onSubmit(({ reason }) => onReason(reason.trim()))}>
        <Stack gap="md">
          <Autocomplete
            label="Reason"
            placeholder="Choose one or write your own"
            withAsterisk
            data-autofocus
            openOnFocus={false}
            data={[...suggestions]}
            maxLength={400}
            autoComplete="off"
            {...form.getInputProps("reason")}
          />
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" color="red.8">
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
