/** Pages whose code is loaded when they are first shown. */
import { Skeleton } from "@mantine/core";
import { type ComponentType, lazy, Suspense } from "react";

/** A page that `load` brings; until it is there, a place of its own says "Opening {what}". */
export function lazily<P extends object>(what: string, load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const Page = lazy(() => load().then((page) => ({ default: page })));
  return function Lazily(props: P) {
    return (
      <Suspense fallback={<Skeleton height={400} m="md" role="status" aria-label={`Opening ${what}`} />}>
        <Page {...props} />
      </Suspense>
    );
  };
}
