/** An order that stays as it is while somebody reads, whatever arrives. */
import { useCallback, useEffect, useMemo, useState } from "react";

/**
 * Items in the order they had once the room was there; later ones at the end. `isStale` says that
 * `sort` would move something.
 */
export function useSteadyOrder<T extends { readonly key: string }>(items: readonly T[], isSettled: boolean) {
  const [order, setOrder] = useState<readonly string[]>();
  const sort = useCallback(() => setOrder(items.map(({ key }) => key)), [items]);
  useEffect(() => {
    if (isSettled && order === undefined) sort();
  }, [isSettled, order, sort]);
  const ordered = useMemo(() => (order ? held(items, order) : items), [items, order]);
  return { ordered, isStale: ordered.some((item, index) => item !== items[index]), sort };
}

function held<T extends { readonly key: string }>(items: readonly T[], order: readonly string[]): readonly T[] {
  const places = new Map(order.map((key, index) => [key, index]));
  const place = ({ key }: T) => places.get(key) ?? order.length;
  // The sort is stable: what came later keeps the order in which it was given.
  return [...items].sort((a, b) => place(a) - place(b));
}
