/**
 * The charts, each in a place of its own size that says in words what it shows. They are drawn
 * when they come into sight and follow while they are: what others write elsewhere costs nothing.
 */
import { useInViewport } from "@mantine/hooks";
import { type ComponentProps, lazy, memo, Suspense, useRef } from "react";
import type * as Charts from "./charts";
import { type Lines, linesText } from "./groups";
import classes from "./Results.module.css";

const LazyTrend = lazy(() => import("./charts").then(({ Trend }) => ({ default: Trend })));
const LazyCourse = lazy(() => import("./charts").then(({ Course }) => ({ default: Course })));

export const Trend = memo(function Trend({ lines, label }: { lines: Lines; label: string }) {
  const { ref, inViewport } = useInViewport<HTMLDivElement>();
  const drawn = useSeen(lines, inViewport);
  if (lines.points.length < 2) return <span className={classes["noTrend"]}>{lines.points.length === 1 ? "one value" : "–"}</span>;
  return (
    <div ref={ref} role="img" aria-label={linesText(label, lines)} className={classes["spark"]}>
      {/* What is drawn can be focused by itself, and tells nothing then. */}
      <div inert>
        <Suspense>{drawn && <LazyTrend lines={drawn} />}</Suspense>
      </div>
    </div>
  );
});

export const Course = memo(function Course(props: ComponentProps<typeof Charts.Course>) {
  const { ref, inViewport } = useInViewport<HTMLElement>();
  const drawn = useSeen(props.lines, inViewport);
  return (
    <figure ref={ref} aria-label={linesText(props.label, props.lines)} className={classes["figure"]} style={{ height: props.height }}>
      <Suspense>{drawn && <LazyCourse {...props} lines={drawn} />}</Suspense>
    </figure>
  );
});

/** The lines as they were when they were last in sight; nothing before that. */
function useSeen(lines: Lines, isInSight: boolean): Lines | undefined {
  const seen = useRef<Lines>(undefined);
  if (isInSight) seen.current = lines;
  return seen.current;
}
