/** Asks who is at this window, where the server has no sign-in of its own. */
import { Button, Center, Paper, Stack, Text, Title } from "@mantine/core";
import { type Member, PEOPLE } from "./people";

export function SignIn({ onChoose }: { onChoose: (person: Member) => void }) {
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder radius="md" p="xl" w={400} maw="100%" bg="var(--surface)">
        <Title order={1} size="h3">
          Who is at this screen?
        </Title>
        <Text c="dimmed" size="sm" mt={4} mb="lg">
          This server has no sign-in. Your edits will carry the name you choose, in this window only.
        </Text>
        <Stack gap="sm">
          {PEOPLE.map((person) => (
            <Button
              key={person.id}
              variant="default"
              size="lg"
              justify="space-between"
              rightSection={
                <Text size="sm" c="dimmed">
                  {person.role}
                </Text>
              }
              onClick={() => onChoose(person)}
            >
              {person.name}
            </Button>
          ))}
        </Stack>
      </Paper>
    </Center>
  );
}
