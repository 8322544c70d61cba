/** A flag in words and with a sign, so that it does not hang on its colour. */
import { IconAlertOctagonFilled, IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import panel from "../shared/panel/Panel.module.css";
import type { Flag } from "./flag";
import classes from "./Results.module.css";

export function FlagMark({ flag }: { flag: Flag | undefined }) {
  if (!flag) return <span className={panel["quiet"]}>–</span>;
  const Arrow = flag.direction === "high" ? IconArrowUp : flag.direction === "low" ? IconArrowDown : undefined;
  return (
    <span className={classes["flag"]} data-tone={flag.tone}>
      {flag.tone === "critical" && <IconAlertOctagonFilled size={15} aria-hidden />}
      {Arrow && flag.tone !== "critical" && <Arrow size={15} stroke={2.5} aria-hidden />}
      {flag.text}
    </span>
  );
}
