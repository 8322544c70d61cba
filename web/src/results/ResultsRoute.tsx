/** The page of results, loaded when it is first shown. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";

const Page = lazy(() => import("./ResultsPage").then(({ ResultsPage }) => ({ default: ResultsPage })));

export function ResultsRoute({ patientId }: { patientId: string }) {
  return (
    <Suspense fallback={<Skeleton height={320} m="md" role="status" aria-label="Opening the results" />}>
      <Page patientId={patientId} />
    </Suspense>
  );
}
