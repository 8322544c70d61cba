/** Who is at this window, as colleagues see them, which opens the menu of it. */
import { Avatar, Button, type ButtonProps } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import type { ComponentPropsWithRef } from "react";
import type { Person } from "../shared/chartroom";
import classes from "../styles/App.module.css";

type Props = { person: Person } & ButtonProps & ComponentPropsWithRef<"button">;

export function PersonButton({ person, ...rest }: Props) {
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-md"
      leftSection={<Avatar size={24} name={person.name} color="initials" variant="filled" aria-hidden />}
      rightSection={<IconChevronDown size={14} aria-hidden />}
      {...rest}
    >
      <span className={classes["person"]}>
        <span className="visually-hidden">Signed in as </span>
        {person.name}
      </span>
    </Button>
  );
}
