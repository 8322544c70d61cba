/** Who is at this window, and the changing of it. */
import { Button, Menu, Text } from "@mantine/core";
import { IconChevronDown, IconUser } from "@tabler/icons-react";
import { useState } from "react";
import { useWorkspace } from "../shared/workspace";
import { type Member, PEOPLE } from "./people";

export function PersonMenu({ person, onChoose }: { person: Member; onChoose: (person: Member) => void }) {
  const { client, rooms } = useWorkspace();
  const [unsaved, setUnsaved] = useState(0);
  return (
    <Menu position="bottom-end" width={230} onOpen={() => setUnsaved((client?.state.unsaved ?? 0) + (rooms?.refused() ?? 0))}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-md"
          leftSection={<IconUser size={17} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          aria-label={`Signed in as ${person.name}`}
        >
          {person.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {unsaved > 0 ? "Save or discard your edits before changing the person" : "Who is at this window"}
        </Menu.Label>
        {PEOPLE.map((member) => (
          <Menu.Item
            key={member.id}
            disabled={unsaved > 0 || member.id === person.id}
            onClick={() => onChoose(member)}
            rightSection={
              <Text size="xs" c="dimmed">
                {member.role}
              </Text>
            }
          >
            {member.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
