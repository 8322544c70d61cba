/** A table of tests: the latest value of each, how it stands, and where it comes from. */
import { Box, Button, Checkbox, Group, Paper, Table, Text, TextInput, Title } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { memo, useDeferredValue, useId, useMemo, useState } from "react";
import { useSoughtId } from "../chart/sought";
import { EntryMark } from "../past/marks";
import panel from "../shared/panel/Panel.module.css";
import { Toggle } from "../shared/panel/Toggle";
import { type CriticalAlert, isOpen as isAlerting, withAlert } from "./critical/critical";
import { FlagMark } from "./FlagMark";
import { linesOf, type ResultGroup } from "./groups";
import { Trend } from "./lazyCharts";
import { useSteadyOrder } from "./order";
import { type Reading, whenText } from "./reading";
import { ResultHistory } from "./ResultHistory";
import classes from "./Results.module.css";
import { ShowMore } from "../shared/ShowMore";

const PAGE = 50;

export interface ResultTableProps {
  title: string;
  groups: readonly ResultGroup[];
  isSettled: boolean;
  emptyText: string;
  /** Whether an observation came, or changed, since the page was opened. */
  isFresh: (group: ResultGroup) => boolean;
  /** The critical alert about a value, if there is one. */
  alertOf: (reading: Reading) => CriticalAlert | undefined;
}

export function ResultTable({ title, groups, isSettled, emptyText, isFresh, alertOf }: ResultTableProps) {
  const headingId = useId();
  const [search, setSearch] = useState("");
  const [outOnly, setOutOnly] = useState(false);
  const [limit, setLimit] = useState(PAGE);
  const sought = useSoughtId("Observation");
  const deferred = useDeferredValue(search.trim().toLowerCase());
  const { ordered, isStale, sort } = useSteadyOrder(groups, isSettled);
  const found = useMemo(
    () => ordered.filter((group) => (!outOnly || isOut(group)) && (deferred === "" || `${group.label} ${group.latest.key}`.toLowerCase().includes(deferred))),
    [ordered, outOnly, deferred],
  );
  const place = found.findIndex(({ readings }) => readings.some(({ id }) => id === sought));
  const out = useMemo(() => groups.filter(isOut).length, [groups]);
  const twins = useMemo(() => twinsOf(groups), [groups]);

  return (
    <Paper component="section" withBorder radius="md" className={panel["panel"]} aria-labelledby={headingId}>
      <Group className={panel["toolHead"]} gap="sm">
        <Title order={2} size="h4" id={headingId}>
          {title}
        </Title>
        <Text size="sm" c="dimmed" role="status">
          {groups.length === 1 ? "1 test" : `${groups.length} tests`}, {out} out of range
        </Text>
        <Box flex={1} />
        <Button size="compact-sm" variant="subtle" style={{ visibility: isStale ? "visible" : "hidden" }} onClick={sort}>
          Sort latest first
        </Button>
        <Checkbox size="sm" label="Out of range only" checked={outOnly} onChange={(event) => setOutOnly(event.currentTarget.checked)} />
        <TextInput
          type="search"
          size="sm"
          aria-label={`Find in ${title.toLowerCase()}`}
          placeholder="Find a test"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </Group>
      {found.length === 0 ? (
        <Text c="dimmed" size="sm" p={14}>
          {groups.length === 0 ? emptyText : "No test matches."}
        </Text>
      ) : (
        <Table aria-label={title} layout="fixed" className={classes["table"]}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Test</Table.Th>
              <Table.Th className={classes["valueColumn"]}>Latest value</Table.Th>
              <Table.Th className={classes["flagColumn"]}>Flag</Table.Th>
              <Table.Th className={classes["rangeColumn"]}>Reference</Table.Th>
              <Table.Th className={classes["trendColumn"]}>Trend</Table.Th>
              <Table.Th className={classes["whenColumn"]}>Taken</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {found.slice(0, Math.max(limit, place + 1)).map((group) => (
              <ResultRow key={group.key} group={group} isFresh={isFresh(group)} alertOf={alertOf} showsCode={twins.has(group.label)} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      <ShowMore count={found.length} limit={limit} step={2 * PAGE} onLimit={setLimit} m="xs" />
    </Paper>
  );
}

/** A row whose group did not change is not drawn again. */
const ResultRow = memo(function ResultRow(props: { group: ResultGroup; isFresh: boolean; alertOf: ResultTableProps["alertOf"]; showsCode: boolean }) {
  const { group, isFresh, alertOf, showsCode } = props;
  const sought = useSoughtId("Observation");
  const isSought = group.readings.some(({ id }) => id === sought);
  // What is looked for may be one of the older values.
  const [isOpen, setIsOpen] = useState(isSought && group.readings.length > 1);
  const detailId = useId();
  const { latest, label, readings } = group;
  const lines = useMemo(() => linesOf(group), [group]);
  const alert = alertOf(latest);
  const flag = withAlert(latest.flag, alert);
  return (
    <>
      <Table.Tr className={classes["row"]} data-result={latest.id} data-sought={isSought || undefined} data-fresh={isFresh || undefined}>
        <Table.Th scope="row" className={panel["main"]}>
          <Toggle isOpen={isOpen} detailId={detailId} onToggle={() => setIsOpen(!isOpen)}>
            <span>
              {label}
              {showsCode && <span className={classes["code"]}> {latest.key.split("|").at(-1)}</span>}
            </span>
          </Toggle>
          <EntryMark type="Observation" id={latest.id} />
        </Table.Th>
        <Table.Td className={classes["value"]} data-tone={flag?.tone}>
          <span title={latest.exact === latest.value ? undefined : `Recorded as ${latest.exact}`} data-void={latest.counts ? undefined : true}>
            {latest.value}
          </span>
          {latest.stage && <span className={classes["stage"]}>{latest.stage}</span>}
          {latest.range && <span className={classes["rangeBelow"]}>ref. {latest.range.text}</span>}
        </Table.Td>
        <Table.Td>
          <FlagMark flag={flag} />
          {alert && <span className={classes["seenBy"]}>{alert.ended?.name ? `Seen by ${alert.ended.name}` : isAlerting(alert) && "Not acknowledged"}</span>}
        </Table.Td>
        <Table.Td className={classes["range"]}>{latest.range?.text ?? "–"}</Table.Td>
        <Table.Td className={classes["trend"]}>
          <Trend lines={lines} label={label} />
        </Table.Td>
        <Table.Td className={classes["when"]}>
          {whenText(latest, new Date())}
          <span className={classes["count"]}>
            {isFresh && <strong className={classes["fresh"]}>New</strong>}
            {readings.length > 1 && `${readings.length} values`}
          </span>
        </Table.Td>
      </Table.Tr>
      <Table.Tr className={classes["detailRow"]} hidden={!isOpen}>
        <Table.Td colSpan={6} id={detailId}>
          {isOpen && <ResultHistory group={group} lines={lines} alertOf={alertOf} />}
        </Table.Td>
      </Table.Tr>
    </>
  );
});

/** Names that several tests have, which their codes have to tell apart. */
function twinsOf(groups: readonly ResultGroup[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(groups.map(({ label }) => label).filter((label) => seen.has(label) || !seen.add(label)));
}

function isOut({ latest }: ResultGroup): boolean {
  return latest.flag !== undefined && latest.flag.tone !== "normal";
}
