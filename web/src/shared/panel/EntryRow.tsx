/** One entry: what it is, how it stands, who changed it last; beneath it its conflicts, and what was refused. */
import { ActionIcon, Badge, Button, Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { memo, type ReactElement, useState } from "react";
import { ConflictNote } from "../../conflicts/ConflictNote";
import { EntryMark } from "../../past/marks";
import { type Colleague, editingText } from "../../presence/people";
import { PeopleMark } from "../../presence/People";
import type { Touch } from "../activity";
import type { Conflict, Resource } from "../chartroom";
import type { Refusal } from "../edits";
import { formatDate, formatTime } from "../fhir/date";
import { elementName, noteText } from "../fhir/words";
import type { OpenRoom } from "../rooms";
import { useWorkspace } from "../workspace";
import type { EntryAct, FormValues, PanelDefinition } from "./definition";
import { conflictKey, isWritable } from "./dispute";
import classes from "./Panel.module.css";
import { RefusalNote } from "./RefusalNote";

interface EntryRowProps<V extends FormValues> {
  definition: PanelDefinition<V>;
  open: OpenRoom;
  resource: Resource;
  touch: Touch | undefined;
  conflicts: readonly Conflict[] | undefined;
  editors: readonly Colleague[] | undefined;
  onEdit: ((resource: Resource) => void) | undefined;
  onRemove: ((resource: Resource) => void) | undefined;
  onAct: ((resource: Resource, act: EntryAct) => void) | undefined;
  onWrite: ((resource: Resource, conflict: Conflict) => void) | undefined;
  refusals: readonly Refusal[] | undefined;
  onAgain: (refusal: Refusal) => void;
  onDiscard: (refusal: Refusal) => void;
}

function EntryRowView<V extends FormValues>(props: EntryRowProps<V>) {
  const { definition, open, resource, touch, conflicts, editors, onEdit, onRemove, onAct, onWrite, refusals } = props;
  const { person } = useWorkspace();
  const label = definition.label(resource);
  const detail = definition.detail(resource);
  const badge = definition.badge(resource);
  const flag = definition.flag?.(resource);
  const isDisputed = conflicts?.some(({ safety }) => safety) ?? false;
  return (
    <>
      <Table.Tr
        className={classes["row"]}
        data-entry={resource.id}
        data-changed={touch ? (touch.turn % 2 === 0 ? "even" : "odd") : undefined}
      >
        <Table.Th scope="row" className={classes["main"]}>
          <div className={classes["words"]}>
            <div>
              <span className={classes["label"]}>{label}</span>
              {flag && (
                <Badge size="sm" tt="none" color="red.9" variant="filled" ml={8} className={classes["flag"]}>
                  {flag}
                </Badge>
              )}
            </div>
            <div>
              {detail && <span className={classes["detail"]}>{detail}</span>}
              <Note text={noteText(resource)} />
              <EntryMark type={definition.type} id={resource.id} />
            </div>
          </div>
        </Table.Th>
        <Table.Td>
          <span className={classes["status"]} data-tone={badge.tone}>
            {badge.text}
          </span>
          {editors && (
            <span className={classes["editors"]}>
              <PeopleMark people={editors} text={editingText(editors)} />
            </span>
          )}
        </Table.Td>
        <Table.Td className={classes["change"]}>
          <LastChange definition={definition} resource={resource} touch={touch} />
        </Table.Td>
        {(onEdit || onRemove) && (
          <Table.Td className={classes["actions"]}>
            {onAct &&
              definition.acts?.(resource, person).map((act) => (
                <Button
                  key={act.verb}
                  size="compact-sm"
                  variant={act.isMain ? "filled" : "default"}
                  mr={6}
                  aria-label={`${act.verb} ${label}`}
                  disabled={act.isMain && isDisputed}
                  title={act.isMain && isDisputed ? "Choose between the two values first" : undefined}
                  onClick={() => onAct(resource, act)}
                >
                  {act.verb}
                </Button>
              ))}
            {onEdit && !definition.isClosed?.(resource) && (
              <ActionIcon variant="subtle" color="gray" aria-label={`Edit ${label}`} onClick={() => onEdit(resource)}>
                <IconPencil size={17} aria-hidden />
              </ActionIcon>
            )}
            {onRemove && (
              <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${label}`} onClick={() => onRemove(resource)}>
                <IconTrash size={17} aria-hidden />
              </ActionIcon>
            )}
          </Table.Td>
        )}
      </Table.Tr>
      {refusals?.map((refusal) => (
        <Table.Tr key={refusal.key} className={classes["beneath"]}>
          <Table.Td colSpan={4}>
            <RefusalNote refusal={refusal} onAgain={() => props.onAgain(refusal)} onDiscard={() => props.onDiscard(refusal)} />
          </Table.Td>
        </Table.Tr>
      ))}
      {conflicts?.map((conflict) => (
        <Table.Tr key={conflictKey(conflict)} className={classes["beneath"]}>
          <Table.Td colSpan={4}>
            <ConflictNote
              conflict={conflict}
              label={label}
              open={open}
              onWrite={onWrite && isWritable(definition, resource, conflict) ? () => onWrite(resource, conflict) : undefined}
            />
          </Table.Td>
        </Table.Tr>
      ))}
    </>
  );
}

/** Rows whose entry did not change are not drawn again. */
export const EntryRow = memo(EntryRowView) as <V extends FormValues>(props: EntryRowProps<V>) => ReactElement;

/** The entry's notes: two lines of them, all on a click. */
function Note({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text === "") return null;
  if (text.length < SHORT_NOTE) return <span className={classes["detail"]}>{text}</span>;
  return (
    <UnstyledButton className={classes["note"]} aria-expanded={whole} onClick={() => setWhole(!whole)}>
      <span className={classes["noteText"]} data-whole={whole || undefined}>
        {text}
      </span>
      <span className={classes["more"]}>{whole ? "Show less" : "Show all"}</span>
    </UnstyledButton>
  );
}

const SHORT_NOTE = 70;

function LastChange<V extends FormValues>(props: {
  definition: PanelDefinition<V>;
  resource: Resource;
  touch: Touch | undefined;
}) {
  const { definition, resource, touch } = props;
  if (!touch) return <Text size="xs" c="dimmed">{formatDate(definition.date(resource))}</Text>;
  const what = touch.changed.map((element) => elementName(definition.type, element)).join(", ");
  const verb = touch.action === "created" ? "Added" : "Changed";
  return (
    <Tooltip label={touch.action === "created" || !what ? verb : `${verb}: ${what}`} withArrow>
      <Text size="xs" className={classes["touch"]} tabIndex={0}>
        {touch.author}
        <span className={classes["touchTime"]}>{formatTime(touch.at, new Date())}</span>
      </Text>
    </Tooltip>
  );
}
