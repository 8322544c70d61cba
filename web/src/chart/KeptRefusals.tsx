/** Edits that were refused while no page told of it: of an earlier window, which was closed before it heard, or of another one. */
import { Stack, Text } from "@mantine/core";
import type { RefusedEdit } from "../shared/chartroom";
import { keptTitle, reasonText } from "../shared/edits";
import { elementName, valueText } from "../shared/fhir/words";
import { RefusalNote } from "../shared/panel/RefusalNote";
import type { OpenRoom } from "../shared/rooms";
import { useKeptRefusals } from "../shared/useRoom";
import { useWorkspace } from "../shared/workspace";

/** Elements that tell a reader nothing of what was to be written. */
const UNTOLD = new Set(["resourceType", "id", "meta", "text", "subject", "patient", "docStatus", "content"]);

export function KeptRefusals({ open }: { open: OpenRoom }) {
  const kept = useKeptRefusals(open);
  const { canEdit } = useWorkspace();
  if (kept.length === 0) return null;
  return (
    <Stack component="section" aria-label="Edits that were not saved" gap="xs" mb="md">
      {kept.map((refused, index) => (
        <RefusalNote
          key={refused.edit.hash ?? index}
          refusal={{ title: keptTitle(refused, open.room), reason: reasonText(refused) }}
          onAgain={canEdit && !isSignature(refused) ? refused.retry : undefined}
          onDiscard={refused.drop}
        >
          {written(refused).map((line) => (
            <Text key={line} size="sm">
              {line}
            </Text>
          ))}
        </RefusalNote>
      ))}
    </Stack>
  );
}

/** Nobody signs what they have not read: that is done at the note. */
function isSignature({ command }: RefusedEdit): boolean {
  return command.kind === "patch" && "docStatus" in command.elements;
}

/** What the edit was to write, element by element. */
function written({ command }: RefusedEdit): string[] {
  const elements = command.kind === "put" ? command.resource : command.kind === "patch" ? command.elements : {};
  const type = command.kind === "put" ? command.resource.resourceType : "";
  return Object.entries(elements)
    .filter(([name]) => !UNTOLD.has(name))
    .map(([name, value]) => `${elementName(type, name)}: ${valueText(name, value)}`);
}
