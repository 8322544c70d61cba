/** What others did, gathered into few notices: one for each person and tab. */
import { tabOf } from "../chart/address";
import { isMedicationOrder } from "../orders/order";
import { TAB_NAMES } from "../presence/people";
import { readingOf } from "../results/reading";
import type { ChartEvent } from "../shared/chartroom";
import { entryLabel } from "../shared/activity";
import { resourceKey } from "../shared/store";
import { DISPUTE, type Matter, matterOf } from "./matters";

/** One entry that somebody changed. */
export interface News {
  readonly who: string;
  /** `Type/id`. */
  readonly entry: string;
  readonly id: string;
  readonly did: string;
  readonly label: string;
  /** As in the address, or "header". */
  readonly tab: string;
  /** The tab that has a row for it now. */
  readonly shownIn: string;
  readonly isGrave: boolean;
}

export interface Notice {
  readonly key: string;
  readonly who: string;
  readonly tab: string;
  /** The latest last. */
  readonly news: readonly News[];
}

/** What the chart knows beside the events. */
export interface Known {
  /** What an entry is called, also once it is gone. */
  labelOf(key: string): string | undefined;
  /** Whether an entry has a conflict that one of the person's own edits is a side of. */
  isOwnDispute(key: string): boolean;
}

export const NOTICES_MAX = 3;

/** The events that matter, one piece of news for each entry. */
export function newsOf(events: readonly ChartEvent[], known: Known): readonly News[] {
  const byChange = new Map<string, ChartEvent[]>();
  for (const event of events) {
    const change = `${event.changes.join()} ${event.resource_type}/${event.resource_id}`;
    byChange.set(change, [...(byChange.get(change) ?? []), event]);
  }
  return [...byChange.values()].flatMap((all) => {
    const [first] = all;
    if (!first) return [];
    const key = resourceKey(first.resource_type, first.resource_id);
    const isDispute = all.some(({ event }) => event === DISPUTE.event) && known.isOwnDispute(key);
    const matter = isDispute ? DISPUTE : matterOf(all);
    return matter?.did === undefined ? [] : [piece(first, matter, matter.did, known.labelOf(key))];
  });
}

/** Adds news: at most three notices, the grave ones first, then the latest. */
export function gathered(before: readonly Notice[], news: readonly News[]): readonly Notice[] {
  // The oldest come first here: what is set anew goes behind.
  const all = new Map([...before].reverse().map((notice) => [notice.key, notice]));
  for (const one of news) {
    const key = `${one.who} ${one.tab}`;
    const rest = all.get(key)?.news.filter(({ entry }) => entry !== one.entry) ?? [];
    all.delete(key);
    all.set(key, { key, who: one.who, tab: one.tab, news: [...rest, one] });
  }
  const latestFirst = [...all.values()].reverse();
  return latestFirst.sort((a, b) => Number(isGrave(b)) - Number(isGrave(a))).slice(0, NOTICES_MAX);
}

export function isGrave({ news }: Notice): boolean {
  return news.some((one) => one.isGrave);
}

/** What stands behind the name: "signed Amoxicillin", or "made 4 changes in Orders". */
export function didText(notice: Notice): string {
  const [one, ...more] = notice.news;
  return one && more.length === 0 ? `${one.did} ${one.label}` : `made ${notice.news.length} changes ${placeText(notice)}`;
}

/** What is said beneath: where a single change is, or what several are about, the grave ones first. */
export function moreText(notice: Notice): string {
  const { news } = notice;
  if (news.length === 1) return placeText(notice);
  const names = [...news].sort((a, b) => Number(b.isGrave) - Number(a.isGrave)).map(({ label }) => label);
  return names.length <= NAMES_MAX ? names.join(", ") : `${names.slice(0, NAMES_MAX).join(", ")} and ${names.length - NAMES_MAX} more`;
}

export function placeText({ tab }: Notice): string {
  return tab === HEADER ? "in the header" : `in ${TAB_NAMES[tab] ?? tab}`;
}

const NAMES_MAX = 3;

function piece(event: ChartEvent, matter: Matter, did: string, label: string | undefined): News {
  const { resource_type: type, resource_id: id, author } = event;
  const tab = placeOf(event);
  return {
    who: author?.name ?? "Someone",
    entry: resourceKey(type, id),
    id,
    did,
    label: matter.event === "RESULT_AVAILABLE" ? resultText(event) : (label ?? entryLabel(event.resource)),
    tab,
    shownIn: matter.isOver || tab === HEADER ? "activity" : tab,
    isGrave: matter.isGrave ?? false,
  };
}

/** "Potassium 5.9 mmol/L (High)". */
function resultText({ resource }: ChartEvent): string {
  const { label, value, flag } = readingOf(resource);
  return `${label} ${value}${flag ? ` (${flag.text})` : ""}`;
}

/** The tab that an entry has its row on. What the header says of it has a row on the tab Activity alone. */
function placeOf({ resource_type: type, resource }: ChartEvent): string {
  if (type === "MedicationRequest") return isMedicationOrder(resource) ? "orders" : "chart";
  return tabOf(type) ?? HEADER;
}

const HEADER = "header";
