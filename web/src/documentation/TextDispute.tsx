/** Two texts of one note that were begun apart: both in full, and the choosing. */
import { Button, Text } from "@mantine/core";
import { IconArrowsSplit2 } from "@tabler/icons-react";
import type { Conflict } from "../shared/chartroom";
import { formatTime } from "../shared/fhir/date";
import type { Attempt } from "../shared/panel/usePanelEdits";
import { tellFailure } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import classes from "./Documentation.module.css";

export function TextDispute(props: { conflict: Conflict; title: string; open: OpenRoom; attempt: Attempt }) {
  const { conflict, title, open, attempt } = props;
  const { canEdit } = useWorkspace();
  const settle = (choice: Parameters<typeof open.room.resolve>[1]) => {
    const run = () => open.room.resolve(conflict, choice);
    const failed = attempt(run, { what: `Choice for ${title}`, again: run });
    if (failed) tellFailure("Not chosen", failed);
  };
  const all = conflict.values.map(({ value }) => String(value).trim()).join("\n\n");
  return (
    <section role="group" aria-label={`Conflict in ${title}`} className={classes["dispute"]}>
      <p className={classes["disputeTitle"]}>
        <IconArrowsSplit2 size={17} aria-hidden /> This text was begun by {conflict.values.length} people apart. Choose before it is signed.
      </p>
      <div className={classes["sides"]}>
        {conflict.values.map(({ hash, value, author, authored_ms: at, shown }) => (
          <div key={hash} className={classes["sideText"]}>
            <Text size="xs" c="dimmed">
              {author?.name ?? "Someone"} · {formatTime(at, new Date())}
              {shown && " · shown for now"}
            </Text>
            <pre className={classes["words"]}>{String(value)}</pre>
            {canEdit && (
              <Button size="compact-sm" variant="default" aria-label={`Keep the text of ${author?.name ?? "someone"}`} onClick={() => settle({ hash })}>
                Keep this
              </Button>
            )}
          </div>
        ))}
      </div>
      {canEdit && (
        <Button size="compact-sm" variant="light" onClick={() => settle({ text: all })}>
          Keep all, one beneath the other
        </Button>
      )}
    </section>
  );
}
