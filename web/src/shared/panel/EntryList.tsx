/** The table of a panel: current entries first, past ones collapsed and shown a page at a time. */
import { Table, Text, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useId, useMemo, useState } from "react";
import { useSoughtId } from "../../chart/sought";
import { type Colleague, editors } from "../../presence/people";
import type { Conflict, Resource } from "../chartroom";
import type { Refusal } from "../edits";
import type { OpenRoom } from "../rooms";
import { resourceKey } from "../store";
import { useConflicts, usePresence, useTouches } from "../useRoom";
import { useWorkspace } from "../workspace";
import type { EntryAct, FormValues, PanelDefinition } from "./definition";
import { EntryRow } from "./EntryRow";
import classes from "./Panel.module.css";
import { ShowMore } from "../ShowMore";

const PAGE = 50;

interface EntryListProps<V extends FormValues> {
  definition: PanelDefinition<V>;
  open: OpenRoom;
  current: readonly Resource[];
  past: readonly Resource[];
  onEdit: ((resource: Resource) => void) | undefined;
  onRemove: ((resource: Resource) => void) | undefined;
  onAct: ((resource: Resource, act: EntryAct) => void) | undefined;
  onWrite: ((resource: Resource, conflict: Conflict) => void) | undefined;
  /** What was refused, by the entry that it is said beside. */
  refusals: ReadonlyMap<string, readonly Refusal[]>;
  onAgain: (refusal: Refusal) => void;
  onDiscard: (refusal: Refusal) => void;
}

export function EntryList<V extends FormValues>(props: EntryListProps<V>) {
  const { definition, current, past } = props;
  const sought = useSoughtId(definition.type);
  const [expanded, setExpanded] = useState(past.some(({ id }) => id === sought));
  const pastId = useId();

  return (
    <>
      {current.length === 0 && (
        <Text c="dimmed" size="sm" className={classes["empty"]}>
          {definition.emptyText}
        </Text>
      )}
      {current.length > 0 && <Rows {...props} caption={definition.title} entries={current} />}
      {past.length > 0 && (
        <UnstyledButton
          className={classes["pastToggle"]}
          aria-expanded={expanded}
          aria-controls={pastId}
          onClick={() => setExpanded(!expanded)}
        >
          <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={expanded || undefined} />
          {definition.pastTitle} ({past.length})
        </UnstyledButton>
      )}
      <div id={pastId} className={classes["past"]}>
        {expanded && <Rows {...props} caption={definition.pastTitle} entries={past} />}
      </div>
    </>
  );
}

function Rows<V extends FormValues>(props: EntryListProps<V> & { caption: string; entries: readonly Resource[] }) {
  const { definition, open, entries, caption, onEdit, onRemove, onAct, onWrite, onAgain, onDiscard } = props;
  const sought = useSoughtId(definition.type);
  const [limit, setLimit] = useState(Math.max(PAGE, entries.findIndex(({ id }) => id === sought) + 1));
  const touches = useTouches(open);
  const conflicts = useConflicts(open);
  const people = useEditorsByEntry(open);
  return (
    <>
      <Table className={classes["table"]} aria-label={caption} layout="fixed">
        <Table.Thead className={classes["columns"]}>
          <Table.Tr>
            <Table.Th>{definition.column}</Table.Th>
            <Table.Th className={classes["statusColumn"]}>Status</Table.Th>
            <Table.Th className={classes["changeColumn"]}>Last change</Table.Th>
            {(onEdit || onRemove) && (
              <Table.Th className={classes["actionColumn"]} data-wide={onAct && definition.acts ? true : undefined}>
                <span className="visually-hidden">Actions</span>
              </Table.Th>
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.slice(0, limit).map((resource) => {
            const key = resourceKey(definition.type, resource.id);
            return (
              <EntryRow
                key={resource.id}
                definition={definition}
                open={open}
                resource={resource}
                touch={touches.get(key)}
                conflicts={conflicts.get(key)}
                editors={people.get(key)}
                onEdit={onEdit}
                onRemove={onRemove}
                onAct={onAct}
                onWrite={onWrite}
                refusals={props.refusals.get(resource.id)}
                onAgain={onAgain}
                onDiscard={onDiscard}
              />
            );
          })}
        </Table.Tbody>
      </Table>
      <ShowMore count={entries.length} limit={limit} step={2 * PAGE} onLimit={setLimit} m="xs" />
    </>
  );
}

/** Who else has which entry open in a form. */
function useEditorsByEntry({ room }: OpenRoom): ReadonlyMap<string, readonly Colleague[]> {
  const windows = usePresence(room);
  const { person } = useWorkspace();
  return useMemo(() => {
    const keys = new Set(windows.flatMap(({ at }) => at.resource ?? []));
    return new Map([...keys].map((key) => [key, editors(windows, person.id, key)]));
  }, [windows, person.id]);
}
