/** The bar at the foot of every page while edits do not get to the server. It covers no content: the page keeps its place free. */
import { Button } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useClientState, useWorkspace } from "../shared/workspace";
import classes from "./ConnectionBar.module.css";
import { notice } from "./notice";

export function ConnectionBar() {
  const { client } = useWorkspace();
  const state = useClientState();
  const said = state && notice(state);
  return (
    <div role="status" aria-label="Connection" className={classes["place"]}>
      {said && (
        <div className={classes["bar"]} data-tone={said.tone}>
          <IconCloudOff size={18} aria-hidden />
          <strong>{said.title}</strong>
          <span>{said.text}</span>
          {state.connection === "signed-out" && (
            <Button size="compact-sm" onClick={() => client?.signIn()}>
              Sign in again
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
