/**
 * What others do at a field of a form, beneath it, in the space between fields: nothing moves.
 *
 * Who types comes and goes with every pause; a screen reader hears once that somebody is there.
 */
import { Text } from "@mantine/core";
import { IconKeyboard, IconPencil } from "@tabler/icons-react";
import classes from "./FieldNote.module.css";
import { type Colleague, editingText, typingText } from "./people";

export function FieldNote({ people }: { people: readonly Colleague[] }) {
  const text = editingText(people);
  const typing = typingText(people);
  return (
    <div className={classes["place"]}>
      {typing !== "" && (
        <Text size="xs" aria-hidden className={classes["words"]} data-typing>
          <IconKeyboard size={14} /> {typing}
        </Text>
      )}
      <div aria-live="polite">
        {text !== "" && (
          <Text size="xs" className={typing === "" ? classes["words"] : "visually-hidden"}>
            <IconPencil size={13} aria-hidden /> {text}
          </Text>
        )}
      </div>
    </div>
  );
}
