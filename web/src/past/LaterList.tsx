/** What was changed later than the chart that is shown, behind a count whose place is kept free. */
import { Button, Popover, ScrollArea } from "@mantine/core";
import { counted } from "../shared/counted";
import type { LaterChange } from "./later";
import { whatText } from "./marks";
import { entryTypeName } from "./names";
import classes from "./Past.module.css";

const LISTED = 100;

export function LaterList({ later }: { later: readonly LaterChange[] }) {
  const count = counted(later.length, "entry changed later", "entries changed later");
  return (
    <Popover width={460} position="bottom-end" withArrow trapFocus shadow="md">
      <Popover.Target>
        <Button size="compact-sm" variant="default" style={{ visibility: later.length > 0 ? "visible" : "hidden" }}>
          {count}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Changed later">
        <ScrollArea.Autosize mah={320} type="auto" viewportProps={{ role: "group", tabIndex: 0, "aria-label": "Changed later" }}>
          <ul className={classes["list"]}>
            {later.slice(0, LISTED).map((change) => (
              <li key={change.key}>
                <strong>{change.label || `A removed ${entryTypeName(change.type, 1)}`}</strong> {whatText(change)}
              </li>
            ))}
            {later.length > LISTED && <li>and {later.length - LISTED} more</li>}
          </ul>
        </ScrollArea.Autosize>
      </Popover.Dropdown>
    </Popover>
  );
}
