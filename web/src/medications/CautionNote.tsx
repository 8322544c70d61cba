/** Warnings beside a drug's name. */
import { Alert, List } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import classes from "./CautionNote.module.css";

export function CautionNote({ all }: { all: readonly string[] }) {
  if (all.length === 0) return null;
  return (
    <Alert role="status" className={classes["note"]} icon={<IconAlertTriangle aria-hidden />} aria-label="Warnings">
      <List size="sm" listStyleType="none">
        {all.map((text) => (
          <List.Item key={text}>{text}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
