/** The signing of a note, and beside it why it cannot be signed. */
import { Button, Group, Text } from "@mantine/core";
import { useId, useState } from "react";
import { colleagues } from "../presence/people";
import type { Conflict, TextView } from "../shared/chartroom";
import { tellFailure, tellIfRefused } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import { usePresence } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import classes from "./Documentation.module.css";
import { isBlank } from "./kinds";
import type { Note } from "./note";
import { useWords } from "./useNoteText";
import { settled, signature } from "./write";

/** Why a note cannot be signed; undefined where it can. */
export function whyUnsigned(words: string, conflicts: readonly Conflict[]): string | undefined {
  if (conflicts.some(({ kind }) => kind === "text")) return "Two texts of this note stand beside each other. Choose one before signing.";
  if (conflicts.length > 0) return "People disagree about this note. Choose before signing.";
  if (words.trim() === "") return "The note is empty. Write something before signing.";
  return isBlank(words) ? "There is nothing beneath the headings yet. Write something before signing." : undefined;
}

export function SignBar(props: { open: OpenRoom; note: Note; text: TextView; conflicts: readonly Conflict[] }) {
  const { open, note, text, conflicts } = props;
  const { person } = useWorkspace();
  const words = useWords(text);
  const writing = colleagues(usePresence(open.room).filter(({ at }) => at.text === text.key), person.id);
  const [changed, setChanged] = useState(false);
  const hintId = useId();
  const reason = whyUnsigned(words, conflicts);

  const sign = async () => {
    const seen = text.toString();
    setChanged(false);
    await settled(text);
    if (text.toString() !== seen) return setChanged(true);
    // Signing again without a look at what changed is not offered.
    const failure = `${note.title} was not signed`;
    try {
      const { resourceType: type, id } = note.resource;
      const edit = open.room.patch(type, id, signature(note.resource, seen, person, new Date()), { text: `sign ${note.title}` });
      tellIfRefused(open.room, edit, failure);
    } catch (error) {
      tellFailure(failure, error);
    }
  };
  const hint = changed ? "The text changed while you were signing. Look at it again." : (reason ?? writingText(writing.map(({ name }) => name)));
  return (
    <Group gap="sm" wrap="nowrap" className={classes["signing"]}>
      <Button onClick={() => void sign()} disabled={reason !== undefined} aria-describedby={hintId}>
        Sign
      </Button>
      <Text size="sm" id={hintId} role="status" aria-label="Before signing" c={reason || changed ? undefined : "dimmed"} className={classes["hint"]}>
        {hint}
      </Text>
    </Group>
  );
}

function writingText(names: readonly string[]): string {
  if (names.length === 0) return "";
  return `${names.join(" and ")} ${names.length === 1 ? "has" : "have"} the cursor in this text. What they type behind your signature becomes an addendum of theirs.`;
}
