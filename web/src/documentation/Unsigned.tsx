/** Letters that reached the room in the moment of a signature, whose signer had not seen them. */
import { Button, Text } from "@mantine/core";
import type { OpenRoom } from "../shared/rooms";
import { useWorkspace } from "../shared/workspace";
import { contentOf } from "./content";
import classes from "./Documentation.module.css";
import { linesBeyond } from "./late";
import type { Note } from "./note";
import { useAddendum } from "./useAddendum";
import { useNoteText, useWords } from "./useNoteText";

export function Unsigned({ open, patientId, note, onChoose }: { open: OpenRoom; patientId: string; note: Note; onChoose: (key: string) => void }) {
  const { canEdit } = useWorkspace();
  const words = useWords(useNoteText(open.room, note.resource.resourceType, note.resource.id));
  const content = contentOf(note.resource);
  const beyond = content.kind === "text" ? linesBeyond(words, content.text) : "";
  const addTo = useAddendum({ open, patientId, onChoose });
  if (beyond === "") return null;
  return (
    <section className={classes["dispute"]} aria-label="Not in what was signed">
      <Text size="sm" fw={600}>
        These lines were typed in the moment of the signature, and are not in what was signed:
      </Text>
      <pre className={classes["words"]}>{beyond}</pre>
      {canEdit && (
        <Button size="compact-sm" variant="default" onClick={() => addTo(note, beyond)}>
          Make them an addendum
        </Button>
      )}
    </section>
  );
}
