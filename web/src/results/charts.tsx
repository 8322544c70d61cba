/**
 * The drawing of results; loaded when a page of results is shown, as the chart library is large.
 * Nothing moves by itself when values arrive.
 */
import "@mantine/charts/styles.layer.css";
import { LineChart, Sparkline } from "@mantine/charts";
import { memo } from "react";
import { formatDate, formatTime } from "../shared/fhir/date";
import { type Lines, shortNumber, thinned, valuesOf } from "./groups";
import type { Range } from "./range";

const SPARK_POINTS = 40;
const CHART_POINTS = 300;
const DOTS_UP_TO = 60;
const STROKES = [undefined, "6 4", "2 3"];
const COLORS = ["var(--line-1)", "var(--line-2)", "var(--line-3)"];

/** A trend as small as a word, of two values at least. */
export const Trend = memo(function Trend({ lines }: { lines: Lines }) {
  const values = valuesOf(lines.points, lines.series[0]?.key ?? "").slice(-SPARK_POINTS);
  const low = Math.min(...values);
  const spread = Math.max(...values) - low || 1;
  return <Sparkline w={120} h={28} data={values.map((value) => (value - low) / spread + 0.15)} color="var(--line-1)" fillOpacity={0.15} strokeWidth={1.75} />;
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
  );
});

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

function tickText(at: number, [first, last]: readonly [number, number]): string {
  const date = new Date(at);
  const iso = date.toISOString();
  if (last - first > 3 * 365 * 86_400_000) return String(date.getFullYear());
  if (last - first > 90 * 86_400_000) return formatDate(iso.slice(0, 7));
  if (last - first > 2 * 86_400_000) return formatDate(iso).replace(/ \d{4}$/, "");
  const clock = `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
  return new Date(first).toDateString() === new Date(last).toDateString() ? clock : `${formatDate(iso).replace(/ \d{4}$/, "")}, ${clock}`;
}
