/** One column of the queue, with its count and what is urgent in it. */
import { ActionIcon, Badge, Text, Title } from "@mantine/core";
import { IconSortAscending } from "@tabler/icons-react";
import { useId, useState } from "react";
import { useHold, useRows } from "./hold";
import { type ColumnName, COLUMN_TITLES, type Order } from "./order";
import { OrderCard } from "./OrderCard";
import classes from "./Pharmacy.module.css";
import { useSteadyScroll } from "./useSteadyScroll";
import { ShowMore } from "../shared/ShowMore";

const PAGE = 30;

interface QueueColumnProps {
  name: ColumnName;
  orders: readonly Order[];
  /** Where every order is now. */
  places: ReadonlyMap<string, ColumnName>;
  /** Where they were when the page had the queue. */
  known: ReadonlyMap<string, ColumnName> | undefined;
  nowMs: number;
  onDispense: (order: Order) => void;
}

export function QueueColumn({ name, orders, places, known, nowMs, onDispense }: QueueColumnProps) {
  const headingId = useId();
  const [limit, setLimit] = useState(PAGE);
  const { isHeld, props } = useHold<HTMLElement>();
  const { rows, isStale, sort } = useRows(orders, isHeld);
  const steady = useSteadyScroll(rows);
  const urgent = orders.filter(({ priority }) => priority !== "routine").length;
  return (
    <section aria-labelledby={headingId} className={classes["column"]} data-column={name} {...props}>
      <div className={classes["columnHead"]}>
        <Title order={2} size="h4" id={headingId}>
          {COLUMN_TITLES[name]}
        </Title>
        <Badge variant="light" color="gray" circle={orders.length < 10} className={classes["count"]} aria-label={orders.length === 1 ? "1 order" : `${orders.length} orders`}>
          {orders.length}
        </Badge>
        <span className={classes["urgent"]}>{urgent > 0 && `${urgent} urgent`}</span>
        <ActionIcon variant="light" style={{ visibility: isHeld && isStale ? "visible" : "hidden" }} onClick={sort} title="Put in order" aria-label={`Put ${COLUMN_TITLES[name]} in order`}>
          <IconSortAscending size={18} aria-hidden />
        </ActionIcon>
      </div>
      <div className={classes["cards"]} {...steady}>
        {rows.length === 0 && (
          <Text size="sm" c="dimmed" p={6}>
            No orders here.
          </Text>
        )}
        <ul className={classes["list"]}>
          {rows.slice(0, limit).map(({ order, isGone }) => (
            <li key={order.id}>
              <OrderCard order={order} movedTo={isGone ? (places.get(order.id) ?? "off") : undefined} isFresh={known !== undefined && known.get(order.id) !== name} nowMs={nowMs} onDispense={onDispense} />
            </li>
          ))}
        </ul>
        <ShowMore count={rows.length} limit={limit} step={2 * PAGE} onLimit={setLimit} />
      </div>
    </section>
  );
}
