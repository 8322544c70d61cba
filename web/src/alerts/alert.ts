/** An alert as the workspace knows it, whether it stands in `facility:alerts` or in a chart alone (docs/pharmacy-and-alerts.md). */
import type { Person } from "../shared/chartroom";

export type AlertKind = "emergency" | "critical-value" | "alert" | "announcement";

/** Who has seen an alert. */
export interface Acknowledgement {
  readonly id: string;
  readonly name: string;
  /** In milliseconds since 1970; 0 where nothing is said. */
  readonly at: number;
  /** Whether the server has taken note; while it has not, it alerts others still. */
  readonly isTaken: boolean;
}

/** The patient that an alert names. */
export interface AlertPatient {
  readonly id: string;
  readonly name: string;
}

export interface Alert {
  /** Of a critical value its event, `{room}#{number}`, wherever that was read; else the Communication's id. */
  readonly key: string;
  /** The Communication in `facility:alerts`; empty for a value that alerts in its chart alone. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly text: string;
  readonly by: string;
  /** Who raised it, where a person did. */
  readonly senderId: string;
  /** In milliseconds since 1970; 0 where nothing is said. */
  readonly at: number;
  readonly patient: AlertPatient | undefined;
  /** The result that it is about, `Observation/{id}`, and the room with it; empty where there is none. */
  readonly about: string;
  readonly room: string;
  readonly acknowledgements: readonly Acknowledgement[];
  /** Who ended it, which acknowledging does to a critical value; undefined while it is active. */
  readonly ended: Acknowledgement | undefined;
  /** Why the server ended it: its result says something else by now. `ended` names nobody then. */
  readonly withdrawn: string | undefined;
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

/** From the worst on. */
export const SEVERITY: readonly AlertKind[] = ["emergency", "critical-value", "alert", "announcement"];

export function isDangerous({ kind }: Alert): boolean {
  return kind === "emergency" || kind === "critical-value";
}

/** Whether it must not wait until somebody looks: active, dangerous, and not seen by this person. */
export function isInterrupting(alert: Alert, person: Person): boolean {
  return !alert.ended && isDangerous(alert) && !isSeenBy(alert, person);
}

/** Whoever raised it knows of it. */
export function isSeenBy({ senderId, acknowledgements }: Alert, person: Person): boolean {
  return senderId === person.id || acknowledgements.some(({ id, name }) => id === person.id || (id === "" && name === person.name));
}

/** "Seen by Bob Diaz, Alice Chen"; of an ended alert without who ended it. */
export function seenText({ acknowledgements, ended, kind }: Alert): string {
  if (ended && kind === "critical-value") return "";
  const others = acknowledgements.filter((one) => one !== ended);
  const names = [...new Set(others.map(({ name }) => name))];
  if (names.length > 0) return `Seen by ${names.join(", ")}`;
  return ended ? "Nobody else had acknowledged it" : "Nobody has acknowledged this yet";
}
