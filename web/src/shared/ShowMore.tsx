/** The way to the rest of a list that is shown a part at a time. */
import { Button, type ButtonProps } from "@mantine/core";

interface ShowMoreProps extends Pick<ButtonProps, "m" | "mt"> {
  /** How many there are. */
  count: number;
  /** How many are shown. */
  limit: number;
  /** How many more a press shows. */
  step: number;
  onLimit: (limit: number) => void;
}

export function ShowMore({ count, limit, step, onLimit, ...margins }: ShowMoreProps) {
  const rest = count - limit;
  if (rest <= 0) return null;
  return (
    <Button variant="subtle" size="compact-sm" {...margins} onClick={() => onLimit(limit + step)}>
      Show {Math.min(step, rest)} more of {rest}
    </Button>
  );
}
