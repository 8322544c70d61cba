/**
 * Critical values of one patient: what calls for somebody, and who has seen to it.
 *
 * What stands in `facility:alerts` comes first. A value that alerts in its chart alone
 * (docs/events.md) is known by its event. Who has acknowledged is known by the chart, too.
 */
import type { Acknowledgement, Alert } from "../../alerts/alert";
import type { Resource } from "../../shared/chartroom";
import { codeWord } from "../../shared/fhir/words";
import { asText } from "../../shared/fhir/read";
import { unitText } from "../../shared/fhir/quantity";
import type { Flag } from "../flag";
import { type Reading, readingOf } from "../reading";

/** An alert whose `ended` and `withdrawn` say what the chart or the server knows of it, whichever knows more. */
export type CriticalAlert = Alert;

/** What a chart knows of its critical values. */
export interface Known {
  /** All alerts of the facility. */
  readonly facility: readonly Alert[];
  /** The chart's critical values by their events. */
  readonly heard: readonly Alert[];
  /** Who has seen which result, as the chart says. */
  readonly seen: ReadonlyMap<string, Acknowledgement>;
  /** The result that an alert is about; undefined where the chart has none. */
  readonly result: (about: string) => Resource | undefined;
  /** Whether all of the chart is here, so that what it does not have is gone. */
  readonly isWhole: boolean;
}

/** The critical values of a patient, newest first. */
export function criticalOf(patient: string, known: Known): readonly CriticalAlert[] {
  const { facility, heard, seen, result, isWhole } = known;
  const raised = facility.filter((alert) => alert.kind === "critical-value" && alert.patient?.id === patient);
  const alone = heard.filter(({ key }) => !raised.some((alert) => alert.key === key));
  return [...raised, ...alone]
    .map((alert) => ({ ...alert, ended: acknowledged(alert, seen.get(alert.about)), withdrawn: withdrawn(alert, result(alert.about), isWhole) ?? alert.withdrawn }))
    .sort((a, b) => b.at - a.at);
}

/** The critical values as they stood at a time. */
export function criticalAsOf(alerts: readonly CriticalAlert[], ms: number): readonly CriticalAlert[] {
  const raised = alerts.filter(({ at }) => at <= ms);
  return raised.map((alert) => (alert.ended && alert.ended.at > ms ? { ...alert, ended: undefined } : alert));
}

/** Whether it still calls for somebody. */
export function isOpen({ ended, withdrawn }: CriticalAlert): boolean {
  return !ended && withdrawn === undefined;
}

/** A value that raised an alert is critical, whatever the laboratory says of it. */
export function withAlert(flag: Flag | undefined, alert: CriticalAlert | undefined): Flag | undefined {
  if (!alert || flag?.tone === "critical") return flag;
  const direction = / is above /.test(alert.text) ? "high" : / is below /.test(alert.text) ? "low" : flag?.direction;
  return { tone: "critical", direction, text: direction ? `Critical ${direction}` : "Critical" };
}

/** What the server noted counts most; then what the chart says, unless it was said of an earlier value. */
function acknowledged({ id, at, ended }: Alert, said: Acknowledgement | undefined): Acknowledgement | undefined {
  if (ended?.isTaken) return ended;
  const isOfThis = said !== undefined && said.at >= at - CLOCKS_APART_MS;
  // An alert that stands goes on alerting others until the server has heard of it.
  return isOfThis ? { ...said, isTaken: id === "" } : ended;
}

/** Why a result is critical no more: it is gone, or says otherwise than when it alerted. */
function withdrawn(alert: Alert, result: Resource | undefined, isWhole: boolean): string | undefined {
  if (!result) return isWhole ? "The result is not in the chart any more" : undefined;
  const reading = readingOf(result);
  if (!reading.counts) return codeWord(asText(result["status"]) ?? "");
  if (isStillCritical(alert.text, reading)) return undefined;
  return `Corrected: now ${reading.value}`;
}

/** In doubt it is: where the laboratory says so, where the unit is another, where the value is no number. */
function isStillCritical(text: string, reading: Reading): boolean {
  if (reading.flag?.tone === "critical") return true;
  const measures = (reading.number === undefined && reading.parts.length > 0 ? reading.parts : [reading]).filter(({ exact }) => exact !== "");
  return limitsOf(text).some(({ unit, isHigh, limit }) => {
    const same = measures.filter((measure) => measure.unit === unit);
    if (same.length === 0) return measures.length > 0;
    return same.some(({ number }) => number === undefined || (isHigh ? number > limit : number < limit));
  });
}

/** The limits that an alert names: "Potassium 7.2 mmol/L is above 6.5". */
function limitsOf(text: string): { unit: string; isHigh: boolean; limit: number }[] {
  return [...text.matchAll(/(\S+) is (above|below) (-?\d+(?:\.\d+)?)/g)].map(([, before = "", side, limit]) => ({
    unit: /^[<>=]*[\d.-]+$/.test(before) ? "" : unitText(before),
    isHigh: side === "above",
    limit: Number(limit),
  }));
}

/** The server's clock says when a value alerted, the person's own when it was acknowledged. */
const CLOCKS_APART_MS = 5_000;
