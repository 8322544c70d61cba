/** Who is at this window, and the changing of it, on a server without sign-in. */
import { Menu, Text } from "@mantine/core";
import { useState } from "react";
import { useWorkspace } from "../shared/workspace";
import { type Member, PEOPLE } from "./people";
import { PersonButton } from "./PersonButton";

export function PersonMenu({ person, onChoose }: { person: Member; onChoose: (person: Member) => void }) {
  const { client, rooms } = useWorkspace();
  const [unsaved, setUnsaved] = useState(0);
  const other = PEOPLE.find(({ id }) => id !== person.id);
  return (
    <Menu position="bottom-end" width={230} withinPortal={false} withInitialFocusPlaceholder={false} onOpen={() => setUnsaved((client?.state.unsaved ?? 0) + (rooms?.refused() ?? 0))}>
      <Menu.Target>
        <PersonButton person={person} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {unsaved > 0 ? "Save or discard your edits before changing the person" : "Who is at this window"}
        </Menu.Label>
        {PEOPLE.map((member) => (
          <Menu.Item
            key={member.id}
            disabled={unsaved > 0 || member.id === person.id}
            // Else the keyboard does not get into the menu, nor Escape out of it.
            data-autofocus={member === other || undefined}
            onClick={() => onChoose(member)}
            rightSection={
              <Text size="xs">
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
