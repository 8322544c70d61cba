/** Refused edits that no page of this window tells of: of an earlier window, or of another one. */
import { Spoiler, Stack, Text } from "@mantine/core";
import type { Command } from "../shared/chartroom";
import { type Refusal, reasonText } from "../shared/edits";
import { CONFLICTS, conflictKey } from "../shared/panel/dispute";
import { RefusalNote } from "../shared/panel/RefusalNote";
import { refusedLines, refusedTitle } from "../shared/refused";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts, useKeptRefusals, useRefusals } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";
import classes from "./Chart.module.css";

const ORDERS = new Set(["MedicationRequest", "ServiceRequest"]);

export function KeptRefusals({ open }: { open: OpenRoom }) {
  const kept = useKeptRefusals(open);
  const choices = useStrayChoices(open);
  const { canEdit } = useWorkspace();
  if (kept.length + choices.length === 0) return null;
  return (
    <Stack component="section" aria-label="Edits that were not saved" gap="xs" mb="md">
      {kept.map((refused, index) => (
        <RefusalNote
          key={refused.edit.hash ?? index}
          refusal={{ title: refusedTitle(refused, open.room), reason: reasonText(refused) }}
          onAgain={canEdit && !isAct(refused.command) ? refused.retry : undefined}
          onDiscard={refused.drop}
        >
          <Spoiler maxHeight={120} showLabel="Show all" hideLabel="Show less" classNames={{ root: classes["refused"] ?? "", control: classes["refusedMore"] ?? "" }}>
            {refusedLines(refused.command).map((line, at) => (
              <Text key={at} size="sm" className={classes["refusedLine"]}>
                {line}
              </Text>
            ))}
          </Spoiler>
        </RefusalNote>
      ))}
      {choices.map((choice) => (
        <RefusalNote key={choice.key} refusal={choice} onDiscard={() => open.edits.dismiss(choice.key)} />
      ))}
    </Stack>
  );
}

/** Choices of conflicts that are not there any more, beside which they would be told. */
function useStrayChoices(open: OpenRoom): readonly Refusal[] {
  const conflicts = useConflicts(open);
  const here = new Set([...conflicts.values()].flat().map(conflictKey));
  return useRefusals(open).filter(({ panel, beside }) => panel === CONFLICTS && !here.has(beside ?? ""));
}

/** Whether it signs, starts or ends something, which nobody does unseen: that is done where it stands. */
function isAct(command: Command): boolean {
  if (command.kind === "batch") return command.commands.some(isAct);
  if (command.kind === "patch") return "status" in command.elements || "docStatus" in command.elements;
  return command.kind === "put" && ORDERS.has(command.resource.resourceType) && command.resource["status"] === "active";
}
