/** One section of the chart: its entries, and the adding, editing and removing of them. */
import { Badge, Button, Group, Paper, Text, Title } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useCallback, useId, useMemo, useState } from "react";
import { ConflictNote } from "../../conflicts/ConflictNote";
import type { Conflict, Resource } from "../chartroom";
import type { Refusal } from "../edits";
import { formatTime } from "../fhir/date";
import type { OpenRoom } from "../rooms";
import { useCollection, useConflicts, useRefusals, useTouches } from "../useRoom";
import { useWorkspace } from "../workspace";
import type { EntryAct, FormValues, PanelDefinition } from "./definition";
import { conflictKey } from "./dispute";
import { EntryList } from "./EntryList";
import { orderEntries } from "./order";
import classes from "./Panel.module.css";
import { ReasonDialog } from "./ReasonDialog";
import { RefusalNote } from "./RefusalNote";
import { type DialogState, ResourceDialog } from "./ResourceDialog";
import { tellFailure } from "./undoable";
import { useActs, useAttempt, useRemoval } from "./usePanelEdits";

export function ResourcePanel<V extends FormValues>(props: {
  definition: PanelDefinition<V>;
  open: OpenRoom;
  patientId: string;
}) {
  const { definition, open, patientId } = props;
  const { person, ...workspace } = useWorkspace();
  const canEdit = workspace.canEdit && !definition.readOnly;
  const headingId = useId();
  const all = useCollection(open.room, definition.type);
  const resources = useMemo(() => (definition.includes ? all.filter(definition.includes) : all), [definition, all]);
  const conflicts = useConflicts(open);
  const { current, past } = useMemo(
    () => orderEntries(definition, resources, conflicts),
    [definition, resources, conflicts],
  );
  const [dialog, setDialog] = useState<DialogState<V>>();
  const attempt = useAttempt(open, definition.title);
  const [asked, setAsked] = useState<{ resource: Resource; act: EntryAct }>();
  const onEdit = useCallback((resource: Resource) => setDialog({ id: resource.id, values: definition.read(resource) }), [definition]);
  const onRemove = useRemoval(definition, open, attempt);
  const onWrite = useCallback((resource: Resource, dispute: Conflict) => setDialog({ id: resource.id, values: definition.read(resource), dispute }), [definition]);
  const making = useCallback(() => ({ id: crypto.randomUUID(), patientId, person, now: new Date() }), [patientId, person]);
  const perform = useActs(definition, open, making);
  const onAct = useCallback(
    (resource: Resource, act: EntryAct) => {
      const values = definition.read(resource);
      const check = act.check as Partial<V> | undefined;
      if (check && Object.keys(definition.validate({ ...values, ...check }, new Date(), { room: open.room, id: resource.id })).length > 0) {
        return setDialog({ id: resource.id, values, check });
      }
      if (act.why) setAsked({ resource, act });
      else perform(resource, act, "");
    },
    [definition, open, perform],
  );
  const refusals = usePanelRefusals(definition, open, resources);
  const onDiscard = useCallback(({ key }: Refusal) => open.edits.dismiss(key), [open]);
  const onAgain = useCallback(
    (refusal: Refusal) => {
      if (refusal.draft !== undefined) return setDialog(draftState(definition, open, refusal));
      open.edits.dismiss(refusal.key);
      open.edits.attempt(refusal, refusal);
    },
    [definition, open],
  );

  return (
    <Paper component="section" withBorder radius="md" className={classes["panel"]} aria-labelledby={headingId}>
      <Group className={classes["head"]} justify="space-between" wrap="nowrap">
        <Group gap="xs" wrap="nowrap">
          <Title order={2} size="h4" id={headingId}>
            {definition.title}
          </Title>
          <Badge variant="light" color="gray" circle={current.length < 10} aria-label={`${current.length} current`}>
            {current.length}
          </Badge>
        </Group>
        <RemovalNews open={open} type={definition.type} />
        {canEdit && (
          <Button
            size="compact-sm"
            variant="light"
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => setDialog({ id: undefined, values: definition.blank() })}
          >
            Add {definition.noun}
          </Button>
        )}
      </Group>
      {refusals.head.map((refusal) => (
        <div key={refusal.key} className={classes["loose"]}>
          <RefusalNote refusal={refusal} onDiscard={() => onDiscard(refusal)} onAgain={() => onAgain(refusal)} />
        </div>
      ))}
      <RemovedConflicts definition={definition} open={open} />
      <EntryList
        definition={definition}
        open={open}
        current={current}
        past={past}
        onEdit={canEdit ? onEdit : undefined}
        onRemove={canEdit && definition.canRemove !== false ? onRemove : undefined}
        onAct={canEdit ? onAct : undefined}
        onWrite={canEdit ? onWrite : undefined}
        refusals={refusals.beside}
        onAgain={onAgain}
        onDiscard={onDiscard}
      />
      {asked?.act.why && (
        <ReasonDialog
          title={`${asked.act.why.title}: ${definition.label(asked.resource)}`}
          verb={asked.act.why.title}
          suggestions={asked.act.why.suggestions}
          isFinal={asked.act.why.isFinal}
          onClose={() => setAsked(undefined)}
          onReason={(reason) => {
            // What was asked about may have gone on meanwhile.
            const live = open.room.get(definition.type, asked.resource.id);
            const act = live && definition.acts?.(live, person).find(({ verb }) => verb === asked.act.verb);
            setAsked(undefined);
            if (live && act) perform(live, act, reason);
            else tellFailure(`${definition.label(asked.resource)} has changed meanwhile`, "Nothing was done. Look at how it stands now.");
          }}
        />
      )}
      {dialog && (
        <ResourceDialog
          key={dialog.id ?? "new"}
          definition={definition}
          open={open}
          patientId={patientId}
          state={dialog}
          attempt={attempt}
          onClose={(saved) => {
            if (saved && dialog.refusal !== undefined) open.edits.dismiss(dialog.refusal);
            setDialog(undefined);
          }}
        />
      )}
    </Paper>
  );
}

/** What was refused of a panel: at its head, or beside the entry that was acted on while that is listed. */
function usePanelRefusals<V extends FormValues>({ type, title }: PanelDefinition<V>, open: OpenRoom, listed: readonly Resource[]) {
  const all = useRefusals(open);
  return useMemo(() => {
    const mine = all.filter((refusal) => refusal.type === type && refusal.panel === title);
    const beside = new Map<string, readonly Refusal[]>();
    const isBeside = ({ beside: id }: Refusal) => id !== undefined && listed.some((resource) => resource.id === id);
    for (const refusal of mine.filter(isBeside)) beside.set(refusal.beside ?? "", [...(beside.get(refusal.beside ?? "") ?? []), refusal]);
    return { head: mine.filter((refusal) => !isBeside(refusal)), beside };
  }, [all, type, title, listed]);
}

function draftState<V extends FormValues>(
  definition: PanelDefinition<V>,
  open: OpenRoom,
  { id, key, draft }: Refusal,
): DialogState<V> {
  const resource = open.room.get(definition.type, id);
  const again = { draft: draft as V, refusal: key };
  return resource
    ? { id, values: definition.read(resource), ...again }
    : { id: undefined, values: definition.blank(), ...again };
}

/** Says quietly, in a place that is kept free for it, what somebody else removed last. */
export function RemovalNews({ open, type }: { open: OpenRoom; type: string }) {
  const removed = [...useTouches(open).values()]
    .filter((touch) => touch.type === type && touch.action === "deleted")
    .sort((a, b) => b.turn - a.turn)[0];
  return (
    <Text size="xs" c="dimmed" truncate className={classes["news"]}>
      {removed && `${removed.author} removed ${removed.label} · ${formatTime(removed.at, new Date())}`}
    </Text>
  );
}

/** Conflicts of entries that are not listed because one side removed them. */
export function RemovedConflicts<V extends FormValues>({ definition, open }: { definition: PanelDefinition<V>; open: OpenRoom }) {
  const conflicts = useConflicts(open);
  const removed: Conflict[] = [...conflicts.values()]
    .flat()
    .filter(({ resource_type: type, id }) => type === definition.type && !open.room.get(type, id) && (definition.includes?.({ resourceType: type, id }) ?? true));
  return removed.map((conflict) => (
    <div key={conflictKey(conflict)} className={classes["loose"]}>
      <ConflictNote conflict={conflict} label={`a removed ${definition.noun}`} open={open} />
    </div>
  ));
}
