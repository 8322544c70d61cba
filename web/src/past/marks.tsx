/** Marks at entries: changed later than the moment that is shown, or since this person last looked. */
import { createContext, type ReactNode, useContext, useMemo } from "react";
import { formatTime } from "../shared/fhir/date";
import { elementName } from "../shared/fhir/words";
import { resourceKey } from "../shared/store";
import type { LaterChange } from "./later";
import classes from "./Past.module.css";

/** Changed later than what is shown, or not seen by this person yet. */
type Kind = "later" | "unseen";

const Marks = createContext<{ readonly kind: Kind; readonly byKey: ReadonlyMap<string, LaterChange> }>({ kind: "unseen", byKey: new Map() });

/** Marks the entries below that have changed. */
export function MarkEntries({ kind, changes, children }: { kind: Kind; changes: readonly LaterChange[] | undefined; children: ReactNode }) {
  const marks = useMemo(() => ({ kind, byKey: new Map(changes?.map((change) => [change.key, change])) }), [kind, changes]);
  return <Marks.Provider value={marks}>{children}</Marks.Provider>;
}

/** The mark of one entry; nothing where it has none. */
export function EntryMark({ type, id }: { type: string; id: string }) {
  const { kind, byKey } = useContext(Marks);
  const change = byKey.get(resourceKey(type, id));
  if (!change) return null;
  return (
    <span className={classes["mark"]} data-kind={kind}>
      {kind === "later" ? "Later " : "Since you looked "}
      {whatText(change)}
    </span>
  );
}

/** "changed by Bob Diaz, 14:05: Status, Note". */
export function whatText({ type, action, people, ms, changed }: LaterChange): string {
  const verb = { created: "added", updated: "changed", deleted: "removed" }[action];
  const by = people.length > 0 ? ` by ${people.map(({ name }) => name).join(" and ")}` : "";
  const when = ms ? `, ${formatTime(ms, new Date())}` : "";
  const what = action === "updated" ? changed.map((element) => elementName(type, element)).slice(0, NAMED) : [];
  const more = changed.length > NAMED ? " and more" : "";
  return `${verb}${by}${when}${what.length > 0 ? `: ${what.join(", ")}${more}` : ""}`;
}

const NAMED = 4;
