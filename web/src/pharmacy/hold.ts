/**
 * A column that stands still while somebody works in it: a click that was meant for one drug never
 * lands on another. What left keeps its place and says so; what came stands at the end.
 */
import { type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Order } from "./order";

export interface Row {
  readonly order: Order;
  /** Another column has it now, or none. */
  readonly isGone: boolean;
}

const IDLE_MS = 30_000;

/** Whether the pointer or the focus is in an element; the focus alone holds it for half a minute. */
export function useHold<T extends HTMLElement>() {
  const element = useRef<T>(null);
  const [pointer, setPointer] = useState(false);
  const [focus, setFocus] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const touch = useCallback(() => {
    clearTimeout(timer.current);
    setFocus(true);
    timer.current = setTimeout(() => setFocus(false), IDLE_MS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!focus) return;
    // Not when the focus is lost: a button that is taken off the page loses it, and the person is still here.
    const elsewhere = (event: Event) => void (event.target instanceof Node && !element.current?.contains(event.target) && setFocus(false));
    document.addEventListener("focusin", elsewhere);
    document.addEventListener("pointerdown", elsewhere);
    return () => {
      document.removeEventListener("focusin", elsewhere);
      document.removeEventListener("pointerdown", elsewhere);
    };
  }, [focus]);
  const props = useMemo(
    () => ({
      ref: element,
      onPointerEnter: (event: PointerEvent) => void (event.pointerType === "mouse" && setPointer(true)),
      onPointerLeave: () => setPointer(false),
      onFocus: touch,
      onKeyDown: touch,
    }),
    [touch],
  );
  return { isHeld: pointer || focus, props };
}

/** The rows of a column. `isStale` says that they stand otherwise than in their turn. */
export function useRows(orders: readonly Order[], isHeld: boolean) {
  const shown = useRef<readonly Row[]>([]);
  const [turn, setTurn] = useState(0);
  const sorted = useRef(0);
  const rows = useMemo(() => {
    const keeps = isHeld && sorted.current === turn;
    return merged(keeps ? shown.current : [], orders);
  }, [orders, isHeld, turn]);
  useEffect(() => {
    shown.current = rows;
    sorted.current = turn;
  }, [rows, turn]);
  const isStale = rows.length !== orders.length || rows.some(({ order, isGone }, index) => isGone || order !== orders[index]);
  const sort = useCallback(() => setTurn((before) => before + 1), []);
  return { rows, isStale, sort };
}

/** Orders in the places that they had; the others behind. */
export function merged(before: readonly Row[], orders: readonly Order[]): readonly Row[] {
  const now = new Map(orders.map((order) => [order.id, order]));
  const had = new Set(before.map(({ order }) => order.id));
  const kept = before.map((row) => {
    const order = now.get(row.order.id);
    return order ? { order, isGone: false } : { order: row.order, isGone: true };
  });
  return [...kept, ...orders.filter(({ id }) => !had.has(id)).map((order) => ({ order, isGone: false }))];
}
