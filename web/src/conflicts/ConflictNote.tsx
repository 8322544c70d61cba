/** Two people's values side by side, and the choosing of one. */
import { Button, Text } from "@mantine/core";
import { IconArrowsSplit2 } from "@tabler/icons-react";
import { useState } from "react";
import type { Conflict } from "../shared/chartroom";
import { reasonText } from "../shared/edits";
import { formatTime } from "../shared/fhir/date";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import { conflictTitle, resolve, sideText } from "./conflict";
import classes from "./ConflictNote.module.css";

export function ConflictNote(props: { conflict: Conflict; label: string; open: OpenRoom }) {
  const { conflict, label, open } = props;
  const { canEdit } = useWorkspace();
  const [failure, setFailure] = useState<string>();
  const choosable = canEdit && conflict.kind !== "created";

  const keep = (value: Conflict["values"][number]) => {
    const run = () => resolve(open.room, conflict, value);
    try {
      open.edits.follow(run(), { what: `Choice for ${label}`, again: run });
      setFailure(undefined);
    } catch (error) {
      setFailure(reasonText(error));
    }
  };

  return (
    <div role="group" aria-label={`Conflict in ${label}`} className={classes["note"]}>
      <p className={classes["title"]}>
        <IconArrowsSplit2 size={17} aria-hidden />
        {conflictTitle(conflict)}
      </p>
      <ul className={classes["sides"]}>
        {conflict.values.map((value) => {
          const text = sideText(conflict, value);
          const author = value.author?.name ?? "Someone";
          return (
            <li key={value.hash} className={classes["side"]}>
              <span className={classes["words"]}>
                <span className={classes["value"]}>{text}</span>
                <span className={classes["who"]}>
                  {author} · {formatTime(value.authored_ms, new Date())}
                  {value.shown && " · shown for now"}
                </span>
              </span>
              {choosable && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={`Keep ${text} (${author})`}
                  onClick={() => keep(value)}
                >
                  Keep this
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {conflict.kind === "created" && (
        <Text size="xs" mt={4}>
          The entry shows both people's elements. Edit it to confirm what is right.
        </Text>
      )}
      {failure && (
        <Text size="xs" c="red" mt={4} role="alert">
          {failure}
        </Text>
      )}
    </div>
  );
}
