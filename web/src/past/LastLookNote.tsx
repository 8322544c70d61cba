/** A quiet note on opening a chart: what others changed since this person last looked through it. */
import { Anchor, Button, Dialog, Group, ScrollArea } from "@mantine/core";
import { useId, useState } from "react";
import { Link } from "wouter";
import { formatTime } from "../shared/fhir/date";
import { chartPath, tabOf } from "../chart/address";
import type { LaterChange } from "./later";
import { whatText } from "./marks";
import { countedEntries, entryTypeName } from "./names";
import classes from "./Past.module.css";
import type { LastLook } from "./useLastLook";

const LISTED = 60;

export function LastLookNote({ look, patientId, onSeen }: { look: LastLook | undefined; patientId: string; onSeen: () => void }) {
  const [isOpen, setIsOpen] = useState(false);
  const listId = useId();
  if (!look) return null;
  return (
    <Dialog opened role="region" aria-label="Since you last looked" size="auto" withBorder shadow="md" p="sm" position={{ bottom: 56, left: 16 }} zIndex={150} className={classes["look"]}>
      <p className={classes["lookText"]} role="status">
        {lookText(look, new Date())}
      </p>
      <div id={listId}>{isOpen && <Changes changes={look.changes} patientId={patientId} />}</div>
      <Group gap="xs" mt={8}>
        <Button size="compact-sm" variant="light" onClick={onSeen}>
          Seen
        </Button>
        <Button size="compact-sm" variant="subtle" aria-expanded={isOpen} aria-controls={listId} onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? "Hide the entries" : "Show the entries"}
        </Button>
      </Group>
    </Dialog>
  );
}

function Changes({ changes, patientId }: { changes: readonly LaterChange[]; patientId: string }) {
  return (
    <ScrollArea.Autosize mah={240} type="auto" mt={6} viewportProps={{ role: "group", tabIndex: 0, "aria-label": "Changed entries" }}>
      <ul className={classes["list"]}>
        {changes.slice(0, LISTED).map((change) => (
          <li key={change.key}>
            <EntryLink change={change} patientId={patientId} /> {whatText(change)}
          </li>
        ))}
        {changes.length > LISTED && <li>and {changes.length - LISTED} more</li>}
      </ul>
    </ScrollArea.Autosize>
  );
}

function EntryLink({ change: { type, key, label, action }, patientId }: { change: LaterChange; patientId: string }) {
  const tab = tabOf(type);
  const words = label || `A removed ${entryTypeName(type, 1)}`;
  if (!tab || action === "deleted") return <strong>{words}</strong>;
  return (
    <Anchor component={Link} href={chartPath(patientId, tab, { entry: key })} fw={600}>
      {words}
    </Anchor>
  );
}

/** "Since you last looked (yesterday, 22:10): 3 results, 1 order by Bob Diaz". */
export function lookText({ visit, changes }: LastLook, now: Date): string {
  const byPeople = new Map<string, Map<string, number>>();
  for (const { people, type } of changes) {
    const by = people.map(({ name }) => name).join(" and ") || "others";
    const types = byPeople.get(by) ?? new Map<string, number>();
    byPeople.set(by, types.set(type, (types.get(type) ?? 0) + 1));
  }
  const parts = [...byPeople].map(([by, types]) => `${[...types].map(([type, count]) => countedEntries(type, count)).join(", ")} by ${by}`);
  return `Since you last looked (${dayText(visit.ms, now)}): ${parts.join("; ")}.`;
}

function dayText(ms: number, now: Date): string {
  const clock = formatTime(ms, new Date(ms));
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (new Date(ms).toDateString() === now.toDateString()) return `today, ${clock}`;
  if (new Date(ms).toDateString() === yesterday.toDateString()) return `yesterday, ${clock}`;
  return formatTime(ms, now);
}
