/**
 * A chart as it was, in the shape of an open room, so that every page shows it as it shows the present.
 *
 * Nothing in it changes and nothing can be written. Disputes of then are not told: each element shows
 * the value that the room showed.
 */
import type { Past } from "chartroom";
import { Activity } from "../shared/activity";
import type { Person, Resource, ResourceType, Room } from "../shared/chartroom";
import { ConflictIndex } from "../shared/conflictIndex";
import { EditLog } from "../shared/edits";
import type { OpenRoom } from "../shared/rooms";
import { resourceKey } from "../shared/store";

/** A chart as it was at a moment. */
export interface PastChart {
  /** The moment that was asked for, a whole second. */
  readonly ms: number;
  /** What names the state. */
  readonly heads: readonly string[];
  readonly open: OpenRoom;
}

/** Reads all that pages show of a chart as it was. */
export async function loadPast(room: Room, ms: number, person: Person): Promise<PastChart> {
  const past = await room.at(new Date(ms));
  const then = new PastRoom(room, ms, past.heads, (await unlikeNow(room, past)) ?? (await whole(room, past)));
  const stand = then as unknown as Room;
  return { ms, heads: past.heads, open: { room: stand, edits: new EditLog(stand), activity: new Activity(stand, person, []), conflicts: new ConflictIndex(stand) } };
}

type Lists = ReadonlyMap<string, readonly Resource[]>;

/** Behind so many changed entries, all of them are read together sooner. */
const UNLIKE_MAX = 120;

/** The chart of now with the entries put back that were changed since; `undefined` where there are many. */
async function unlikeNow(room: Room, past: Past): Promise<Lists | undefined> {
  const back = new Map<string, Resource | undefined>();
  for (;;) {
    // Whatever these lists have, the room knows when it is asked: they come before the question.
    const now = new Map(room.types().map((type) => [type, room.list(type)]));
    const changed = await room.changedSince(past.heads);
    if (changed.length > UNLIKE_MAX) return undefined;
    const unread = changed.filter(([type, id]) => !back.has(resourceKey(type, id)));
    if (unread.length === 0) return putBack(now, back);
    await Promise.all(unread.map(async ([type, id]) => back.set(resourceKey(type, id), await past.get(type as ResourceType, id))));
  }
}

function putBack(now: Lists, back: ReadonlyMap<string, Resource | undefined>): Lists {
  const lists = new Map(now);
  for (const type of new Set([...back.keys()].map((key) => key.slice(0, key.indexOf("/"))))) {
    const kept = (now.get(type) ?? []).filter(({ id }) => !back.has(resourceKey(type, id)));
    const then = [...back.values()].filter((one) => one !== undefined && one.resourceType === type) as Resource[];
    lists.set(type, [...kept, ...then].sort((a, b) => (a.id < b.id ? -1 : 1)));
  }
  return lists;
}

async function whole(room: Room, past: Past): Promise<Lists> {
  const types = [...new Set([...READ, ...room.types()])].filter((type) => !UNSHOWN.has(type));
  const lists = await Promise.all(types.map((type) => past.list(type as ResourceType)));
  return new Map(types.map((type, index) => [type, (lists[index] ?? []) as readonly Resource[]]));
}

class PastRoom {
  readonly name: string;
  readonly synced = true;
  readonly unsaved = 0;
  readonly status = { synced: true, unsaved: 0, progress: null, readOnly: true, error: null };
  readonly refused = [];
  /** Nobody else is in the past; where this window looks is told to the room of now. */
  readonly presence = { people: [], set: () => undefined, update: () => undefined };
  readonly undo = { undoText: null, redoText: null, undo: refuse, redo: refuse };
  readonly put = refuse;
  readonly patch = refuse;
  readonly remove = refuse;
  readonly restore = refuse;
  readonly batch = refuse;
  readonly resolve = refuse;
  readonly text = async (): Promise<never> => refuse();
  readonly #now: Room;
  readonly #ms: number;
  readonly #heads: readonly string[];
  readonly #lists: Lists;
  readonly #byKey: ReadonlyMap<string, Resource>;

  constructor(now: Room, ms: number, heads: readonly string[], lists: Lists) {
    this.name = now.name;
    this.#now = now;
    this.#ms = ms;
    this.#heads = heads;
    this.#lists = lists;
    this.#byKey = new Map([...lists.values()].flat().map((one) => [resourceKey(one.resourceType, one.id), one]));
  }

  get(type: string, id: string): Resource | undefined {
    return this.#byKey.get(resourceKey(type, id));
  }

  list(type: string): readonly Resource[] {
    return this.#lists.get(type) ?? NONE;
  }

  query(type: string, where: (resource: Resource) => boolean): Resource[] {
    return this.list(type).filter(where);
  }

  types(): string[] {
    return [...this.#lists].filter(([, list]) => list.length > 0).map(([type]) => type).sort();
  }

  heads(): readonly string[] {
    return this.#heads;
  }

  conflicts(): readonly never[] {
    return NONE as readonly never[];
  }

  on(): () => void {
    return () => undefined;
  }

  /** What had been done by then. */
  async activity(options?: { events?: number }) {
    const all = await this.#now.activity(options);
    return all.filter(({ event }) => Date.parse(event.authored) < this.#ms + 1000);
  }

  history(type: string, id: string) {
    return this.#now.history(type, id);
  }
}

function refuse(): never {
  throw Object.assign(new Error("what was cannot be changed"), { code: "read-only" });
}

const NONE: readonly Resource[] = [];

/** Types that pages show, also where the chart of now has none left. */
const READ = [
  "AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "ClinicalImpression", "Communication", "Composition", "Condition", "Consent",
  "DeviceRequest", "DiagnosticReport", "DocumentReference", "Encounter", "FamilyMemberHistory", "Flag", "Goal", "ImagingStudy", "Immunization",
  "Media", "MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement", "NutritionOrder", "Observation",
  "Patient", "Procedure", "RiskAssessment", "ServiceRequest", "Specimen", "Task",
];

/** Half of a large chart, and on no page. */
const UNSHOWN = new Set(["AuditEvent", "Claim", "ClaimResponse", "Coverage", "ExplanationOfBenefit", "Provenance"]);
