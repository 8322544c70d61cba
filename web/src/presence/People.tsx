/** People as avatars: their names and places are told on hover, on focus and to screen readers. */
import { Avatar, Tooltip } from "@mantine/core";
import classes from "./People.module.css";
import { type Colleague, whereText } from "./people";

const SHOWN = 4;

interface Props {
  people: readonly Colleague[];
  /** What the group is: `Also on this patient`. */
  label: string;
  size?: number;
  tell?: (person: Colleague) => string;
}

export function People({ people, label, size = 28, tell = whereText }: Props) {
  if (people.length === 0) return null;
  const rest = people.slice(SHOWN);
  return (
    <Tooltip.Group openDelay={150} closeDelay={100}>
      <Avatar.Group role="list" aria-label={label} spacing={size / 4} className={classes["group"]}>
        {people.slice(0, SHOWN).map((person) => (
          <Tooltip key={person.id} label={tell(person)} withArrow events={{ hover: true, focus: true, touch: true }}>
            <Avatar role="listitem" size={size} name={person.name} color="initials" variant="filled" tabIndex={0} aria-label={tell(person)} />
          </Tooltip>
        ))}
        {rest.length > 0 && (
          <Tooltip label={rest.map(tell).join("\n")} withArrow multiline events={{ hover: true, focus: true, touch: true }}>
            <Avatar role="listitem" size={size} tabIndex={0} aria-label={rest.map(tell).join("; ")}>
              +{rest.length}
            </Avatar>
          </Tooltip>
        )}
      </Avatar.Group>
    </Tooltip.Group>
  );
}

/** Who is in an entry or a tab, where there is no room for more; it takes none of its own. */
export function PeopleMark({ people, text }: { people: readonly Colleague[]; text: string }) {
  const first = people[0];
  if (!first) return null;
  return (
    <Tooltip label={text} withArrow>
      <Avatar size={18} name={first.name} color="initials" variant="filled" className={classes["mark"]} role="img" aria-label={text} />
    </Tooltip>
  );
}
