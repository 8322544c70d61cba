/**
 * The form of one entry, to add or to edit it.
 *
 * While it is open the entry stays live: a field the person has not touched follows what others
 * write, and a touched one says so. Saving writes only the elements of the fields the person changed.
 */
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ConflictNote } from "../../conflicts/ConflictNote";
import { FieldNote } from "../../presence/FieldNote";
import { useFieldPresence } from "../../presence/useFieldPresence";
import type { Conflict } from "../chartroom";
import { dropRefused } from "../edits";
import { sameJson } from "../fhir/read";
import type { OpenRoom } from "../rooms";
import { resourceKey } from "../store";
import { useConflicts, useResource, useTouches } from "../useRoom";
import { useWorkspace } from "../workspace";
import { type FormValues, makeResource, type PanelDefinition } from "./definition";
import { conflictKey, disputedElements, disputedFields } from "./dispute";
import type { Attempt } from "./usePanelEdits";

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
  /** The conflict that saving settles, whatever is written. */
  dispute?: Conflict;
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
    validate: (values) => definition.validate(values, new Date(), { room: open.room, id: state.id }) as Record<string, string>,
  });
  const meanwhile = useMeanwhile(definition, open, state, live, form);
  const others = useFieldPresence(open.room, state.id && resourceKey(definition.type, state.id), (field) => {
    const before = state.id ? open.room.get(definition.type, state.id) : undefined;
    return Object.keys(definition.elements(form.getValues(), new Set([field]), before));
  });
  const conflicts = useConflicts(open).get(resourceKey(definition.type, state.id ?? newId)) ?? [];
  const isDisputed = conflicts.some(({ safety }) => safety);
  const dispute = state.dispute && conflicts.find((conflict) => state.dispute && conflictKey(conflict) === conflictKey(state.dispute));
  const choices = definition.saveAs?.(state.id ? live : undefined);
  useEffect(() => {
    if (state.check) form.validate();
    // Once, as the dialog opens.
  }, []);
  const gone = state.id !== undefined && live === undefined;
  const title = definition.formTitle ?? `${state.id ? "Edit" : "Add"} ${definition.noun}`;

  /** What people disagree about, at the first field that it is about. */
  const sides = (field: keyof V & string): ReactNode =>
    live &&
    conflicts
      .filter((conflict) => disputedFields(definition, live, conflict)[0] === field)
      .map((conflict) => <ConflictNote key={conflictKey(conflict)} conflict={conflict} label={definition.label(live)} open={open} isShownOnly />);

  const submit = (values: V) => {
    const changed = changedFields(values, meanwhile.base);
    if (state.id && changed.size === 0 && dispute?.kind === "created") return setFailure("Nothing was changed, so the conflict is still open.");
    if (dispute && live) for (const field of disputedFields(definition, live, dispute)) changed.add(field);
    if (state.id && changed.size === 0 && !gone) return onClose(false);
    const save = () => {
      if (!state.id) {
        const making = { id: newId, patientId, person, now: new Date() };
        const made = makeResource(definition, values, making);
        return definition.create ? definition.create(open.room, made) : open.room.put(made);
      }
      const restored = gone ? open.room.restore(definition.type, state.id) : undefined;
      const before = open.room.get(definition.type, state.id);
      const settled = dispute ? disputedElements(dispute, before) : {};
      const elements = { ...settled, ...definition.elements(values, changed, before, person) };
      if (restored && Object.keys(elements).length === 0) return restored;
      const patched = open.room.patch(definition.type, state.id, elements);
      // One word for both.
      if (restored) patched.saved.catch(() => dropRefused(open.room, restored));
      return patched;
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
        ref={(form) => {
          if (form && dispute && live) beginAt(form, disputedFields(definition, live, dispute)[0]);
        }}
        {...others.watch}
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
            room={open.room}
            note={(field) => {
              const theirs = meanwhile.theirs[field];
              if (theirs === undefined) return <>{sides(field)}<FieldNote people={others.at(field)} /></>;
              return (
                <>
                  {sides(field)}
                  <Text size="xs" mt={4} role="note" className="meanwhile">
                    {meanwhile.author} changed this to “{theirs}” meanwhile. Saving replaces it.
                  </Text>
                </>
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

/** The dialog puts the cursor where this attribute is. */
function beginAt(form: HTMLElement, field: string | undefined): void {
  const target = form.querySelector(`[data-field="${field}"]`);
  if (!target) return;
  form.querySelector("[data-autofocus]")?.removeAttribute("data-autofocus");
  target.setAttribute("data-autofocus", "");
}

function changedFields<V extends FormValues>(values: V, base: V): Set<keyof V & string> {
  const fields = Object.keys(values) as (keyof V & string)[];
  return new Set(fields.filter((field) => !sameJson(values[field], base[field])));
}
