/** Reads alerts and who has seen them: from Communications, and from the events of critical values. */
import type { ChartEvent, Resource } from "../shared/chartroom";
import { codingsOf, conceptCode, conceptText } from "../shared/fhir/concept";
import { asList, asObject, asObjects, asText } from "../shared/fhir/read";
import { type Acknowledgement, type Alert, SEVERITY } from "./alert";

const ACKNOWLEDGED = "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged";
const ESCALATED = "https://chartroom.dev/fhir/StructureDefinition/alert-escalated";
const ENDED = new Set(["completed", "stopped", "not-done", "entered-in-error"]);
/** Who completed an alert is noted by the server, a moment later. */
const NOTED_LATER = "completed";
/** Categories of Communications that acknowledge no result. */
const OTHER = new Set(["alert", "announcement", "critical-value", "emergency", "instruction", "notification", "reminder"]);

/** The alerts among the Communications of `facility:alerts`: the worst first, of equal ones the newest. The same list for the same Communications. */
export function alertsOf(communications: readonly Resource[]): readonly Alert[] {
  const alerts = known.get(communications) ?? readAll(communications);
  known.set(communications, alerts);
  return alerts;
}

const known = new WeakMap<readonly Resource[], readonly Alert[]>();

function readAll(communications: readonly Resource[]): readonly Alert[] {
  const answers = communications.filter((one) => asList(one["inResponseTo"]).length > 0);
  return communications
    .filter((one) => !answers.includes(one))
    .map((one) => alertOf(one, answers))
    .sort((a, b) => SEVERITY.indexOf(a.kind) - SEVERITY.indexOf(b.kind) || b.at - a.at || (a.key < b.key ? -1 : 1));
}

/** The critical value that a numbered event of a chart tells of. */
export function heardAlert({ room, seq, patient_id, resource_type, resource_id, details, time }: ChartEvent): Alert {
  const parts = [asObject(details) ?? {}, ...asObjects(asObject(details)?.["also"])];
  return {
    key: `${room}#${seq}`,
    id: "",
    kind: "critical-value",
    text: parts.map(sentence).join("; "),
    by: LABORATORY,
    senderId: "",
    at: timeMs(time),
    patient: patient_id ? { id: patient_id, name: patient_id } : undefined,
    about: `${resource_type}/${resource_id}`,
    room,
    acknowledgements: [],
    ended: undefined,
    withdrawn: undefined,
    escalatedTo: [],
  };
}

/** Who last said in a chart to have seen a result, by `Observation/{id}`. */
export function seenResults(chart: readonly Resource[]): ReadonlyMap<string, Acknowledgement> {
  const latest = new Map<string, Acknowledgement>();
  for (const one of chart) {
    if (asText(one["status"]) !== "completed" || categories(one).some((code) => OTHER.has(code))) continue;
    const seen = { ...senderOf(one), at: timeMs(one["sent"]), isTaken: true };
    for (const about of [...references(one, "about"), ...references(one, "inResponseTo")]) {
      if (seen.at >= (latest.get(about)?.at ?? 0)) latest.set(about, seen);
    }
  }
  return latest;
}

function alertOf(one: Resource, answers: readonly Resource[]): Alert {
  const code = asList(one["category"]).map(conceptCode)[0] ?? "";
  const kind = SEVERITY.find((known) => known === code) ?? "alert";
  const subject = asObject(one["subject"]);
  const patientId = /^Patient\/(.+)$/.exec(asText(subject?.["reference"]) ?? "")?.[1];
  const event = /^(patient:[^#]+)#\d+$/.exec(asText(asObjects(one["identifier"])[0]?.["value"]) ?? "");
  const sender = senderOf(one);
  const noted = extensions(one, ACKNOWLEDGED).map((part) => ({ id: part("id"), name: part("name") || part("id") || NOBODY_NAMED, at: timeMs(part("time")), isTaken: true }));
  const answered = answers
    .filter((answer) => references(answer, "inResponseTo").includes(`Communication/${one.id}`))
    .map((answer) => ({ ...senderOf(answer), at: timeMs(answer["sent"]), isTaken: true }));
  const status = asText(one["status"]) ?? "";
  const withdrawn = event && status === "stopped" ? conceptText(one["statusReason"]) || "Withdrawn" : undefined;
  return {
    key: event?.[0] ?? one.id,
    id: one.id,
    kind,
    text: asObjects(one["payload"]).flatMap((part) => asText(part["contentString"]) ?? []).join(" ") || "No text",
    by: kind === "critical-value" ? LABORATORY : sender.name,
    senderId: sender.id,
    at: timeMs(one["sent"]),
    patient: patientId ? { id: patientId, name: asText(subject?.["display"]) ?? patientId } : undefined,
    about: references(one, "about")[0] ?? "",
    room: event?.[1] ?? (patientId ? `patient:${patientId}` : ""),
    acknowledgements: [...noted, ...answered].sort((a, b) => a.at - b.at),
    ended: ENDED.has(status) ? (noted.at(-1) ?? { id: "", name: withdrawn === undefined ? NOBODY_NAMED : "", at: timeMs(one["received"]), isTaken: status !== NOTED_LATER }) : undefined,
    withdrawn,
    escalatedTo: extensions(one, ESCALATED).map((part) => part("role")),
  };
}

/** "Potassium 7.2 mmol/L is above 6.5", as the server words it. */
function sentence(details: Record<string, unknown>): string {
  const word = (name: string) => asText(details[name]) ?? "";
  const value = [word("display") || word("code") || "A result", word("comparator") + word("value"), word("unit")].filter(Boolean).join(" ");
  const side = { low: "below", high: "above" }[word("direction")];
  return side && word("threshold") ? `${value} is ${side} ${word("threshold")}` : `${value} is critical`;
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

function senderOf(one: Resource): { id: string; name: string } {
  const sender = asObject(one["sender"]);
  return { id: asText(asObject(sender?.["identifier"])?.["value"]) ?? "", name: asText(sender?.["display"]) ?? NOBODY_NAMED };
}

function categories(one: Resource): string[] {
  return asList(one["category"]).flatMap((category) => codingsOf(category).map(({ code }) => code));
}

function references(one: Resource, element: string): string[] {
  return asObjects(one[element]).flatMap(({ reference }) => asText(reference) ?? []);
}

function timeMs(value: unknown): number {
  const ms = Date.parse(asText(value) ?? "");
  return Number.isNaN(ms) ? 0 : ms;
}

const LABORATORY = "Laboratory";
const NOBODY_NAMED = "Somebody";
