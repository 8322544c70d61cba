/** The bar at the foot of every page while edits do not get to the server. It covers no content: the page keeps its place free. */
import { IconCloudOff } from "@tabler/icons-react";
import { useClientState } from "../shared/workspace";
import classes from "./ConnectionBar.module.css";
import { notice } from "./notice";

export function ConnectionBar() {
  const state = useClientState();
  const said = state && notice(state);
  return (
    <div role="status" aria-label="Connection" className={classes["place"]}>
      {said && (
        <div className={classes["bar"]} data-tone={said.tone}>
          <IconCloudOff size={18} aria-hidden />
          <strong>{said.title}</strong>
          <span>{said.text}</span>
        </div>
      )}
    </div>
  );
}
