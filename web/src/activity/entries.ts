/** Entries of the activity in words, and by whom and of what kind they are. */
import { readingOf } from "../results/reading";
import type { Activity, ChartEvent, Person, Room } from "../shared/chartroom";
import { asList, asObject, asText } from "../shared/fhir/read";

/** What somebody did. Of an acknowledgement: which results. */
export function entryText({ text, event, author }: Activity, room: Room): string {
  if (event.event !== ACKNOWLEDGED) return text;
  return `${author?.name ?? "Somebody"} acknowledged ${resultsOf(event, room).join(" and ")}`;
}

export const KINDS = [
  { value: "allergies", label: "Allergies", types: ["AllergyIntolerance"] },
  { value: "problems", label: "Problems", types: ["Condition"] },
  { value: "orders", label: "Orders and medications", types: ["MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration", "ServiceRequest"] },
  { value: "results", label: "Results", types: ["Observation", "DiagnosticReport", "ImagingStudy"] },
  { value: "notes", label: "Notes", types: ["DocumentReference", "Composition"] },
  { value: "flags", label: "Flags", types: ["Flag"] },
] as const;
export const OTHER = "other";

/** The kind that an entry is filtered by. */
export function kindOf({ event }: Activity): string {
  if (event.event === ACKNOWLEDGED) return "results";
  return KINDS.find(({ types }) => (types as readonly string[]).includes(event.resource_type))?.value ?? OTHER;
}

/** The people of some entries by name, oneself first; who is not known is nobody of them. */
export function peopleOf(entries: readonly Activity[], me: Person): readonly Person[] {
  const byId = new Map(entries.flatMap(({ author }) => (author ? [[author.id, author] as const] : [])));
  return [...byId.values()].sort((a, b) => Number(b.id === me.id) - Number(a.id === me.id) || a.name.localeCompare(b.name));
}

/** Whether the server's log may hold more than the last so many events. */
export function hasOlder(entries: readonly Activity[], events: number): boolean {
  const newest = Math.max(0, ...entries.map(({ event }) => event.seq ?? 0));
  return newest + EVENTS_OF_A_CHANGE > events;
}

function resultsOf({ details }: ChartEvent, room: Room): readonly string[] {
  const said = asObject(details);
  const several = asList(said?.["observations"]);
  const names = (several.length > 0 ? several : [said?.["observation"]]).flatMap((reference) => {
    const result = room.get("Observation", asText(reference)?.replace("Observation/", "") ?? "");
    if (!result) return [];
    const { label, value } = readingOf(result);
    return [`${label} ${value}`];
  });
  return names.length > 0 ? names : ["a result"];
}

const ACKNOWLEDGED = "RESULT_ACKNOWLEDGED";
/** An entry keeps one of the events of its change, not always the last of them. */
const EVENTS_OF_A_CHANGE = 8;
