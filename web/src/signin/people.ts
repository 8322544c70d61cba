/** The made-up people of a server without sign-in, one per window. */
import type { Person } from "../shared/chartroom";

export interface Member extends Person {
  role: string;
  /** Whether anything may be written at all; a room may still refuse. */
  canEdit: boolean;
}

export const PEOPLE: readonly Member[] = [
  { id: "alice", name: "Alice Chen", role: "Physician", canEdit: true },
  { id: "bob", name: "Bob Diaz", role: "Nurse", canEdit: true },
  { id: "dana", name: "Dana Petrov", role: "Pharmacist", canEdit: true },
  { id: "charlie", name: "Charlie Okafor", role: "Read only", canEdit: false },
];

const KEY = "chartroom-person";

/** Who is at this window: named in the address (`?as=alice`), else as chosen before. */
export function currentPerson(window: Window): Member | undefined {
  const url = new URL(window.location.href);
  const named = find(url.searchParams.get("as"));
  if (url.searchParams.has("as")) {
    // Taken out of the address, so that a later choice in this window is not undone by a reload.
    url.searchParams.delete("as");
    window.history.replaceState(window.history.state, "", url);
  }
  if (named) rememberPerson(window, named);
  return named ?? find(window.sessionStorage.getItem(KEY));
}

/** Keeps the choice for this window, through reloads. */
export function rememberPerson(window: Window, person: Member): void {
  window.sessionStorage.setItem(KEY, person.id);
}

function find(id: string | null): Member | undefined {
  return PEOPLE.find((person) => person.id === id);
}
