/** The notes of a chart as a tree that is searched; long groups are shown a page at a time. */
import { SegmentedControl, Text, TextInput, Tree, type TreeNodeData, useTree } from "@mantine/core";
import { IconChevronRight, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useDeferredValue, useMemo, useState } from "react";
import type { Resource } from "../shared/chartroom";
import { counted } from "../shared/counted";
import type { OpenRoom } from "../shared/rooms";
import { RemovalNews } from "../shared/panel/ResourcePanel";
import classes from "./Documentation.module.css";
import type { Note } from "./note";
import { NoteRow } from "./NoteRow";
import { type Branch, branches, found, type Grouping, type Leaf } from "./tree";

const PAGE = 60;
/** With more notes than this only the first group is open at first. */
const FEW = 25;

interface Props {
  open: OpenRoom;
  notes: readonly Note[];
  encounters: readonly Resource[];
  chosen: string | undefined;
  onChoose: (key: string) => void;
}

export function NoteTree({ open, notes, encounters, chosen, onChoose }: Props) {
  const [by, setBy] = useState<Grouping>("encounter");
  const [search, setSearch] = useState("");
  const sought = useDeferredValue(search);
  const shown = useMemo(() => found(notes, sought), [notes, sought]);
  const groups = useMemo(() => branches(shown, by, encounters), [shown, by, encounters]);
  const { data, more } = usePages(groups);
  const byKey = useMemo(() => new Map(notes.map((note) => [note.key, note])), [notes]);
  const tree = useOpened(groups, sought !== "" || notes.length <= FEW, chosen);

  const act = (value: string) => {
    if (value.startsWith("more ")) more(value);
    else if (byKey.has(value)) onChoose(value);
    else tree.toggleExpanded(value);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const value = (event.target as HTMLElement).closest<HTMLElement>("[role=treeitem]")?.dataset["value"];
    if (event.key !== "Enter" || !value) return;
    event.preventDefault();
    act(value);
  };
  const count = sought === "" ? counted(notes.length, "note") : `${shown.length} of ${counted(notes.length, "note")}`;
  return (
    <>
      <div className={classes["finding"]}>
        <TextInput type="search" size="sm" aria-label="Search notes" placeholder="Search titles, authors and texts" leftSection={<IconSearch size={16} aria-hidden />} value={search} onChange={(event) => setSearch(event.currentTarget.value)} />
        <SegmentedControl fullWidth size="xs" aria-label="Group notes by" value={by} onChange={(value) => setBy(value as Grouping)} data={[{ value: "encounter", label: "By encounter" }, { value: "kind", label: "By kind" }]} />
        <div className={classes["counting"]}>
          <Text size="xs" c="dimmed" role="status" aria-label="Notes shown">
            {count}
          </Text>
          <RemovalNews open={open} type="DocumentReference" />
        </div>
      </div>
      {shown.length === 0 && (
        <Text size="sm" c="dimmed" className={classes["empty"]}>
          {sought === "" ? "No notes recorded." : "No note has all of these words."}
        </Text>
      )}
      <Tree
        aria-label="Notes"
        className={classes["tree"]}
        data={data}
        tree={tree}
        levelOffset={18}
        expandOnClick={false}
        allowRangeSelection={false}
        onKeyDown={onKeyDown}
        renderNode={({ node, expanded, hasChildren, elementProps }) => {
          const note = byKey.get(node.value);
          const onClick = (event: React.MouseEvent) => {
            elementProps.onClick(event);
            act(node.value);
          };
          const chevron = hasChildren && (
            <IconChevronRight
              size={15}
              aria-hidden
              className={classes["chevron"]}
              data-open={expanded || undefined}
              onClick={(event) => {
                event.stopPropagation();
                tree.toggleExpanded(node.value);
              }}
            />
          );
          return (
            <div {...elementProps} onClick={onClick} className={`${elementProps.className} ${classes["row"]}`} data-group={note || node.value.startsWith("more ") ? undefined : true}>
              <span className={classes["fold"]}>{chevron}</span>
              {note ? <NoteRow open={open} note={note} /> : <span className={classes["groupName"]}>{node.label}</span>}
            </div>
          );
        }}
      />
    </>
  );
}

/** The tree's data, long lists cut where nobody has asked for more of them. */
function usePages(groups: readonly Branch[]): { data: TreeNodeData[]; more: (value: string) => void } {
  const [limits, setLimits] = useState<Readonly<Record<string, number>>>({});
  const data = useMemo(() => {
    const page = (name: string, all: readonly TreeNodeData[]): TreeNodeData[] => {
      const limit = limits[name] ?? PAGE;
      const rest = all.length - limit;
      return rest > 0 ? [...all.slice(0, limit), { value: `more ${name}`, label: `Show ${Math.min(PAGE, rest)} more of ${rest}` }] : [...all];
    };
    const leaf = ({ note, addenda }: Leaf): TreeNodeData => ({ value: note.key, label: note.title, ...(addenda.length > 0 && { children: addenda.map(leaf) }) });
    return page("groups", groups.map(({ value, label, leaves }) => ({ value, label: `${label} (${leaves.length})`, children: page(value, leaves.map(leaf)) })));
  }, [groups, limits]);
  const more = (value: string) => {
    const name = value.slice("more ".length);
    setLimits({ ...limits, [name]: (limits[name] ?? PAGE) + PAGE });
  };
  return { data, more };
}

/** The tree with its groups open or not: as the person left them, else those that are looked for. */
function useOpened(groups: readonly Branch[], all: boolean, chosen: string | undefined) {
  const [own, setOwn] = useState<Readonly<Record<string, boolean>>>({});
  const opened = useMemo(() => {
    const opened: Record<string, boolean> = {};
    const has = (leaf: Leaf): boolean => leaf.note.key === chosen || leaf.addenda.some(has);
    const open = (leaf: Leaf) => {
      if (leaf.addenda.length > 0) opened[leaf.note.key] = true;
      leaf.addenda.forEach(open);
    };
    for (const [place, { value, leaves }] of groups.entries()) {
      opened[value] = all || place === 0 || leaves.some(has);
      leaves.forEach(open);
    }
    return opened;
  }, [groups, all, chosen]);
  return useTree({
    expandedState: { ...opened, ...own },
    selectedState: chosen ? [chosen] : [],
    onNodeExpand: (value) => setOwn((before) => ({ ...before, [value]: true })),
    onNodeCollapse: (value) => setOwn((before) => ({ ...before, [value]: false })),
  });
}
