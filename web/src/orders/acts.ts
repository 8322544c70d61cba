/**
 * What can be done to an order as it stands.
 *
 * FHIR tells two ends apart (R4, medicationrequest-status): `cancelled` is withdrawn before anything
 * was given, `stopped` ends what has begun. Cancel is offered for what has not begun as far as the
 * chart knows, Stop for the rest, so one of the two stands beside an order. A ServiceRequest has
 * `revoked` for both. On hold it leaves the pharmacy's queue and comes back where it was.
 */
import type { Person, Resource } from "../shared/chartroom";
import { asObjects, asText } from "../shared/fhir/read";
import type { EntryAct, Making } from "../shared/panel/definition";
import { isOver, withStatusReason } from "./order";

const DAY_MS = 86_400_000;
const DISPENSED = new Set(["dispensed", "ready", "completed"]);

export function orderActs(resource: Resource, person: Person, now = new Date()): readonly EntryAct[] {
  const status = asText(resource["status"]);
  if (status === "entered-in-error") return [];
  if (isOver(resource)) return [reorder(resource)];
  if (status === "draft") return [sign(person), end(resource, now)];
  return [status === "on-hold" ? resume(resource) : hold(resource), end(resource, now)];
}

/**
 * Whether it is being carried out: the pharmacy has handed it out, or has no record of it and it has
 * been in force for more than a day, as what was prescribed elsewhere.
 */
export function hasBegun(resource: Resource, now: Date): boolean {
  if (resource.resourceType !== "MedicationRequest" || resource["status"] === "draft") return false;
  const step = pharmacyStep(resource);
  if (step !== undefined) return DISPENSED.has(step);
  return !(now.getTime() - Date.parse(asText(resource["authoredOn"]) ?? "") < DAY_MS);
}

function sign(person: Person): EntryAct {
  return {
    verb: "Sign",
    done: "Signed",
    isMain: true,
    check: { status: "active" },
    elements: () => ({ status: "active", requester: { display: person.name } }),
  };
}

function end(resource: Resource, now: Date): EntryAct {
  const isMedication = resource.resourceType === "MedicationRequest";
  if (hasBegun(resource, now)) {
    return {
      verb: "Stop",
      done: "Stopped",
      isMain: false,
      why: { title: "Stop order", suggestions: ["No longer needed", "Side effects", "No effect", "Replaced by another drug", "Patient declined"], isFinal: true },
      elements: (reason) => withStatusReason(resource, "stopped", reason),
    };
  }
  return {
    verb: "Cancel",
    done: "Cancelled",
    isMain: false,
    why: { title: "Cancel order", suggestions: ["Ordered in error", "No longer needed", "Duplicate order", "Patient declined", "Contraindicated"], isFinal: true },
    elements: (reason) => withStatusReason(resource, isMedication ? "cancelled" : "revoked", reason),
  };
}

function hold(resource: Resource): EntryAct {
  return {
    verb: "Hold",
    done: "Held",
    isMain: false,
    why: { title: "Hold order", suggestions: ["Before a procedure", "Nil by mouth", "Awaiting results", "Vital signs out of range", "Side effects"], isFinal: false },
    elements: (reason) => withStatusReason(resource, "on-hold", reason),
  };
}

function resume(resource: Resource): EntryAct {
  return {
    verb: "Resume",
    done: "Resumed",
    isMain: true,
    why: { title: "Resume order", suggestions: ["Procedure is over", "Eats and drinks again", "Results are in", "Vital signs in range"], isFinal: false },
    elements: (reason) => withStatusReason(resource, "active", reason),
  };
}

function reorder(resource: Resource): EntryAct {
  return { verb: "Reorder", done: "Drafted again:", isMain: false, make: (making) => drafted(resource, making) };
}

/** A new draft of what was ordered, which names the order whose place it takes. */
export function drafted(resource: Resource, { id, person, now }: Making): Resource {
  const { resourceType } = resource;
  const reference = { reference: `${resourceType}/${resource.id}` };
  const kept = KEPT.flatMap((name) => (resource[name] === undefined ? [] : [[name, resource[name]] as const]));
  return {
    ...Object.fromEntries(kept),
    resourceType,
    id,
    status: "draft",
    intent: "order",
    authoredOn: now.toISOString(),
    requester: { display: person.name },
    ...(resourceType === "MedicationRequest" ? { priorPrescription: reference } : { replaces: [reference] }),
  };
}

/** What says what to do; not how it went with the older order, nor who noted what of it. */
const KEPT = [
  "asNeededBoolean",
  "asNeededCodeableConcept",
  "bodySite",
  "category",
  "code",
  "courseOfTherapyType",
  "dispenseRequest",
  "doNotPerform",
  "dosageInstruction",
  "medicationCodeableConcept",
  "medicationReference",
  "orderDetail",
  "patientInstruction",
  "priority",
  "quantityQuantity",
  "reasonCode",
  "reasonReference",
  "specimen",
  "subject",
  "substitution",
];

/** How far the pharmacy has come (docs/pharmacy-and-alerts.md). */
function pharmacyStep(resource: Resource): string | undefined {
  const outer = asObjects(resource["extension"]).find(({ url }) => asText(url)?.endsWith("/StructureDefinition/pharmacy-status"));
  const inner = asObjects(outer?.["extension"]).find(({ url }) => url === "status");
  return asText(inner?.["valueString"]) ?? asText(inner?.["valueCode"]);
}
