/** How many events of each kind each stretch of the time axis has: a track is a row, and a press on a stretch looks into it. */
import { Checkbox, UnstyledButton } from "@mantine/core";
import { memo, useMemo } from "react";
import type { TimelineEvent } from "./events";
import { KINDS, type Kind } from "./kinds";
import { type Column, columnsOf, isWithin, type Period } from "./period";
import classes from "./Timeline.module.css";

interface TracksProps {
  period: Period;
  kinds: readonly Kind[];
  hidden: ReadonlySet<Kind>;
  events: readonly TimelineEvent[];
  onToggle: (kind: Kind) => void;
  onZoom: (period: Period) => void;
}

export function Tracks({ period, kinds, hidden, events, onToggle, onZoom }: TracksProps) {
  const columns = useMemo(() => columnsOf(period), [period]);
  const counts = useMemo(() => countsOf(events, period, columns), [events, period, columns]);
  const isDeepest = period.unit === "day";
  return (
    <div className={classes["scroll"]} tabIndex={0} role="group" aria-label="Tracks">
      <table className={classes["tracks"]} data-years={period.unit === "all" && columns.length > 12 ? true : undefined} aria-label="Events by kind and time">
        <thead>
          <tr>
            <th scope="col" className={classes["kindColumn"]}>
              Kind
            </th>
            {columns.map((column) => (
              <th key={column.from} scope="col">
                {isDeepest ? (
                  column.label
                ) : (
                  <UnstyledButton className={classes["column"]} aria-label={`Look into ${column.title}`} title={column.title} onClick={() => onZoom(column)}>
                    {column.label}
                  </UnstyledButton>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {kinds.map((kind) => (
            <Track key={kind} kind={kind} isHidden={hidden.has(kind)} columns={columns} counts={counts.get(kind) ?? NONE} onToggle={onToggle} onZoom={isDeepest ? undefined : onZoom} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface TrackProps {
  kind: Kind;
  isHidden: boolean;
  columns: readonly Column[];
  counts: Counts;
  onToggle: (kind: Kind) => void;
  onZoom: ((period: Period) => void) | undefined;
}

const Track = memo(function Track({ kind, isHidden, columns, counts, onToggle, onZoom }: TrackProps) {
  return (
    <tr data-hidden={isHidden || undefined} data-kind={kind}>
      <th scope="row" className={classes["kindColumn"]}>
        <Checkbox size="xs" checked={!isHidden} onChange={() => onToggle(kind)} label={`${KINDS[kind]} (${counts.whole})`} />
      </th>
      {columns.map((column, index) => {
        const count = counts.columns[index] ?? 0;
        return (
          <td key={column.from}>
            {count > 0 && (
              // The heads of the columns do the same for the keyboard.
              <UnstyledButton className={classes["cell"]} data-size={sizeOf(count)} tabIndex={-1} title={`${KINDS[kind]}, ${column.title}: ${count}`} onClick={() => onZoom?.(column)}>
                {count}
              </UnstyledButton>
            )}
          </td>
        );
      })}
    </tr>
  );
});

interface Counts {
  /** In the whole period, also what is recorded less precisely than its columns. */
  readonly whole: number;
  readonly columns: readonly number[];
}

const NONE: Counts = { whole: 0, columns: [] };

function countsOf(events: readonly TimelineEvent[], period: Period, columns: readonly Column[]): ReadonlyMap<Kind, Counts> {
  const counts = new Map<Kind, { whole: number; columns: number[] }>();
  for (const event of events) {
    if (!isWithin(period, event)) continue;
    const known = counts.get(event.kind) ?? { whole: 0, columns: columns.map(() => 0) };
    counts.set(event.kind, known);
    known.whole += 1;
    const place = columns.findIndex((column) => event.at >= column.from && event.at < column.to);
    // A year alone has no month.
    const column = columns[place];
    if (column && isWithin(column, event)) known.columns[place] = (known.columns[place] ?? 0) + 1;
  }
  return counts;
}

/** Four shades: one, a few, many, very many. */
function sizeOf(count: number): number {
  return count >= 30 ? 4 : count >= 8 ? 3 : count >= 3 ? 2 : 1;
}
