/** Alerts for everybody, as `facility:alerts` keeps them: Communications, and the answers to them (docs/pharmacy-and-alerts.md). */
import type { Person, Resource } from "../shared/chartroom";
import { codedConcept, conceptCode } from "../shared/fhir/concept";
import { asList, asObject, asObjects, asText } from "../shared/fhir/read";

export type AlertKind = "emergency" | "critical-value" | "alert" | "announcement";

/** Who has seen an alert. */
export interface Acknowledgement {
  readonly id: string;
  readonly name: string;
  /** In milliseconds since 1970; not a number where nothing is said. */
  readonly at: number;
}

export interface FacilityAlert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly text: string;
  readonly by: string;
  /** Who raised it, where a person did. */
  readonly senderId: string;
  readonly at: number;
  readonly patient: { readonly id: string; readonly name: string } | undefined;
  /** The result that it is about, and the room with it. */
  readonly result: { readonly room: string; readonly reference: string } | undefined;
  readonly isActive: boolean;
  readonly acknowledgements: readonly Acknowledgement[];
  /** The roles that it was raised again for. */
  readonly escalatedTo: readonly string[];
}

export const KIND_NAMES: Readonly<Record<AlertKind, string>> = {
  emergency: "Emergency",
  "critical-value": "Critical value",
  alert: "Alert",
  announcement: "Announcement",
};

/** What people raise; critical values are raised by the server. */
export const RAISED: readonly AlertKind[] = ["alert", "emergency", "announcement"];

const SEVERITY: readonly AlertKind[] = ["emergency", "critical-value", "alert", "announcement"];
const PRIORITY = { emergency: "stat", "critical-value": "stat", alert: "urgent", announcement: "routine" } as const;
const CATEGORY_SYSTEM = "https://chartroom.dev/fhir/CodeSystem/communication-category";
const ACKNOWLEDGED = "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged";
const ESCALATED = "https://chartroom.dev/fhir/StructureDefinition/alert-escalated";
const ENDED = new Set(["completed", "stopped", "not-done", "entered-in-error"]);

/** The alerts among the Communications: the worst first, of equal ones the newest. */
export function alertsOf(communications: readonly Resource[]): readonly FacilityAlert[] {
  const answers = communications.filter((one) => asList(one["inResponseTo"]).length > 0);
  return communications
    .filter((one) => !answers.includes(one))
    .map((one) => alertOf(one, answers))
    .sort((a, b) => SEVERITY.indexOf(a.kind) - SEVERITY.indexOf(b.kind) || b.at - a.at || (a.id < b.id ? -1 : 1));
}

/** Whether it must not wait until somebody looks: active, dangerous, and not seen by this person. */
export function isInterrupting(alert: FacilityAlert, person: Person): boolean {
  return alert.isActive && (alert.kind === "emergency" || alert.kind === "critical-value") && !isSeenBy(alert, person);
}

/** Whoever raised it knows of it. */
export function isSeenBy({ senderId, acknowledgements }: FacilityAlert, person: Person): boolean {
  return senderId === person.id || acknowledgements.some(({ id, name }) => id === person.id || (id === "" && name === person.name));
}

/** "Seen by Bob Diaz and Alice Chen". */
export function seenText({ acknowledgements }: FacilityAlert): string {
  const names = [...new Set(acknowledgements.map(({ name }) => name))];
  return names.length === 0 ? "Nobody has acknowledged this yet" : `Seen by ${names.join(", ")}`;
}

/** An alert in the person's name. */
export function raised(kind: AlertKind, text: string, person: Person, id: string, now: Date): Resource {
  return {
    resourceType: "Communication",
    id,
    status: "in-progress",
    category: [codedConcept(CATEGORY_SYSTEM, kind)],
    priority: PRIORITY[kind],
    sender: senderOf(person),
    sent: now.toISOString(),
    payload: [{ contentString: text.trim() }],
  };
}

/** Says in the patient's chart that a person has seen a result. */
export function resultSeen(alert: FacilityAlert, person: Person, id: string, now: Date): Resource {
  return {
    resourceType: "Communication",
    id,
    status: "completed",
    ...(alert.patient && { subject: { reference: `Patient/${alert.patient.id}` } }),
    about: [{ reference: alert.result?.reference ?? "" }],
    sender: senderOf(person),
    sent: now.toISOString(),
  };
}

/** Says that a person has seen an alert, which goes on. */
export function acknowledgement(alert: FacilityAlert, person: Person, id: string, now: Date): Resource {
  return {
    resourceType: "Communication",
    id,
    status: "completed",
    inResponseTo: [{ reference: `Communication/${alert.id}` }],
    sender: senderOf(person),
    sent: now.toISOString(),
  };
}

function alertOf(one: Resource, answers: readonly Resource[]): FacilityAlert {
  const code = asList(one["category"]).map(conceptCode)[0] ?? "";
  const subject = asObject(one["subject"]);
  const patientId = /^Patient\/(.+)$/.exec(asText(subject?.["reference"]) ?? "")?.[1];
  const answered = answers.filter((answer) => asObjects(answer["inResponseTo"]).some(({ reference }) => reference === `Communication/${one.id}`));
  const kind = SEVERITY.find((known) => known === code) ?? "alert";
  return {
    id: one.id,
    kind,
    text: asObjects(one["payload"]).flatMap((part) => asText(part["contentString"]) ?? []).join(" ") || "No text",
    by: kind === "critical-value" ? "Laboratory" : nameOf(one["sender"]),
    senderId: senderId(one["sender"]),
    at: Date.parse(asText(one["sent"]) ?? ""),
    patient: patientId ? { id: patientId, name: asText(subject?.["display"]) ?? patientId } : undefined,
    result: resultOf(one),
    isActive: !ENDED.has(asText(one["status"]) ?? ""),
    acknowledgements: [
      ...extensions(one, ACKNOWLEDGED).map((part) => ({ id: part("id"), name: part("name") || "Somebody", at: Date.parse(part("time")) })),
      ...answered.map((answer) => ({ id: senderId(answer["sender"]), name: nameOf(answer["sender"]), at: Date.parse(asText(answer["sent"]) ?? "") })),
    ].sort((a, b) => a.at - b.at),
    escalatedTo: extensions(one, ESCALATED).map((part) => part("role")),
  };
}

/** The server names the event of a critical value as `{room}#{number}`. */
function resultOf(one: Resource): FacilityAlert["result"] {
  const room = /^(patient:[^#]+)#\d+$/.exec(asText(asObjects(one["identifier"])[0]?.["value"]) ?? "")?.[1];
  const reference = asText(asObjects(one["about"])[0]?.["reference"]);
  return room && reference ? { room, reference } : undefined;
}

/** The extensions with a url, each as a reader of its parts. */
function extensions(one: Resource, url: string): ((name: string) => string)[] {
  return asObjects(one["extension"])
    .filter((extension) => extension["url"] === url)
    .map((extension) => (name: string) => {
      const part = asObjects(extension["extension"]).find((inner) => inner["url"] === name);
      return asText(part?.["valueString"]) ?? asText(part?.["valueInstant"]) ?? "";
    });
}

function senderOf({ id, name }: Person) {
  return { identifier: { value: id }, display: name };
}

function senderId(sender: unknown): string {
  return asText(asObject(asObject(sender)?.["identifier"])?.["value"]) ?? "";
}

function nameOf(sender: unknown): string {
  return asText(asObject(sender)?.["display"]) ?? "Somebody";
}
