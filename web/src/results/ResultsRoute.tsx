/** The results of a chart, loaded when they are first shown: the charts of values are large. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { OpenRoom } from "../shared/rooms";

const Tab = lazy(() => import("./ResultsTab").then(({ ResultsTab }) => ({ default: ResultsTab })));

export function ResultsRoute({ open }: { open: OpenRoom }) {
  return (
    <Suspense fallback={<Skeleton height={320} m="md" role="status" aria-label="Opening the results" />}>
      <Tab room={open.room} />
    </Suspense>
  );
}
