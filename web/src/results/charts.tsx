/**
 * The drawing of results; loaded when a page of results is shown, as the chart library is large.
 *
 * A picture says in words what it shows. Nothing moves by itself when values arrive.
 */
import "@mantine/charts/styles.css";
import { LineChart, Sparkline } from "@mantine/charts";
import { memo } from "react";
import { formatDate, formatTime } from "../shared/fhir/date";
import { type Lines, type Point, thinned } from "./groups";
import type { Range } from "./range";
import classes from "./Results.module.css";

const SPARK_POINTS = 40;
const CHART_POINTS = 300;
const DOTS_UP_TO = 60;
const STROKES = [undefined, "6 4", "2 3"];
const COLORS = ["var(--line-1)", "var(--line-2)", "var(--line-3)"];

/** A trend as small as a word. Its place is kept where there is nothing to draw. */
export const Trend = memo(function Trend({ lines, label }: { lines: Lines; label: string }) {
  const [first] = lines.series;
  const values = first ? valuesOf(lines.points, first.key).slice(-SPARK_POINTS) : [];
  if (values.length < 2) return <span className={classes["noTrend"]}>{values.length === 1 ? "one value" : "–"}</span>;
  const low = Math.min(...values);
  const spread = Math.max(...values) - low || 1;
  return (
    <div role="img" aria-label={trendText(label, values, lines.unit)}>
      {/* What is drawn can be focused by itself, and tells nothing then. */}
      <div inert>
        <Sparkline w={120} h={28} data={values.map((value) => (value - low) / spread + 0.15)} color="var(--line-1)" fillOpacity={0.15} strokeWidth={1.75} />
      </div>
    </div>
  );
});

/** The whole course; arrow keys walk along its values. */
export const Course = memo(function Course(props: { lines: Lines; label: string; range?: Range | undefined; height: number }) {
  const { lines, label, range, height } = props;
  const [first] = lines.series;
  if (!first || lines.points.length < 2) return null;
  const points = thinned(lines.points, first.key, CHART_POINTS);
  const ends = [points[0]?.at ?? 0, points[points.length - 1]?.at ?? 0] as const;
  const limits = [range?.low, range?.high].filter((limit) => limit !== undefined);
  const one = lines.series.length === 1;
  return (
    <figure className={classes["figure"]} aria-label={trendText(label, valuesOf(lines.points, first.key), lines.unit)}>
      <LineChart
        h={height}
        data={[...points]}
        dataKey="at"
        series={lines.series.map(({ key, label }, index) => ({ name: key, label, color: COLORS[index % COLORS.length] as string, strokeDasharray: STROKES[index % STROKES.length] as string }))}
        curveType="linear"
        withDots={points.length <= DOTS_UP_TO}
        dotProps={{ r: 3 }}
        withLegend={!one}
        legendProps={{ verticalAlign: "top", height: 28, itemSorter: null }}
        gridAxis="x"
        tickLine="none"
        referenceLines={limits.map((y) => ({ y, color: "var(--quiet)", label: String(y), labelPosition: "insideBottomRight" as const }))}
        xAxisProps={{ type: "number", scale: "time", domain: [...ends], tickFormatter: (at: number) => tickText(at, ends), tickCount: 4, minTickGap: 30, interval: "preserveStartEnd", padding: { left: 8, right: 16 } }}
        yAxisProps={{ ...scale([...limits, ...lines.series.flatMap(({ key }) => valuesOf(points, key))]), width: 44, interval: 0, tickFormatter: shortNumber }}
        valueFormatter={(value) => [shortNumber(value), lines.unit].filter(Boolean).join(" ")}
        tooltipProps={{ labelFormatter: (at) => formatTime(Number(at), new Date()), isAnimationActive: false }}
        tooltipAnimationDuration={0}
        lineProps={{ isAnimationActive: false }}
        lineChartProps={{ title: label, margin: { top: 10, right: 8 } }}
      />
    </figure>
  );
});

/** "Potassium: 5 values, from 4.1 to 7.1 mmol/L, last 7.1". */
function trendText(label: string, values: readonly number[], unit: string): string {
  const [first = 0, last = 0] = [values[0], values[values.length - 1]];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${label}: ${values.length} values from ${shortNumber(first)} to ${shortNumber(last)} ${unit}, between ${shortNumber(low)} and ${shortNumber(high)}`;
}

function valuesOf(points: readonly Point[], key: string): number[] {
  return points.flatMap((point) => point[key] ?? []);
}

/** Round numbers about a fifth of the course apart, from below it to above it. */
function scale(values: readonly number[]): { domain: [number, number]; ticks: number[] } {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rough = (high - low || Math.abs(high) / 4 || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const ticks = Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(8)));
  if (ticks.length === 1) ticks.push(Number(((first + 1) * step).toPrecision(8)));
  return { domain: [ticks[0] as number, ticks[ticks.length - 1] as number], ticks };
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function tickText(at: number, [first, last]: readonly [number, number]): string {
  const date = new Date(at);
  const iso = date.toISOString();
  if (last - first > 3 * 365 * 86_400_000) return String(date.getFullYear());
  if (last - first > 90 * 86_400_000) return formatDate(iso.slice(0, 7));
  if (last - first > 2 * 86_400_000) return formatDate(iso).replace(/ \d{4}$/, "");
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}
