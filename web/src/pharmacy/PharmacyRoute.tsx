/** The pharmacy's page, loaded when it is first shown. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";

const Page = lazy(() => import("./PharmacyPage").then(({ PharmacyPage }) => ({ default: PharmacyPage })));

export function PharmacyRoute() {
  return (
    <Suspense fallback={<Skeleton height={400} m="md" role="status" aria-label="Opening the pharmacy queue" />}>
      <Page />
    </Suspense>
  );
}
