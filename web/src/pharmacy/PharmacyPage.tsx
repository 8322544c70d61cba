/** The pharmacy's queue of the whole facility, the same for everyone who has it open. */
import { Alert, Container, Group, Skeleton, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconCloudOff, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import type { Room } from "../shared/chartroom";
import { useCollection, useRoom, useSynced } from "../shared/useRoom";
import { useConnectionStatus } from "../shared/workspace";
import { useSingleKey } from "../shortcuts/keys";
import { DispenseDialog } from "./DispenseDialog";
import { COLUMNS, type ColumnName, columnsOf, COLUMN_TITLES, matches, type Order } from "./order";
import classes from "./Pharmacy.module.css";
import { QueueColumn } from "./QueueColumn";

const TICK_MS = 20_000;

export function PharmacyPage() {
  const state = useRoom("pharmacy:queue");
  return (
    <Container component="main" fluid py="md" px="md" className={classes["page"]}>
      {state.step === "failed" && (
        <Alert color="orange" role="alert" title="The pharmacy queue cannot be opened">
          {state.reason}
        </Alert>
      )}
      {state.step === "opening" && <Skeleton height={400} role="status" aria-label="Opening the pharmacy queue" />}
      {state.step === "open" && <Queue room={state.open.room} />}
    </Container>
  );
}

function Queue({ room }: { room: Room }) {
  const tasks = useDeferredValue(useCollection(room, "Task"));
  const columns = useMemo(() => columnsOf(tasks), [tasks]);
  const all = useMemo(() => COLUMNS.flatMap((name) => columns[name]), [columns]);
  const places = useMemo(() => new Map(all.map(({ id, column }) => [id, column])), [all]);
  const known = useKnown(places, useSynced(room));
  useDocumentTitle(titleText(columns.newOrders.length));
  const [dispensing, setDispensing] = useState<Order>();
  const [search, setSearch] = useState("");
  const deferred = useDeferredValue(search.trim());
  const shown = useMemo(() => (deferred === "" ? columns : filtered(columns, deferred)), [columns, deferred]);
  const input = useRef<HTMLInputElement>(null);
  useSingleKey("/", () => input.current?.focus());
  const nowMs = useNow();
  const blocked = all.filter(({ isBlocked }) => isBlocked).length;
  return (
    <>
      <Group mb="sm" gap="md" className={classes["head"]}>
        <Title order={1} size="h2">
          Pharmacy queue
        </Title>
        <Text size="sm" c="dimmed" component="p" aria-label="Queue summary">
          {all.length === 1 ? "1 open order" : `${all.length} open orders`}
          {blocked > 0 && <span className={classes["blockedCount"]}>{blocked} blocked</span>}
        </Text>
        <Connection />
        <TextInput ref={input} type="search" aria-label="Find an order" placeholder="Find by patient, drug or prescriber" leftSection={<IconSearch size={16} aria-hidden />} value={search} onChange={(event) => setSearch(event.currentTarget.value)} className={classes["search"]} />
      </Group>
      <div className={classes["columns"]} onKeyDown={walk} role="presentation">
        {COLUMNS.map((name) => (
          <QueueColumn key={name} name={name} orders={shown[name]} places={places} known={known} nowMs={nowMs} onDispense={setDispensing} />
        ))}
      </div>
      {dispensing && <DispenseDialog key={dispensing.id} order={dispensing} now={all.find(({ id }) => id === dispensing.id)} onClose={() => setDispensing(undefined)} />}
      <Moves orders={all} places={places} />
    </>
  );
}

function Connection() {
  const status = useConnectionStatus();
  const isLive = status === "online";
  return (
    <p role="status" aria-label="Connection" className={classes["connection"]} data-live={isLive || undefined}>
      {!isLive && <IconCloudOff size={18} aria-hidden />}
      {isLive ? "Live" : status === "connecting" ? "Connecting…" : "Offline: the queue may be out of date"}
    </p>
  );
}

/** How many orders nobody has taken up, for whoever is at another tab of the browser. */
function titleText(waiting: number): string {
  return `${waiting > 0 ? `(${waiting}) ` : ""}Pharmacy queue · Chartroom`;
}

/** Arrow keys go from order to order: up and down in a column, left and right to the next one. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const from = document.activeElement;
  if (!(from instanceof HTMLElement) || !from.matches("[data-walk]")) return;
  const columns = [...event.currentTarget.querySelectorAll("[data-column]")].map((column) => [...column.querySelectorAll<HTMLElement>("[data-walk]")]);
  const at = columns.findIndex((links) => links.includes(from));
  const row = columns[at]?.indexOf(from) ?? 0;
  const side = (step: number) => {
    const next = step < 0 ? columns.slice(0, at).reverse() : columns.slice(at + 1);
    const links = next.find((one) => one.length > 0);
    return links?.[Math.min(row, links.length - 1)];
  };
  const targets: Record<string, () => HTMLElement | undefined> = {
    ArrowDown: () => columns[at]?.[row + 1],
    ArrowUp: () => columns[at]?.[row - 1],
    ArrowRight: () => side(1),
    ArrowLeft: () => side(-1),
  };
  const target = targets[event.key];
  if (!target) return;
  event.preventDefault();
  target()?.focus();
}

/** Tells a screen reader what came, moved or went last. */
function Moves({ orders, places }: { orders: readonly Order[]; places: ReadonlyMap<string, ColumnName> }) {
  const [said, setSaid] = useState("");
  const before = useRef<{ places: ReadonlyMap<string, ColumnName>; orders: ReadonlyMap<string, Order> }>(undefined);
  useEffect(() => {
    const byId = new Map(orders.map((order) => [order.id, order]));
    const last = before.current;
    before.current = { places, orders: byId };
    if (!last) return;
    const moved = orders.filter(({ id, column }) => last.places.get(id) !== column);
    const first = moved[0];
    if (first) setSaid(`${first.drug} for ${first.patient}: ${COLUMN_TITLES[first.column]}${moved.length > 1 ? `, and ${moved.length - 1} more` : ""}`);
    const gone = [...last.orders.values()].find(({ id }) => !byId.has(id));
    if (!first && gone) setSaid(`${gone.drug} for ${gone.patient} is off the queue`);
  }, [orders, places]);
  return (
    <div className="visually-hidden" role="log" aria-label="Changes of the queue" aria-live="polite">
      {said}
    </div>
  );
}

/** Where the orders were when the page first had them all. */
function useKnown(places: ReadonlyMap<string, ColumnName>, isSettled: boolean) {
  const [known, setKnown] = useState<ReadonlyMap<string, ColumnName>>();
  useEffect(() => {
    if (isSettled && known === undefined) setKnown(places);
  }, [isSettled, known, places]);
  return known;
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function filtered(columns: Record<ColumnName, readonly Order[]>, search: string): Record<ColumnName, readonly Order[]> {
  const chosen = (name: ColumnName) => columns[name].filter((order) => matches(order, search));
  return { newOrders: chosen("newOrders"), verification: chosen("verification"), dispensing: chosen("dispensing"), ready: chosen("ready") };
}
