/** Shows the detail of what it names, and hides it again. */
import { UnstyledButton, type UnstyledButtonProps } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./Panel.module.css";

interface ToggleProps extends Pick<UnstyledButtonProps, "p"> {
  isOpen: boolean;
  /** The id of the detail's place, which is there also while that is hidden. */
  detailId: string;
  onToggle: () => void;
  /** One element, beside the chevron. */
  children: ReactNode;
}

export function Toggle({ isOpen, detailId, onToggle, children, ...padding }: ToggleProps) {
  return (
    <UnstyledButton className={classes["toggle"]} aria-expanded={isOpen} aria-controls={detailId} onClick={onToggle} {...padding}>
      <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={isOpen || undefined} />
      {children}
    </UnstyledButton>
  );
}
