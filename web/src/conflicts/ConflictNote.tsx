/** Two people's values side by side, and the choosing of one or the writing of a third. */
import { Button, Group, Text } from "@mantine/core";
import { IconArrowsSplit2, IconPencil } from "@tabler/icons-react";
import type { Conflict } from "../shared/chartroom";
import { formatTime } from "../shared/fhir/date";
import { CONFLICTS, conflictKey } from "../shared/panel/dispute";
import { RefusalNote } from "../shared/panel/RefusalNote";
import type { OpenRoom } from "../shared/rooms";
import { useRefusals } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { conflictTitle, sideText } from "./conflict";
import classes from "./ConflictNote.module.css";

export function ConflictNote(props: {
  conflict: Conflict;
  label: string;
  open: OpenRoom;
  /** Opens the entry's form; absent where the form has no say in it. */
  onWrite?: (() => void) | undefined;
  /** Whether the values are shown and nothing is chosen here. */
  isShownOnly?: boolean;
}) {
  const { conflict, label, open, onWrite, isShownOnly = false } = props;
  const { canEdit } = useWorkspace();
  const key = conflictKey(conflict);
  const entry = { type: conflict.resource_type, id: conflict.id };
  const refusals = useRefusals(open).filter(({ panel, beside }) => panel === CONFLICTS && beside === key);
  const choosable = canEdit && !isShownOnly && conflict.kind !== "created";

  const keep = (value: Conflict["values"][number]) => {
    const again = () => open.room.resolve(conflict, { hash: value.hash });
    open.edits.attempt(entry, { what: `Choice for ${label}`, panel: CONFLICTS, beside: key, again });
  };

  return (
    <div role="group" aria-label={`Conflict in ${label}`} className={classes["note"]} data-shown-only={isShownOnly || undefined}>
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
                  Keep
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {conflict.kind === "created" && (
        <Text size="xs" mt={4}>
          The entry shows both people's elements. Correct what is wrong in it to settle this.
        </Text>
      )}
      {canEdit && onWrite && (
        <Group my={6}>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPencil size={15} aria-hidden />}
            aria-label={conflict.kind === "created" ? `Correct ${label}` : `Write another value for ${label}`}
            onClick={onWrite}
          >
            {conflict.kind === "created" ? "Correct the entry" : "Write another value"}
          </Button>
        </Group>
      )}
      {!isShownOnly &&
        refusals.map((refusal) => (
          <RefusalNote
            key={refusal.key}
            refusal={refusal}
            onDiscard={() => open.edits.dismiss(refusal.key)}
            onAgain={() => {
              open.edits.dismiss(refusal.key);
              open.edits.attempt(entry, refusal);
            }}
          />
        ))}
    </div>
  );
}
