/** Words that came too late into a signed note: shown to who typed them, to be made an addendum. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { IconClockExclamation } from "@tabler/icons-react";
import type { OpenRoom } from "../shared/rooms";
import classes from "./Documentation.module.css";
import { type LateText, lateTexts } from "./late";
import { type Note, noteOf } from "./note";
import { useAddendum } from "./useAddendum";
import { useRefused } from "./useNoteText";

interface Props {
  open: OpenRoom;
  patientId: string;
  onChoose: (key: string) => void;
}

export function LateTexts(props: Props) {
  const late = lateTexts(useRefused(props.open.room));
  return late.map((one) => <Late key={one.id} late={one} {...props} />);
}

function Late({ late, open, patientId, onChoose }: Props & { late: LateText }) {
  const resource = open.room.get("DocumentReference", late.id);
  const note = resource && noteOf(resource);
  const title = note?.title ?? "a note";
  const isLate = !note || isSigned(note);
  const drop = () => late.edits.forEach((edit) => edit.drop());
  const addTo = useAddendum({ open, patientId, onChoose });
  const append = () => {
    if (note && addTo(note, late.text)) drop();
  };
  return (
    <Alert color="orange" icon={<IconClockExclamation aria-hidden />} title={`${isLate ? "Your text came too late" : "Your text was not taken"}: ${title}`} className={classes["late"]}>
      <Text size="sm">{whyLate(note, late)}</Text>
      {late.text && <pre className={classes["words"]}>{late.text}</pre>}
      <Group gap="xs" mt="xs">
        {late.text && note && (
          <Button size="compact-sm" onClick={append}>
            Make it an addendum
          </Button>
        )}
        {late.text && (
          <Button size="compact-sm" variant="default" onClick={() => void navigator.clipboard?.writeText(late.text)}>
            Copy
          </Button>
        )}
        <Button size="compact-sm" variant="default" onClick={drop}>
          {late.text ? "Discard" : "Dismiss"}
        </Button>
      </Group>
    </Alert>
  );
}

function isSigned({ state }: Note): boolean {
  return state === "signed" || state === "amended";
}

function whyLate(note: Note | undefined, { text, edits }: LateText): string {
  const signed = note && isSigned(note) ? `${note.signedBy || "Somebody"} signed the note while you were writing, and what was signed stands.` : `The reason: ${edits[0]?.message ?? "not known"}.`;
  const why = note ? signed : "The note was removed while you were writing.";
  return text ? `${why} These are the words that are not in it:` : `${why} Letters that you took away are still in it.`;
}
