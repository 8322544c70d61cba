/** Begins an addendum to a note, and goes to it. */
import { useAttempt } from "../shared/panel/usePanelEdits";
import { tellFailure } from "../shared/panel/undoable";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";
import { useWorkspace } from "../shared/workspace";
import type { Note } from "./note";
import { PANELS } from "./panels";
import { addendumTo, beginNote } from "./write";

interface Place {
  open: OpenRoom;
  patientId: string;
  onChoose: (key: string) => void;
}

/** Gives whether it was begun; why not is told. */
export function useAddendum({ open, patientId, onChoose }: Place): (note: Note, text?: string) => boolean {
  const { person } = useWorkspace();
  const attempt = useAttempt(open, PANELS.tab);
  return (note, text) => {
    const addendum = addendumTo(note, { id: crypto.randomUUID(), patientId, person, now: new Date() });
    const begin = () => beginNote(open.room, addendum, text);
    const failed = attempt(begin, { what: `Addendum to ${note.title}`, again: begin });
    if (failed) tellFailure("No addendum was made", failed);
    else onChoose(resourceKey("DocumentReference", addendum.id));
    return failed === undefined;
  };
}
