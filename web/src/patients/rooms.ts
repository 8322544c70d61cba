/** The server's list of rooms, as patients to choose from. */
import { formatDate } from "../shared/fhir/date";
import type { Person } from "../shared/chartroom";
import { asList, asObject, asObjects, asText } from "../shared/fhir/read";
import { ask } from "../shared/server";

/** One patient of the list. */
export interface PatientEntry {
  id: string;
  name: string;
  birthDate: string | undefined;
  gender: string | undefined;
  /** When the patient died; "true" where only that is known. */
  deceased?: string | undefined;
  /** Who has the chart open. */
  present: readonly Person[];
}

/** Asks the server for its rooms; rooms that are no patient's chart are left out. */
export async function loadPatients(signal: AbortSignal): Promise<PatientEntry[]> {
  const answer = await ask("/rooms", { signal, headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return patientsOf(await answer.json());
}

/** The patients among the rooms of an answer, by name. */
export function patientsOf(answer: unknown): PatientEntry[] {
  const entries = asList(asObject(answer)?.["rooms"]).flatMap((item) => {
    const room = asObject(item);
    const match = /^patient:([^~]+)$/.exec(asText(room?.["room"]) ?? "");
    const id = match?.[1];
    if (!room || !id) return [];
    return [
      {
        id,
        name: asText(room["title"]) ?? "Name not recorded",
        birthDate: asText(room["birthDate"]),
        gender: asText(room["gender"]),
        deceased: asText(room["deceased"]),
        present: asObjects(room["present"]).map(({ id, name }) => ({ id: asText(id) ?? "", name: asText(name) ?? "Somebody" })),
      },
    ];
  });
  return entries.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
}

/** Whether every word of the search is in the patient's name, id, sex or birth date, however it is written. */
export function matches(patient: PatientEntry, search: string): boolean {
  const text = [patient.name, patient.id, patient.gender, ...writings(patient.birthDate)]
    .join(" ")
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A birth date as people type it: 1960-02-29, 29 Feb 1960, 29.2.1960, 29/02/1960, 2/29/1960. */
function writings(birthDate: string | undefined): readonly string[] {
  const [year, month, day] = birthDate?.split("-") ?? [];
  const all = [birthDate ?? "", formatDate(birthDate)];
  if (!year || !month || !day) return all;
  const [m, d] = [String(Number(month)), String(Number(day))];
  return [...all, ...[".", "/"].flatMap((dot) => [[day, month, year], [d, m, year], [month, day, year], [m, d, year]].map((parts) => parts.join(dot)))];
}
