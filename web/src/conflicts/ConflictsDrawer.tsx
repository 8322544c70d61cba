/** All conflicts of the patient in one place, those that hold up acts first. */
import { Drawer, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import type { Conflict, Resource } from "../shared/chartroom";
import { counted } from "../shared/counted";
import { conflictKey } from "../shared/panel/dispute";
import type { OpenRoom } from "../shared/rooms";
import { useConflicts } from "../shared/useRoom";
import { ConflictNote } from "./ConflictNote";
import { conflictPlace, kindOf } from "./kinds";

export function ConflictsDrawer(props: { open: OpenRoom; patientId: string; isShown: boolean; onClose: () => void }) {
  const { open, patientId, isShown, onClose } = props;
  const all = [...useConflicts(open).values()].flat().sort((a, b) => Number(b.safety) - Number(a.safety));
  const [written, setWritten] = useState<{ resource: Resource; conflict: Conflict }>();
  return (
    <>
      {/* The form takes its place, so that Escape closes one of the two. */}
      <Drawer
        opened={isShown && !written}
        onClose={onClose}
        position="right"
        size={520}
        title={`${counted(all.length, "conflict")} to settle`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {all.length === 0 && <Text c="dimmed">Nothing is in dispute any more.</Text>}
        <Stack component="ul" gap="lg" p={0} m={0} aria-label="Conflicts of this patient" style={{ listStyle: "none" }}>
          {all.map((conflict) => {
            const { resource_type: type, id } = conflict;
            const resource = open.room.get(type, id);
            const place = conflictPlace(conflict, resource);
            const canWrite = resource && kindOf(resource)?.isWritable(resource, conflict);
            return (
              <li key={conflictKey(conflict)}>
                <Title order={3} size="h5" mb={6}>
                  {place}
                </Title>
                <ConflictNote conflict={conflict} label={place} open={open} onWrite={canWrite ? () => setWritten({ resource, conflict }) : undefined} />
                {conflict.safety && (
                  <Text size="xs" c="dimmed" mt={4}>
                    Acts such as signing and dispensing wait for this.
                  </Text>
                )}
              </li>
            );
          })}
        </Stack>
      </Drawer>
      {written && kindOf(written.resource)?.form({ ...written, open, patientId, onClose: () => setWritten(undefined) })}
    </>
  );
}
