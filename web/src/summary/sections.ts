/** What a chart's summary has, in the order in which a stranger has to know it. */
import { ALLERGIES } from "../allergies/AllergiesPanel";
import { sideText } from "../conflicts/conflict";
import { MEDICATIONS } from "../medications/MedicationsPanel";
import { IMAGING_ORDERS, LABORATORY_ORDERS, MEDICATION_ORDERS } from "../orders/definitions";
import { PROBLEMS } from "../problems/ProblemsPanel";
import { Grouping, ofKind } from "../results/groups";
import { whenText } from "../results/reading";
import { CARE_PLANS, ENCOUNTERS, IMMUNIZATIONS, PROCEDURES } from "../review/entries";
import type { Conflict, Resource, Room } from "../shared/chartroom";
import type { ConflictsByResource } from "../shared/conflictIndex";
import { formatDate } from "../shared/fhir/date";
import { noteText } from "../shared/fhir/words";
import type { EntryDisplay } from "../shared/panel/definition";
import { orderEntries } from "../shared/panel/order";
import { resourceKey } from "../shared/store";

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Said where there are no lines. */
  readonly emptyText: string;
  /** How many more there are than lines. */
  readonly more: number;
}

export interface Line {
  readonly key: string;
  readonly label: string;
  readonly detail: string;
  readonly date: string;
  /** What must not be overlooked: a danger, a flag, that people disagree. */
  readonly warning: string;
}

/** The sections of a chart as it stands in the room. */
export function sectionsOf(room: Room, conflicts: ConflictsByResource, now: Date): readonly Section[] {
  const entries = (definition: EntryDisplay, limit?: number) => section(room, definition, conflicts, limit);
  const groups = new Grouping().of(room.list("Observation"));
  const results = (title: string, kind: "vital" | "laboratory", limit: number): Section => {
    const all = ofKind(groups, kind).filter(({ latest }) => latest.counts);
    const lines = all.slice(0, limit).map(({ key, label, latest }) => {
      const disputes = conflicts.get(resourceKey("Observation", latest.id));
      const warning = [latest.flag && latest.flag.tone !== "normal" ? latest.flag.text : "", dispute(disputes)].filter(Boolean).join(". ");
      const detail = [latest.value, latest.range && `reference ${latest.range.text}`, latest.stage].filter(Boolean).join(" · ");
      return { key, label, detail, date: whenText(latest, now), warning };
    });
    return { title, lines, emptyText: "None recorded.", more: all.length - lines.length };
  };
  return [
    entries(ALLERGIES),
    entries(PROBLEMS),
    entries(MEDICATIONS),
    results("Vital signs, latest values", "vital", VITALS_SHOWN),
    results("Laboratory, latest values", "laboratory", LABORATORY_SHOWN),
    entries(MEDICATION_ORDERS),
    entries(LABORATORY_ORDERS),
    entries(IMAGING_ORDERS),
    entries(PROCEDURES, PROCEDURES_SHOWN),
    entries(IMMUNIZATIONS),
    entries(CARE_PLANS),
    entries(ENCOUNTERS),
  ];
}

function section(room: Room, definition: EntryDisplay, conflicts: ConflictsByResource, limit = Infinity): Section {
  const all = room.list(definition.type).filter((one) => definition.includes?.(one) ?? true);
  const { current } = orderEntries(definition, all, conflicts);
  const lines = current.slice(0, limit).map((one) => lineOf(definition, one, conflicts.get(resourceKey(definition.type, one.id))));
  return { title: definition.title, lines, emptyText: definition.emptyText, more: current.length - lines.length };
}

function lineOf(definition: EntryDisplay, one: Resource, disputes: readonly Conflict[] | undefined): Line {
  const status = definition.badge(one).text;
  const detail = [definition.detail(one), status === "Active" ? "" : status, noteText(one)].filter(Boolean).join(" · ");
  const date = formatDate(definition.date(one));
  return {
    key: one.id,
    label: definition.label(one),
    detail,
    date: detail.includes(date) ? "" : date,
    warning: [definition.flag?.(one), dispute(disputes)].filter(Boolean).join(". "),
  };
}

/** Paper shows one value for good: it has to say that there is another. */
function dispute(conflicts: readonly Conflict[] = []): string {
  const told = conflicts.map((conflict) => {
    const sides = conflict.values.map((side) => `${sideText(conflict, side)} (${side.author?.name ?? "somebody"})`);
    return sides.join(" or ");
  });
  return told.length === 0 ? "" : `In dispute: ${told.join("; ")}`;
}

const VITALS_SHOWN = 20;
const LABORATORY_SHOWN = 40;
const PROCEDURES_SHOWN = 15;
