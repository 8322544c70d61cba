/** In the place of the patient list, for somebody who may see no chart. */
import { Paper, Text, Title } from "@mantine/core";
import type { Member } from "./people";

export function NothingOpen({ person }: { person: Member }) {
  return (
    <Paper withBorder radius="md" p="xl" bg="var(--surface)">
      <Title order={2} size="h4">
        No chart is open to you
      </Title>
      <Text mt="xs" c="dimmed">
        You are signed in as {person.name}
        {person.role ? ` (${person.role})` : ", without a role"}. Charts appear here as soon as your role, or your place in a
        patient's care team, opens them. Ask whoever admits people to your ward.
      </Text>
    </Paper>
  );
}
