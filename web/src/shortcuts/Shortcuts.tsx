/** What the keyboard can do here, on a button and on the key `?`. */
import { ActionIcon, Kbd, Modal, Switch, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKeyboard } from "@tabler/icons-react";
import { useSingleKey, useSingleKeys } from "./keys";

const KEYS: readonly { keys: readonly string[]; what: string; where: string }[] = [
  { keys: ["?"], what: "Show this list", where: "Every page" },
  { keys: ["Tab"], what: "First comes the way past the bar to the content", where: "Every page" },
  { keys: ["Ctrl+Z", "Ctrl+Shift+Z"], what: "Take back your last edit, and make it again", where: "A chart, outside of fields" },
  { keys: ["Esc"], what: "Close a dialog", where: "Every page" },
  { keys: ["/"], what: "Go to the search", where: "Patients, Pharmacy" },
  { keys: ["Enter"], what: "Open the first patient found", where: "Patients, in the search" },
  { keys: ["↑", "↓"], what: "Go from patient to patient", where: "Patients" },
  { keys: ["←", "→"], what: "Go from tab to tab", where: "A chart's tabs" },
  { keys: ["↑", "↓", "←", "→"], what: "Go from order to order", where: "Pharmacy, on a patient's name" },
];

export function Shortcuts() {
  const [isShown, { open, close }] = useDisclosure(false);
  const [isOn, setIsOn] = useSingleKeys();
  useSingleKey("shift+?", open);
  return (
    <>
      <ActionIcon variant="subtle" color="gray" aria-label="Keyboard shortcuts" onClick={open}>
        <IconKeyboard size={18} aria-hidden />
      </ActionIcon>
      <Modal opened={isShown} onClose={close} title="Keyboard shortcuts" size="lg" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
        <Table aria-label="Keyboard shortcuts" mb="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Key</Table.Th>
              <Table.Th>What it does</Table.Th>
              <Table.Th>Where</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {KEYS.map(({ keys, what, where }) => (
              <Table.Tr key={what}>
                <Table.Th scope="row">
                  {keys.map((key) => (
                    <Kbd key={key} mr={4}>
                      {key}
                    </Kbd>
                  ))}
                </Table.Th>
                <Table.Td>{what}</Table.Td>
                <Table.Td>{where}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Switch label="Single keys act" checked={isOn} onChange={(event) => setIsOn(event.currentTarget.checked)} />
        <Text size="sm" c="dimmed" mt={4}>
          Switch ? and / off where a voice or a slip of the hand sets them off.
        </Text>
      </Modal>
    </>
  );
}
