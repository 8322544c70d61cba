/** The clinical events of a chart by their clinical time. */
import type { Resource } from "../shared/chartroom";
import { entryLabel } from "../shared/activity";
import { asList, asObject, asText } from "../shared/fhir/read";
import { codeWord } from "../shared/fhir/words";
import { resourceKey } from "../shared/store";
import type { Kind } from "./kinds";
import { RULES } from "./rules";
import { type ClinicalTime, clinicalTime } from "./time";

export interface TimelineEvent extends ClinicalTime {
  /** One event of one resource. */
  readonly key: string;
  /** The resource: `Type/id`. */
  readonly entry: string;
  readonly type: string;
  readonly kind: Kind;
  readonly what: string;
  readonly label: string;
  readonly detail: string;
  /** As recorded. */
  readonly time: string;
  /** The id of the encounter that it belongs to. */
  readonly encounter: string | undefined;
  /** Set where it is no event of the patient's: withdrawn, cancelled, not done. */
  readonly void: string | undefined;
  /** What a search looks through. */
  readonly words: string;
}

const read = new WeakMap<Resource, readonly TimelineEvent[]>();

/** The events of a resource; the same array for the same resource. */
export function eventsOf(resource: Resource): readonly TimelineEvent[] {
  const known = read.get(resource);
  if (known) return known;
  const events = make(resource);
  read.set(resource, events);
  return events;
}

/** The latest first; of one time, those that were recorded with a time before those of a day. */
export function latestFirst(a: TimelineEvent, b: TimelineEvent): number {
  return b.at - a.at || (a.key < b.key ? -1 : 1);
}

function make(resource: Resource): readonly TimelineEvent[] {
  const { resourceType: type } = resource;
  const entry = resourceKey(type, resource.id);
  return (RULES[type]?.(resource) ?? []).flatMap(({ kind, what, time, label, detail }) => {
    const when = clinicalTime(time);
    if (!when) return [];
    const shown = label || entryLabel(resource);
    const words = `${shown} ${detail ?? ""} ${what}`.toLowerCase();
    return [{ ...when, key: `${entry} ${what}`, entry, type, kind, what, label: shown, detail: detail ?? "", time: asText(time) ?? "", encounter: encounterOf(resource), void: voidOf(resource), words }];
  });
}

function encounterOf(resource: Resource): string | undefined {
  if (resource.resourceType === "Encounter") return resource.id;
  const context = asObject(resource["context"]);
  const said = asObject(resource["encounter"]) ?? asObject(asList(context?.["encounter"])[0]) ?? context;
  return asText(said?.["reference"])?.split(/[/:]/).at(-1);
}

function voidOf(resource: Resource): string | undefined {
  const said = [asText(resource["status"]), asText(resource["docStatus"])].find((status) => status !== undefined && VOID.has(status));
  const verification = codeWord(resource["verificationStatus"]);
  return said ? codeWord(said) : verification === "Entered in error" || verification === "Refuted" ? verification : undefined;
}

const VOID = new Set(["entered-in-error", "cancelled", "not-done", "revoked", "declined", "noshow"]);
