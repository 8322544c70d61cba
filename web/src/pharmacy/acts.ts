/** What a pharmacist may do with an order, and the asking of the server for it. */
import type { Person } from "../shared/chartroom";
import { asList, asObject, asText } from "../shared/fhir/read";
import { ask } from "../shared/server";
import type { Order } from "./order";

export type ActKind = "receive" | "verify" | "dispense" | "ready" | "complete";

export interface Act {
  readonly kind: ActKind;
  readonly label: string;
  /** What is said once it is done: "Verified." */
  readonly done: string;
}

/** What goes into the MedicationDispense; what the order says where it is left out. */
export interface DispenseDetails {
  readonly quantity?: number;
  readonly note?: string;
}

const ACTS: Record<ActKind, Act> = {
  receive: { kind: "receive", label: "Receive", done: "Received." },
  verify: { kind: "verify", label: "Verify", done: "Verified." },
  dispense: { kind: "dispense", label: "Dispense", done: "Dispensed." },
  ready: { kind: "ready", label: "Ready for pick-up", done: "Called ready." },
  complete: { kind: "complete", label: "Complete", done: "Completed." },
};

/** The acts that come next for an order, the usual one first. */
export function actsFor({ step }: Order): readonly Act[] {
  if (step === "pending") return [ACTS.verify];
  if (step === "verified") return [ACTS.dispense];
  if (step === "dispensed") return [ACTS.ready, ACTS.complete];
  return step === "ready" ? [ACTS.complete] : [ACTS.verify, ACTS.receive];
}

/** Asks for an act in the person's name; the reason where it was not done. */
export async function carryOut(kind: ActKind, task: string, person: Person, details: DispenseDetails = {}): Promise<string | undefined> {
  const name = /^[\x20-\x7e]*$/.test(person.name) ? person.name : person.id;
  let answer: Response;
  try {
    answer = await ask("/rooms/pharmacy:queue/commands", {
      method: "POST",
      headers: { "content-type": "application/json", "x-chartroom-person": `${person.id};${name}` },
      body: JSON.stringify({ kind, task, ...details }),
    });
  } catch {
    return "The server did not answer. The card shows what was done as soon as it does.";
  }
  if (answer.ok) return undefined;
  const body = asObject(await answer.json().catch(() => undefined));
  const first = asObject(asObject(asList(body?.["edits"])[0])?.["error"]);
  const error = first ?? asObject(body?.["error"]);
  return REASONS[asText(error?.["code"]) ?? ""] ?? asText(error?.["message"]) ?? `The server refused it (${answer.status}).`;
}

const REASONS: Record<string, string> = {
  "not-found": "The prescription is no longer in the chart.",
  "not-active": "The prescription is no longer active.",
  "wrong-status": "Somebody has done this already, or another step comes first.",
  "conflict-open": "An unresolved conflict in the chart blocks this. Somebody has to choose there first.",
  "read-only": "You may read the queue but not act on it.",
};
