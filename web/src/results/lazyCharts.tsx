/** The charts with a place kept for them until the library is there. */
import { Box } from "@mantine/core";
import { type ComponentProps, lazy, Suspense } from "react";
import type * as Charts from "./charts";

const LazyTrend = lazy(() => import("./charts").then(({ Trend }) => ({ default: Trend })));
const LazyCourse = lazy(() => import("./charts").then(({ Course }) => ({ default: Course })));

export function Trend(props: ComponentProps<typeof Charts.Trend>) {
  return (
    <Suspense fallback={<Box w={120} h={28} />}>
      <LazyTrend {...props} />
    </Suspense>
  );
}

export function Course(props: ComponentProps<typeof Charts.Course>) {
  return (
    <Suspense fallback={<Box h={props.height} />}>
      <LazyCourse {...props} />
    </Suspense>
  );
}
