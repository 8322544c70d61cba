/** The bar at the foot of every page while edits do not get to the server. It covers no content: the page keeps its place free. */
import { Button } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useClientState, useWorkspace } from "../shared/workspace";
import classes from "./ConnectionBar.module.css";
import { notice } from "./notice";
import { useStopOfDialogs } from "./useStopOfDialogs";

export function ConnectionBar() {
  const { signIn, signInFailure } = useWorkspace();
  const state = useClientState();
  const said = state && notice(state);
  const again = useStopOfDialogs<HTMLButtonElement>();
  return (
    <div role="status" aria-label="Connection" className={classes["place"]}>
      {said && (
        <div className={classes["bar"]} data-tone={said.tone}>
          <IconCloudOff size={18} aria-hidden />
          <strong>{said.title}</strong>
          <span>{state.connection === "signed-out" && signInFailure ? `You were not signed in. ${signInFailure}` : said.text}</span>
          {state.connection === "signed-out" && (
            <Button ref={again} size="compact-sm" onClick={signIn}>
              Sign in again
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
