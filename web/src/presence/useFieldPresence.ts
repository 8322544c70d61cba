/** Says which field of an entry's form the person works in, and tells who else does. */
import { type FocusEvent, type FormEvent, useCallback, useEffect, useMemo, useRef } from "react";
import type { Room } from "../shared/chartroom";
import { usePresence } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import { type Colleague, editors } from "./people";
import { quietly } from "./usePeople";

/** Who does nothing in a form for so long is not editing, wherever the cursor stands. */
const IDLE_MS = 60_000;
const NOWHERE = { resource: undefined, element: undefined, typing: undefined };

/**
 * `elements` are those that a field writes. `watch` belongs to the form, whose fields have the
 * attribute `data-field`.
 */
export function useFieldPresence<F extends string>(room: Room, resource: string | undefined, elements: (field: F) => readonly string[]) {
  const windows = usePresence(room);
  const { person } = useWorkspace();
  // A field that is empty, and was, writes nothing: it goes by its own name then.
  const written = useRef(elements);
  written.current = elements;
  const names = useCallback((field: F) => [field, ...written.current(field)], []);
  const idle = useRef<ReturnType<typeof setTimeout>>(undefined);

  const watch = useMemo(() => {
    const stay = () => {
      clearTimeout(idle.current);
      idle.current = setTimeout(quietly(() => room.presence.update(NOWHERE)), IDLE_MS);
    };
    const at = (target: EventTarget): string | undefined => {
      const field = target instanceof Element ? target.closest<HTMLElement>("[data-field]")?.dataset["field"] : undefined;
      // The last is the one that gets the value; those before it are other variants of the same.
      return field && names(field as F).at(-1);
    };
    return {
      onFocus: ({ target }: FocusEvent) => {
        const element = at(target);
        if (!resource || !element) return;
        room.presence.update({ resource, element });
        stay();
      },
      onInput: ({ target }: FormEvent) => {
        const element = at(target);
        if (!resource || !element) return;
        room.presence.typing(resource, element);
        stay();
      },
      stay,
    };
  }, [room, resource, names]);

  useEffect(() => {
    if (!resource) return;
    // A page may be in an entry by itself, and is there again behind the form.
    const around = room.presence.own?.resource;
    room.presence.update({ resource });
    watch.stay();
    return () => {
      clearTimeout(idle.current);
      quietly(() => room.presence.update({ ...NOWHERE, resource: around }))();
    };
  }, [room, resource, watch]);

  const { onFocus, onInput } = watch;
  const at = (field: F): readonly Colleague[] => (resource ? editors(windows, person.id, resource, names(field)) : []);
  return { at, watch: { onFocus, onInput } };
}
