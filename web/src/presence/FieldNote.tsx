/** What others do at a field of a form, beneath it, in the space between fields: nothing moves. */
import { Text } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import classes from "./FieldNote.module.css";
import { type Colleague, editingText } from "./people";

export function FieldNote({ people }: { people: readonly Colleague[] }) {
  const text = editingText(people);
  return (
    <div className={classes["place"]} aria-live="polite">
      {text !== "" && (
        <Text size="xs" className={classes["words"]}>
          <IconPencil size={13} aria-hidden /> {text}
        </Text>
      )}
    </div>
  );
}
