/** One order: for whom, what, how much, since when, what holds it up, and what comes next. */
import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { IconArrowRight, IconLock } from "@tabler/icons-react";
import { memo, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { formatDate } from "../shared/fhir/date";
import { useWorkspace } from "../shared/workspace";
import { type Act, actsFor, carryOut } from "./acts";
import { Dispute } from "./Dispute";
import { type ColumnName, COLUMN_TITLES, type Order, waitText } from "./order";
import classes from "./Pharmacy.module.css";

/** For how long a button waits for the queue to show what was done. */
const SHOWN_WITHIN_MS = 8_000;

interface OrderCardProps {
  order: Order;
  /** The column that has it now, where it left this one; `"off"` where none has. */
  movedTo: ColumnName | "off" | undefined;
  isFresh: boolean;
  nowMs: number;
  /** Asks for a quantity and a note. */
  onDispense: (order: Order) => void;
}

export const OrderCard = memo(function OrderCard({ order, movedTo, isFresh, nowMs, onDispense }: OrderCardProps) {
  const { canEdit } = useWorkspace();
  const titleId = useId();
  const { busy, done, refusal, run } = useAct(order);
  const { card, note, watch } = useKeptFocus(movedTo !== undefined);
  const { patientId, priority, isBlocked, step } = order;
  return (
    <article ref={card} {...watch} aria-labelledby={titleId} className={classes["card"]} data-entry={order.id} data-priority={priority} data-gone={movedTo !== undefined || undefined} data-fresh={isFresh || undefined}>
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="xs">
        <p id={titleId} className={classes["drug"]}>
          {order.drug}
        </p>
        {priority !== "routine" && (
          <Badge className={classes["priority"]} variant="filled" color={priority === "stat" ? "red.9" : "#8f4700"} autoContrast={false}>
            {priority}
          </Badge>
        )}
      </Group>
      {isBlocked ? <Dispute order={order} /> : <p className={classes["dose"]}>{order.dose || "Dose not recorded"}</p>}
      <p className={classes["patient"]}>
        {patientId ? (
          <Anchor component={Link} href={chartPath(patientId)} data-walk className={classes["chartLink"]}>
            {order.patient}
          </Anchor>
        ) : (
          order.patient
        )}
      </p>
      <p className={classes["facts"]}>
        <span>{order.prescriber || "Prescriber not recorded"}</span>
        <span title={order.authored && `Ordered ${formatDate(order.authored)}`}>Waiting {waitText(order, nowMs)}</span>
        {(step === "dispensed" || step === "ready") && <span>{step === "ready" ? "Ready for pick-up" : "Dispensed"}</span>}
      </p>
      {movedTo !== undefined ? (
        <p ref={note} tabIndex={-1} className={classes["moved"]}>
          <IconArrowRight size={16} aria-hidden />
          {done} {movedTo === "off" ? "Off the queue." : `Now in ${COLUMN_TITLES[movedTo]}.`}
        </p>
      ) : (
        <>
          {isBlocked && (
            <p className={classes["blocked"]}>
              <IconLock size={16} aria-hidden />
              <span>
                Blocked by an unresolved conflict.{" "}
                {patientId && (
                  <Anchor component={Link} href={chartPath(patientId)} inherit aria-label={`Open the chart of ${order.patient} to choose`}>
                    Open the chart
                  </Anchor>
                )}
              </span>
            </p>
          )}
          {canEdit && !isBlocked && (
            <Group gap="xs" className={classes["acts"]}>
              {actsFor(order).map((act, index) => (
                <Button
                  key={act.kind}
                  size="compact-md"
                  variant={index === 0 ? "filled" : "default"}
                  loading={busy === act.kind}
                  disabled={busy !== undefined && busy !== act.kind}
                  onClick={() => run(act)}
                  aria-label={`${act.label}: ${order.drug} for ${order.patient}`}
                >
                  {act.label}
                </Button>
              ))}
              {step === "verified" && (
                <Button size="compact-md" variant="default" disabled={busy !== undefined} onClick={() => onDispense(order)} aria-label={`Quantity or note… ${order.drug} for ${order.patient}`}>
                  Quantity or note…
                </Button>
              )}
            </Group>
          )}
        </>
      )}
      {refusal && (
        <Text size="sm" className={classes["refusal"]} role="alert">
          Not done: {refusal}
        </Text>
      )}
    </article>
  );
});

/** Carries acts out; a button stays busy until the queue shows what was done. */
function useAct(order: Order) {
  const { person } = useWorkspace();
  const [state, setState] = useState<{ busy?: Act; done?: string; refusal?: string; on: Order }>({ on: order });
  const { busy } = state;
  const run = useCallback(
    (act: Act) => {
      setState({ busy: act, on: order });
      void carryOut(act.kind, order.id, person).then((refusal) => setState(refusal === undefined ? { busy: act, done: act.done, on: order } : { refusal, on: order }));
    },
    [order, person],
  );
  useEffect(() => {
    if (!busy) return;
    const timer = setTimeout(() => setState((before) => (before.busy === busy ? { on: before.on, ...(before.done !== undefined && { done: before.done }) } : before)), SHOWN_WITHIN_MS);
    return () => clearTimeout(timer);
  }, [busy]);
  // What was said of the order as it stood does not hold for what it is now.
  const isOver = state.on !== order;
  return { busy: isOver ? undefined : busy?.kind, done: isOver ? undefined : state.done, refusal: isOver ? undefined : state.refusal, run };
}

/** Who had the focus on a card keeps it where the card's buttons go. */
function useKeptFocus(isGone: boolean) {
  const card = useRef<HTMLElement>(null);
  const note = useRef<HTMLParagraphElement>(null);
  const focused = useRef(false);
  useLayoutEffect(() => {
    if (isGone && focused.current && !card.current?.contains(document.activeElement)) note.current?.focus();
  }, [isGone]);
  const watch = {
    onFocus: () => void (focused.current = true),
    onBlur: (event: { relatedTarget: EventTarget | null }) => void (event.relatedTarget && (focused.current = false)),
  };
  return { card, note, watch };
}

function chartPath(patientId: string): string {
  return `/patients/${encodeURIComponent(patientId)}`;
}
