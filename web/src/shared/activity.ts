/**
 * What other people changed while this chart was open: who, when, and which entry.
 *
 * Silent for the person's own edits, from whichever window, and for imports.
 */
import type { ChartEvent, Person, Room } from "./chartroom";
import { conceptText } from "./fhir/concept";
import { drugText } from "./fhir/dosage";
import { asList, asText } from "./fhir/read";
import { Listeners, resourceKey } from "./store";

/** The latest change of one entry by somebody else. */
export interface Touch {
  readonly type: string;
  readonly id: string;
  readonly action: ChartEvent["action"];
  readonly author: string;
  readonly at: number;
  readonly changed: readonly string[];
  /** What the entry is called; for a removed one, what it was called. */
  readonly label: string;
  /** Grows with every touch, so that a highlight can start anew. */
  readonly turn: number;
}

export class Activity extends Listeners {
  #touches: ReadonlyMap<string, Touch> = new Map();
  #latest: Touch | undefined;
  #turn = 0;
  readonly #labels = new Map<string, string>();
  readonly #person: Person;

  constructor(room: Room, person: Person, types: readonly string[]) {
    super();
    this.#person = person;
    for (const type of types) {
      for (const resource of room.list(type)) {
        this.#labels.set(resourceKey(type, resource.id), entryLabel(resource));
      }
    }
    room.on("change", (events: readonly ChartEvent[]) => this.#take(events));
  }

  /** Latest touch per `Type/id`; the same map until one is added. */
  readonly touches = (): ReadonlyMap<string, Touch> => this.#touches;

  /** The latest touch of all. */
  readonly latest = (): Touch | undefined => this.#latest;

  #take(events: readonly ChartEvent[]): void {
    const touches = new Map(this.#touches);
    let told = false;
    for (const event of events) {
      if (!GENERIC.has(event.event)) continue;
      const key = resourceKey(event.resource_type, event.resource_id);
      const label = this.#label(key, event);
      if (event.local || event.import || event.author?.id === this.#person.id) {
        told = touches.delete(key) || told;
        continue;
      }
      this.#latest = {
        type: event.resource_type,
        id: event.resource_id,
        action: event.action,
        author: event.author?.name ?? "Someone",
        at: Date.parse(event.time),
        changed: event.changed,
        label,
        turn: ++this.#turn,
      };
      touches.set(key, this.#latest);
      told = true;
    }
    if (!told) return;
    this.#touches = touches;
    this.tell();
  }

  #label(key: string, event: ChartEvent): string {
    const known = this.#labels.get(key);
    if (event.action === "deleted") return known ?? "an entry";
    const label = entryLabel(event.resource);
    this.#labels.set(key, label);
    return label;
  }
}

/** What an entry is called in a sentence. */
export function entryLabel(resource: Record<string, unknown> | null | undefined): string {
  if (!resource) return "an entry";
  const [type] = asList(resource["type"]);
  return (
    conceptText(resource["code"]) ||
    drugText(resource) ||
    conceptText(resource["vaccineCode"]) ||
    asText(resource["title"]) ||
    asText(resource["description"]) ||
    conceptText(type ?? resource["type"]) ||
    "an entry"
  );
}

const GENERIC = new Set(["RESOURCE_CREATED", "RESOURCE_UPDATED", "RESOURCE_DELETED"]);
