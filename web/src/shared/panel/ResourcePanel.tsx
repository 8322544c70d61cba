/** One section of the chart: its entries, and the adding, editing and removing of them. */
import { Badge, Button, Group, Paper, Text, Title } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useCallback, useId, useMemo, useState } from "react";
import { ConflictNote } from "../../conflicts/ConflictNote";
import type { Conflict, Edit, Resource } from "../chartroom";
import { type EditMeaning, reasonText, type Refusal } from "../edits";
import { formatTime } from "../fhir/date";
import type { OpenRoom } from "../rooms";
import { useCollection, useConflicts, useRefusals, useTouches } from "../useRoom";
import { useWorkspace } from "../workspace";
import type { EntryAct, FormValues, PanelDefinition } from "./definition";
import { EntryList } from "./EntryList";
import { orderEntries } from "./order";
import classes from "./Panel.module.css";
import { ReasonDialog } from "./ReasonDialog";
import { RefusalNote } from "./RefusalNote";
import { type DialogState, ResourceDialog } from "./ResourceDialog";
import { offerUndo, tellFailure } from "./undoable";

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
  const perform = useActs(definition, open, attempt);
  const onAct = useCallback(
    (resource: Resource, act: EntryAct) => {
      const values = definition.read(resource);
      const check = act.check as Partial<V> | undefined;
      if (check && Object.keys(definition.validate({ ...values, ...check }, new Date())).length > 0) {
        return setDialog({ id: resource.id, values, check });
      }
      if (act.why) setAsked({ resource, act });
      else perform(resource, act, "");
    },
    [definition, perform],
  );
  const refusals = useRefusals(open).filter((refusal) => refusal.type === definition.type && refusal.panel === definition.title);

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
      {refusals.map((refusal) => (
        <RefusalNote
          key={refusal.key}
          refusal={refusal}
          onDiscard={() => open.edits.dismiss(refusal.key)}
          onAgain={() => {
            if (refusal.draft !== undefined) return setDialog(draftState(definition, open, refusal));
            open.edits.dismiss(refusal.key);
            attempt(refusal.again, refusal);
          }}
        />
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
      />
      {asked?.act.why && (
        <ReasonDialog
          title={`${asked.act.why.title}: ${definition.label(asked.resource)}`}
          verb={asked.act.why.title}
          suggestions={asked.act.why.suggestions}
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

/** Makes an edit and follows it; the reason where it cannot even be made. */
export type Attempt = (run: () => Edit, meaning: EditMeaning) => string | undefined;

function useAttempt({ edits }: OpenRoom, panel: string): Attempt {
  return useCallback(
    (run, meaning) => {
      try {
        edits.follow(run(), { panel, ...meaning });
        return undefined;
      } catch (error) {
        return reasonText(error);
      }
    },
    [edits, panel],
  );
}

function useRemoval<V extends FormValues>(definition: PanelDefinition<V>, open: OpenRoom, attempt: Attempt) {
  return useCallback(
    (resource: Resource) => {
      const label = definition.label(resource);
      const { type } = definition;
      const { id } = resource;
      const remove = () => open.room.remove(type, id);
      const failed = attempt(remove, { what: `Removal of ${label}`, again: remove });
      if (failed) return tellFailure(`${label} was not removed`, failed);
      const restore = () => open.room.restore(type, id);
      offerUndo(open.room, `Removed ${label}`, (undo) => attempt(undo, { what: `Undo of removing ${label}`, again: restore }));
    },
    [definition, open, attempt],
  );
}

function useActs<V extends FormValues>({ type, label }: PanelDefinition<V>, { room }: OpenRoom, attempt: Attempt) {
  return useCallback(
    (resource: Resource, { verb, done, elements }: EntryAct, reason: string) => {
      const name = label(resource);
      const act = () => room.patch(type, resource.id, elements(reason), { text: `${verb.toLowerCase()} ${name}` });
      const failed = attempt(act, { what: `${verb}: ${name}`, again: act });
      if (failed) return tellFailure(`${verb}: ${name} was not done`, failed);
      const undo = () => room.undo.undo();
      offerUndo(room, `${done} ${name}`, () => attempt(undo, { what: `Undo of: ${verb} ${name}`, again: act }));
    },
    [type, label, room, attempt],
  );
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
function RemovalNews({ open, type }: { open: OpenRoom; type: string }) {
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
function RemovedConflicts<V extends FormValues>({ definition, open }: { definition: PanelDefinition<V>; open: OpenRoom }) {
  const conflicts = useConflicts(open);
  const removed: Conflict[] = [...conflicts.values()]
    .flat()
    .filter(({ resource_type: type, id }) => type === definition.type && !open.room.get(type, id) && (definition.includes?.({ resourceType: type, id }) ?? true));
  return removed.map((conflict) => (
    <div key={`${conflict.id} ${conflict.kind} ${conflict.elements.join(" ")}`} className={classes["loose"]}>
      <ConflictNote conflict={conflict} label={`a removed ${definition.noun}`} open={open} />
    </div>
  ));
}
