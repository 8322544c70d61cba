/** When a critical value was raised, for whom again, and who has seen to it or why it is none any more. */
import { IconCircleCheck } from "@tabler/icons-react";
import { formatTime } from "../../shared/fhir/date";
import classes from "./Critical.module.css";
import type { CriticalAlert } from "./critical";

export function AlertFacts({ alert }: { alert: CriticalAlert }) {
  const { at, escalatedTo, ended, withdrawn } = alert;
  const now = new Date();
  return (
    <p className={classes["facts"]}>
      {withdrawn !== undefined && <span className={classes["withdrawn"]}>{withdrawn}</span>}
      <span>Raised {formatTime(at, now)}</span>
      {escalatedTo.length > 0 && <span>Escalated to {escalatedTo.join(", then ")}</span>}
      {ended && ended.name !== "" && (
        <span className={classes["seen"]}>
          <IconCircleCheck size={15} aria-hidden />
          Acknowledged by {ended.name}, {formatTime(ended.at, now)}
          {!ended.isTaken && <span className={classes["untaken"]}>not saved at the server yet</span>}
        </span>
      )}
      {!ended && withdrawn === undefined && <span className={classes["unseen"]}>Nobody has acknowledged it yet</span>}
    </p>
  );
}
