/** How a panel's edits are made: followed until they are durable, and offered to be taken back. */
import { useCallback } from "react";
import type { Edit, Json, Resource } from "../chartroom";
import { type EditMeaning, reasonText } from "../edits";
import type { OpenRoom } from "../rooms";
import type { EntryAct, FormValues, Making, PanelDefinition } from "./definition";
import { offerUndo, tellFailure, whileItStands } from "./undoable";

/** Makes an edit and follows it; the reason where it cannot even be made. */
export type Attempt = (run: () => Edit, meaning: EditMeaning) => string | undefined;

export function useAttempt({ edits }: OpenRoom, panel: string): Attempt {
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

export function useRemoval<V extends FormValues>(definition: PanelDefinition<V>, { room }: OpenRoom, attempt: Attempt) {
  return useCallback(
    (resource: Resource) => {
      const label = definition.label(resource);
      const { type } = definition;
      const { id } = resource;
      const remove = () => room.remove(type, id);
      const failed = attempt(remove, { what: `Removal of ${label}`, again: remove });
      if (failed) return tellFailure(`${label} was not removed`, failed);
      const restore = () => room.restore(type, id);
      const follow = (undo: () => Edit) => attempt(undo, { what: `Undo of removing ${label}`, again: restore });
      offerUndo(room, `Removed ${label}`, follow, whileItStands(room, type, id));
    },
    [definition, room, attempt],
  );
}

/** Does an act to an entry; a refusal, at once or later, is kept beside the entry. */
export function useActs<V extends FormValues>({ type, label, title }: PanelDefinition<V>, { room, edits }: OpenRoom, making: () => Making) {
  return useCallback(
    (resource: Resource, act: EntryAct, reason: string) => {
      const name = label(resource);
      const made = act.make?.(making());
      const elements = act.elements?.(reason) ?? {};
      const at = { type, id: (made ?? resource).id };
      const text = `${act.verb.toLowerCase()} ${name}`;
      const run = () => (made ? room.put(made, { text }) : room.patch(type, resource.id, elements, { text }));
      const meaning = { what: `${act.verb}: ${name}`, panel: title, beside: resource.id, again: run };
      if (!edits.attempt(at, meaning)) return;
      const back = made ? () => room.remove(type, made.id) : () => room.patch(type, resource.id, before(resource, elements));
      const follow = (undo: () => Edit) => {
        edits.attempt(at, { ...meaning, what: `Undo of: ${text}`, again: back }, undo);
        return undefined;
      };
      offerUndo(room, `${act.done} ${name}`, follow, whileItStands(room, type, at.id, made ? undefined : Object.keys(elements)));
    },
    [type, label, title, room, edits, making],
  );
}

/** The elements as they were. */
function before(resource: Resource, elements: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.keys(elements).map((name) => [name, (resource[name] ?? null) as Json]));
}
