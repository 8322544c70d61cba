/** The kinds of entry whose form can settle a conflict, found for any resource of the chart. */
import type { ReactNode } from "react";
import { ALLERGIES } from "../allergies/AllergiesPanel";
import { MEDICATIONS } from "../medications/MedicationsPanel";
import { IMAGING_ORDERS, LABORATORY_ORDERS } from "../orders/definitions";
import { PROBLEMS } from "../problems/ProblemsPanel";
import { IMMUNIZATIONS, PROCEDURES } from "../review/entries";
import type { Conflict, Resource } from "../shared/chartroom";
import { entryLabel } from "../shared/activity";
import { isClosing } from "../shared/edits";
import { elementName } from "../shared/fhir/words";
import type { FormValues, PanelDefinition } from "../shared/panel/definition";
import { isWritable } from "../shared/panel/dispute";
import { ResourceDialog } from "../shared/panel/ResourceDialog";
import { tellFailure } from "../shared/panel/undoable";
import { type Attempt, useAttempt } from "../shared/panel/usePanelEdits";
import type { OpenRoom } from "../shared/rooms";

export interface FormProps {
  resource: Resource;
  conflict: Conflict;
  open: OpenRoom;
  patientId: string;
  onClose: () => void;
}

export interface Kind {
  /** As the panel is headed. */
  readonly title: string;
  includes(resource: Resource): boolean;
  isWritable(resource: Resource, conflict: Conflict): boolean;
  form(props: FormProps): ReactNode;
}

const KINDS: readonly Kind[] = [
  kind(ALLERGIES),
  kind(PROBLEMS),
  kind(MEDICATIONS),
  kind(LABORATORY_ORDERS),
  kind(IMAGING_ORDERS),
  kind(IMMUNIZATIONS),
  kind(PROCEDURES),
];

export function kindOf(resource: Resource): Kind | undefined {
  return KINDS.find((one) => one.includes(resource));
}

/** What a conflict is about: `Allergies: Penicillin`. */
export function conflictPlace({ resource_type: type }: Conflict, resource: Resource | undefined): string {
  const title = (resource && kindOf(resource)?.title) ?? elementName("", type);
  return `${title}: ${resource ? entryLabel(resource) : "a removed entry"}`;
}

function kind<V extends FormValues>(definition: PanelDefinition<V>): Kind {
  return {
    title: definition.title,
    includes: (resource) => resource.resourceType === definition.type && (definition.includes?.(resource) ?? true),
    isWritable: (resource, conflict) => isWritable(definition, resource, conflict),
    form: (props) => <Form definition={definition} {...props} />,
  };
}

function Form<V extends FormValues>({ definition, resource, conflict, open, patientId, onClose }: FormProps & { definition: PanelDefinition<V> }) {
  const keep = useAttempt(open, definition.title);
  // The text waits in the entry's panel, which may be on another page.
  const attempt: Attempt = (run, meaning) =>
    keep(() => {
      const edit = run();
      edit.saved.catch((error: unknown) => isClosing(error) || tellFailure(`${meaning.what} was not saved`, error));
      return edit;
    }, meaning);
  const state = { id: resource.id, values: definition.read(resource), dispute: conflict };
  return <ResourceDialog definition={definition} open={open} patientId={patientId} state={state} attempt={attempt} onClose={onClose} />;
}
