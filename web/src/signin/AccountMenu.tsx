/** Who is signed in at this window, as what, and the way out. */
import { Menu } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import { useState } from "react";
import type { Member } from "./people";
import { PersonButton } from "./PersonButton";
import type { Session } from "./session";
import { SignOutDialog } from "./SignOutDialog";

export function AccountMenu({ person, session }: { person: Member; session: Session }) {
  const [leaving, setLeaving] = useState(false);
  return (
    <>
      <Menu position="bottom-end" width={230} withinPortal={false} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <PersonButton person={person} />
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {person.role || "No role"} · {session.provider}
          </Menu.Label>
          <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => setLeaving(true)}>
            Sign out…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {leaving && <SignOutDialog session={session} onClose={() => setLeaving(false)} />}
    </>
  );
}
