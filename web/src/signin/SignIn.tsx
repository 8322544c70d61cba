/** Asks who is at this window, where the server has no sign-in of its own. */
import { Button, Stack, Text } from "@mantine/core";
import { Door } from "./Door";
import { type Member, PEOPLE } from "./people";

export function SignIn({ onChoose }: { onChoose: (person: Member) => void }) {
  return (
    <Door
      title="Who is at this screen?"
      text="This server has no sign-in. Your edits will carry the name you choose, in this window only."
    >
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
    </Door>
  );
}
