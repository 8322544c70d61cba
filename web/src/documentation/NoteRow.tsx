/** One note in the tree: what it is, how it stands, who is in it, who changed it last. */
import { PeopleMark } from "../presence/People";
import { useEditors } from "../presence/usePeople";
import { formatTime } from "../shared/fhir/date";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts, useTouches } from "../shared/useRoom";
import classes from "./Documentation.module.css";
import { hereText, type Note, stateText, whenText } from "./note";

export function NoteRow({ open, note }: { open: OpenRoom; note: Note }) {
  const touch = useTouches(open).get(note.key);
  const people = useEditors(open.room, note.key);
  const isDisputed = useConflicts(open).has(note.key);
  const facts = [stateText(note), whenText(note.date), note.author].filter(Boolean).join(" · ");
  return (
    <span className={classes["rowText"]} data-changed={touch ? (touch.turn % 2 === 0 ? "even" : "odd") : undefined}>
      <span className={classes["rowTitle"]}>{note.title}</span>
      <span className={classes["rowFacts"]} data-state={note.state}>
        {isDisputed ? "In dispute · " : ""}
        {touch ? `${stateText(note)} · changed by ${touch.author}, ${formatTime(touch.at, new Date())}` : facts}
      </span>
      <span className={classes["rowPeople"]}>
        <PeopleMark people={people} text={hereText(people)} />
      </span>
    </span>
  );
}
