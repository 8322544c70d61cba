/**
 * Critical values of one patient: what calls for somebody, and who has seen to it.
 *
 * What `facility:alerts` holds comes first. A value that alerts in its chart alone (docs/events.md)
 * is known by its event, for as long as the page stands.
 */
import type { Json, Person, Resource } from "../../shared/chartroom";
import { codingsOf, conceptCode } from "../../shared/fhir/concept";
import { asList, asObject, asText } from "../../shared/fhir/read";
import type { Flag } from "../flag";

export interface CriticalAlert {
  readonly key: string;
  /** `Observation/{id}`. */
  readonly about: string;
  /** "Potassium 7.1 mmol/L is above 6.5". */
  readonly text: string;
  readonly raisedMs: number;
  /** The roles that it was raised again for. */
  readonly escalatedTo: readonly string[];
  /** Absent while nobody has. */
  readonly acknowledged: Acknowledgement | undefined;
}

export interface Acknowledgement {
  readonly by: string;
  readonly atMs: number;
  /** Whether the server has taken note; while it has not, it alerts others still. */
  readonly isTaken: boolean;
}

type Said = Omit<Acknowledgement, "isTaken">;

/** A critical value that this page heard of by its event. */
export interface Heard {
  readonly about: string;
  readonly text: string;
  readonly raisedMs: number;
}

/** The alerts of a patient, newest first. */
export function alertsOf(patient: string, facility: readonly Resource[], chart: readonly Resource[], heard: readonly Heard[]): readonly CriticalAlert[] {
  const said = acknowledgements(chart);
  const unmatched = [...heard];
  const raised = facility.flatMap((alert) => {
    if (!isCritical(alert) || asText(asObject(alert["subject"])?.["reference"]) !== `Patient/${patient}`) return [];
    const about = references(alert, "about")[0] ?? "";
    const raisedMs = timeMs(alert["sent"]);
    const text = asText(asObject(asList(alert["payload"])[0])?.["contentString"]) ?? "A result is critical";
    const escalatedTo = extensions(alert, "alert-escalated").flatMap((escalated) => part(escalated, "role") ?? []);
    const acknowledged = seenTo(alert) ?? later(said.get(about), raisedMs, false);
    // What was heard first keeps its key: nobody's button is put in the place of another.
    const same = takeNearest(unmatched, about, raisedMs);
    return [{ key: same ? keyOf(same) : alert.id, about, text, raisedMs, escalatedTo, acknowledged }];
  });
  const alone = unmatched.map((one) => {
    const acknowledged = later(said.get(one.about), one.raisedMs, true);
    return { ...one, key: keyOf(one), escalatedTo: [], acknowledged };
  });
  return [...raised, ...alone].sort((a, b) => b.raisedMs - a.raisedMs);
}

/** A value that raised an alert is critical, whatever the laboratory says of it. */
export function withAlert(flag: Flag | undefined, alert: CriticalAlert | undefined): Flag | undefined {
  if (!alert || flag?.tone === "critical") return flag;
  const direction = / is above /.test(alert.text) ? "high" : / is below /.test(alert.text) ? "low" : flag?.direction;
  return { tone: "critical", direction, text: direction ? `Critical ${direction}` : "Critical" };
}

/** What acknowledges an alert: a completed Communication in the chart about the observation. */
export function acknowledgement(alert: CriticalAlert, patient: string, person: Person, now: Date): Resource {
  const sender: Json = { identifier: { value: person.id }, display: person.name };
  return {
    resourceType: "Communication",
    id: crypto.randomUUID(),
    status: "completed",
    subject: { reference: `Patient/${patient}` },
    about: [{ reference: alert.about }],
    sender,
    sent: now.toISOString(),
    payload: [{ contentString: `Acknowledged: ${alert.text}` }],
  };
}

/** Takes the event out of which an alert was made, which nothing but the time tells. */
function takeNearest(heard: Heard[], about: string, raisedMs: number): Heard | undefined {
  const apart = (one: Heard) => Math.abs(one.raisedMs - raisedMs);
  const near = heard.filter((one) => one.about === about && apart(one) < SAME_EVENT_MS);
  const nearest = near.sort((a, b) => apart(a) - apart(b))[0];
  if (nearest) heard.splice(heard.indexOf(nearest), 1);
  return nearest;
}

function keyOf({ about, raisedMs }: Heard): string {
  return `${about}@${raisedMs}`;
}

/** The latest acknowledgement per observation, as the chart's Communications have it. */
function acknowledgements(chart: readonly Resource[]): ReadonlyMap<string, Said> {
  const latest = new Map<string, Said>();
  for (const one of chart) {
    if (conceptCode(one["status"]) !== "completed" || categories(one).some((code) => OTHER.has(code))) continue;
    const by = asText(asObject(one["sender"])?.["display"]) ?? "Somebody";
    const atMs = timeMs(one["sent"]);
    for (const about of [...references(one, "about"), ...references(one, "inResponseTo")]) {
      if (atMs >= (latest.get(about)?.atMs ?? 0)) latest.set(about, { by, atMs });
    }
  }
  return latest;
}

/** An acknowledgement of an earlier value does not hold for a later one. */
function later(said: Said | undefined, raisedMs: number, isTaken: boolean): Acknowledgement | undefined {
  return said && said.atMs >= raisedMs - CLOCKS_APART_MS ? { ...said, isTaken } : undefined;
}

/** What the server wrote when it completed the alert. */
function seenTo(alert: Resource): Acknowledgement | undefined {
  if (!ENDED.has(conceptCode(alert["status"]) ?? "")) return undefined;
  const seen = extensions(alert, "alert-acknowledged")[0];
  return { by: part(seen, "name") ?? part(seen, "id") ?? "Somebody", atMs: timeMs(part(seen, "time") ?? alert["received"]), isTaken: true };
}

function isCritical(alert: Resource): boolean {
  return categories(alert).includes("critical-value");
}

function categories(resource: Resource): string[] {
  return asList(resource["category"]).flatMap((category) => codingsOf(category).map(({ code }) => code));
}

function references(resource: Resource, element: string): string[] {
  return asList(resource[element]).flatMap((item) => asText(asObject(item)?.["reference"]) ?? []);
}

function extensions(resource: Resource, name: string): Record<string, unknown>[] {
  return asList(resource["extension"]).flatMap((item) => {
    const extension = asObject(item);
    return extension?.["url"] === `https://chartroom.dev/fhir/StructureDefinition/${name}` ? [extension] : [];
  });
}

function part(extension: Record<string, unknown> | undefined, name: string): string | undefined {
  const found = asList(extension?.["extension"]).map(asObject).find((one) => one?.["url"] === name);
  return asText(found?.["valueString"]) ?? asText(found?.["valueInstant"]);
}

function timeMs(value: unknown): number {
  const ms = Date.parse(asText(value) ?? "");
  return Number.isNaN(ms) ? 0 : ms;
}

/** The event in the browser and the alert at the server are stamped by two clocks. */
const SAME_EVENT_MS = 120_000;
const CLOCKS_APART_MS = 5_000;
const ENDED = new Set(["completed", "stopped", "not-done", "entered-in-error"]);
/** Categories of Communications that acknowledge nothing. */
const OTHER = new Set(["alert", "announcement", "critical-value", "emergency", "instruction", "notification", "reminder"]);
