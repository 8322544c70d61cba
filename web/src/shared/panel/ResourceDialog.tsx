/**
 * The form of one entry, to add or to edit it.
 *
 * While it is open the entry stays live: a field the person has not touched follows what others
 * write, and a touched one says so. Saving writes only the elements of the fields the person changed.
 */
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type FocusEvent, useEffect, useRef, useState } from "react";
import { FieldNote } from "../../presence/FieldNote";
import { editors } from "../../presence/people";
import { quietly } from "../../presence/usePeople";
import { sameJson } from "../fhir/read";
import type { OpenRoom } from "../rooms";
import { resourceKey } from "../store";
import { useConflicts, usePresence, useResource, useTouches } from "../useRoom";
import { useWorkspace } from "../workspace";
import { type FormValues, makeResource, type PanelDefinition } from "./definition";
import type { Attempt } from "./ResourcePanel";

/** What the dialog is about. */
export interface DialogState<V> {
  /** The entry that is edited; absent when one is added. */
  id: string | undefined;
  /** The values as the entry has them. */
  values: V;
  /** Values to begin with, where an earlier attempt was refused. */
  draft?: V;
  /** Values that the form is checked with at once, where something could not be done without more. */
  check?: Partial<V>;
  /** The refused edit that is made again; settled only once this one is made. */
  refusal?: number;
}

export function ResourceDialog<V extends FormValues>(props: {
  definition: PanelDefinition<V>;
  open: OpenRoom;
  patientId: string;
  state: DialogState<V>;
  attempt: Attempt;
  onClose: (saved: boolean) => void;
}) {
  const { definition, open, patientId, state, attempt, onClose } = props;
  const { person } = useWorkspace();
  const [newId] = useState(() => crypto.randomUUID());
  const live = useResource(open.room, definition.type, state.id ?? newId);
  const [failure, setFailure] = useState<string>();
  const form = useForm<V>({
    initialValues: { ...(state.draft ?? state.values), ...state.check },
    validate: (values) => definition.validate(values, new Date()) as Record<string, string>,
  });
  const meanwhile = useMeanwhile(definition, open, state, live, form);
  const others = useFieldPresence(definition, open, state, form);
  const isDisputed = useConflicts(open).get(resourceKey(definition.type, state.id ?? newId))?.some(({ safety }) => safety) ?? false;
  const choices = definition.saveAs?.(state.id ? live : undefined);
  useEffect(() => {
    if (state.check) form.validate();
    // Once, as the dialog opens.
  }, []);
  const gone = state.id !== undefined && live === undefined;
  const title = `${state.id ? "Edit" : "Add"} ${definition.noun}`;

  const submit = (values: V) => {
    const changed = changedFields(values, meanwhile.base);
    if (state.id && changed.size === 0 && !gone) return onClose(false);
    const save = () => {
      if (!state.id) {
        const making = { id: newId, patientId, person, now: new Date() };
        return open.room.put(makeResource(definition, values, making));
      }
      if (gone) open.room.restore(definition.type, state.id);
      const before = open.room.get(definition.type, state.id);
      return open.room.patch(definition.type, state.id, definition.elements(values, changed, before, person));
    };
    const label = live ? definition.label(live) : definition.noun;
    const what = state.id ? `Edit of ${label}` : `New ${definition.noun}`;
    const failed = attempt(save, { what, draft: values, again: save });
    if (failed) setFailure(failed);
    else onClose(true);
  };

  return (
    <Modal opened onClose={() => onClose(false)} title={title} size="lg" closeButtonProps={{ "aria-label": "Close" }} transitionProps={{ duration: 100 }}>
      <form
        noValidate
        onFocus={others.onFocus}
        onSubmit={form.onSubmit(submit, (errors) => {
          const first = Object.keys(errors)[0];
          if (first) document.querySelector<HTMLElement>(`[data-field="${first}"]`)?.focus();
        })}
      >
        <Stack gap="md">
          {gone && (
            <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="Removed meanwhile">
              {meanwhile.author} removed this {definition.noun} while you were editing it.
            </Alert>
          )}
          <definition.Fields
            form={form}
            resource={live}
            note={(field) => {
              const theirs = meanwhile.theirs[field];
              if (theirs === undefined) return <FieldNote people={others.at(field)} />;
              return (
                <Text size="xs" mt={4} role="note" className="meanwhile">
                  {meanwhile.author} changed this to “{theirs}” meanwhile. Saving replaces it.
                </Text>
              );
            }}
          />
          {failure && (
            <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="Not saved">
              {failure}
            </Alert>
          )}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={() => onClose(false)}>
              Cancel
            </Button>
            {choices?.map(({ label, values, isMain }) => (
              <Button key={label} type="submit" variant={isMain ? "filled" : "light"} disabled={isMain && isDisputed} onClick={() => form.setValues(values)}>
                {label}
              </Button>
            ))}
            {!choices && <Button type="submit">{gone ? "Restore and save" : state.id ? "Save changes" : `Add ${definition.noun}`}</Button>}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Says to others which element the cursor is in, and who of them is in which. */
function useFieldPresence<V extends FormValues>(
  definition: PanelDefinition<V>,
  { room }: OpenRoom,
  state: DialogState<V>,
  form: { getValues(): V },
) {
  const windows = usePresence(room);
  const { person } = useWorkspace();
  const resource = state.id && resourceKey(definition.type, state.id);
  // A field that is empty, and was, writes nothing: it goes by its own name then.
  const written = (field: keyof V & string) => {
    const before = state.id ? room.get(definition.type, state.id) : undefined;
    return [field, ...Object.keys(definition.elements(form.getValues(), new Set([field]), before))];
  };

  useEffect(() => {
    if (!resource) return;
    room.presence.update({ resource });
    return quietly(() => room.presence.update({ resource: undefined, element: undefined }));
  }, [room, resource]);

  return {
    at: (field: keyof V & string) => (resource ? editors(windows, person.id, resource, written(field)) : []),
    onFocus: (event: FocusEvent<HTMLElement>) => {
      const field = event.target.closest<HTMLElement>("[data-field]")?.dataset["field"];
      // The last is the one that gets the value; those before it are other variants of the same.
      if (resource && field) room.presence.update({ resource, element: written(field).at(-1) });
    },
  };
}

/** Follows the entry while it is edited: untouched fields take new values, touched ones are noted. */
function useMeanwhile<V extends FormValues>(
  definition: PanelDefinition<V>,
  open: OpenRoom,
  state: DialogState<V>,
  live: Parameters<PanelDefinition<V>["read"]>[0] | undefined,
  form: { getValues(): V; setFieldValue(field: never, value: never): void },
) {
  const base = useRef(state.values);
  const [theirs, setTheirs] = useState<Partial<Record<string, string>>>({});
  const touches = useTouches(open);
  const author = (state.id && touches.get(resourceKey(definition.type, state.id))?.author) || "Someone";

  useEffect(() => {
    if (!state.id || !live) return;
    const next = definition.read(live);
    const values = form.getValues();
    const notes: Partial<Record<string, string>> = {};
    const settled: FormValues = { ...base.current };
    for (const field of Object.keys(next) as (keyof V & string)[]) {
      if (sameJson(values[field], base.current[field]) || sameJson(values[field], next[field])) {
        if (!sameJson(values[field], next[field])) form.setFieldValue(field as never, next[field] as never);
        settled[field] = next[field];
      } else if (!sameJson(next[field], base.current[field])) {
        notes[field] = definition.show(field, next) || "nothing";
      }
    }
    base.current = settled as V;
    setTheirs(notes);
    // The form's methods read its latest values; only a change of the entry matters here.
  }, [live]);

  return { base: base.current, theirs, author };
}

function changedFields<V extends FormValues>(values: V, base: V): ReadonlySet<keyof V & string> {
  const fields = Object.keys(values) as (keyof V & string)[];
  return new Set(fields.filter((field) => !sameJson(values[field], base[field])));
}
