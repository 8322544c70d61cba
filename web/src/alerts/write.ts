/** The Communications that people write: alerts of their own, and what they say to have seen. */
import type { Person, Resource } from "../shared/chartroom";
import { codedConcept } from "../shared/fhir/concept";
import type { Alert, AlertKind, AlertPatient } from "./alert";

const PRIORITY = { emergency: "stat", "critical-value": "stat", alert: "urgent", announcement: "routine" } as const;
const CATEGORY_SYSTEM = "https://chartroom.dev/fhir/CodeSystem/communication-category";

/** An alert in the person's name. */
export function raised(kind: AlertKind, text: string, person: Person, id: string, now: Date, patient?: AlertPatient): Resource {
  return {
    resourceType: "Communication",
    id,
    status: "in-progress",
    category: [codedConcept(CATEGORY_SYSTEM, kind)],
    priority: PRIORITY[kind],
    ...(patient && { subject: { reference: `Patient/${patient.id}`, display: patient.name } }),
    ...said(person, now),
    payload: [{ contentString: text.trim() }],
  };
}

/** Says that a person has seen an alert, which goes on. */
export function alertSeen(alert: Alert, person: Person, id: string, now: Date): Resource {
  return { resourceType: "Communication", id, status: "completed", inResponseTo: [{ reference: `Communication/${alert.id}` }], ...said(person, now) };
}

/** Says in the patient's chart that a person has seen a result. */
export function resultSeen(alert: Alert, person: Person, id: string, now: Date): Resource {
  return {
    resourceType: "Communication",
    id,
    status: "completed",
    ...(alert.patient && { subject: { reference: `Patient/${alert.patient.id}` } }),
    about: [{ reference: alert.about }],
    ...said(person, now),
    payload: [{ contentString: `Acknowledged: ${alert.text}` }],
  };
}

function said({ id, name }: Person, now: Date) {
  return { sender: { identifier: { value: id }, display: name }, sent: now.toISOString() };
}
