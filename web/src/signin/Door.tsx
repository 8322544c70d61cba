/** The frame of every page before the workspace. */
import { Center, Paper, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

export function Door({ title, text, children }: { title: string; text: ReactNode; children?: ReactNode }) {
  useDocumentTitle(`${title} · Chartroom`);
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder radius="md" p="xl" w={460} maw="100%" bg="var(--surface)">
        <Title order={1} size="h3">
          {title}
        </Title>
        <Text c="dimmed" size="sm" mt={4} mb={children ? "lg" : 0}>
          {text}
        </Text>
        {children}
      </Paper>
    </Center>
  );
}
