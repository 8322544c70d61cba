/** The body by regions, each with how many studies it has; pressing one shows those alone. */
import { Button } from "@mantine/core";
import classes from "./Imaging.module.css";
import { type Region, REGION_NAMES, REGIONS } from "./region";
import { countText } from "./study";

interface Props {
  counts: ReadonlyMap<Region, number>;
  chosen: Region | undefined;
  onChoose: (region: Region | undefined) => void;
}

export function BodyMap({ counts, chosen, onChoose }: Props) {
  const toggle = (region: Region) => onChoose(region === chosen ? undefined : region);
  const many = (region: Region) => counts.get(region) ?? 0;
  return (
    <div className={classes["map"]} role="group" aria-label="Region of the body">
      {/* The buttons beside it do the same by name and by keyboard. */}
      <svg viewBox="0 0 100 220" className={classes["body"]} aria-hidden>
        {SHAPES.map(([region, path]) => (
          <path
            key={path}
            d={path}
            className={classes["shape"]}
            data-chosen={region === chosen || undefined}
            data-filled={many(region) > 0 || undefined}
            onClick={() => (many(region) > 0 || region === chosen) && toggle(region)}
          />
        ))}
      </svg>
      <div className={classes["regions"]}>
        {REGIONS.map((region) => (
          <Button
            key={region}
            size="compact-sm"
            justify="space-between"
            variant={region === chosen ? "filled" : "subtle"}
            color={region === chosen ? undefined : "gray"}
            className={classes["region"]}
            aria-pressed={region === chosen}
            aria-label={`${REGION_NAMES[region]}, ${countText(many(region))}`}
            disabled={many(region) === 0 && region !== chosen}
            rightSection={many(region)}
            onClick={() => toggle(region)}
          >
            {/* The space parts the name from the count, where the two are read as one. */}
            {REGION_NAMES[region]}{" "}
          </Button>
        ))}
      </div>
    </div>
  );
}

/** The body seen from the front; what is small lies above. */
const SHAPES: readonly (readonly [Region, string])[] = [
  ["neck", "M43 36h14v12h-14z"],
  ["head", "M50 4c9 0 15 7 15 17s-6 18-15 18s-15-8-15-18s6-17 15-17z"],
  ["arms", "M28 49c-9 1-13 7-14 15l-5 50c-1 6 1 10 4 10s5-3 6-8l10-48z"],
  ["arms", "M72 49c9 1 13 7 14 15l5 50c1 6-1 10-4 10s-5-3-6-8l-10-48z"],
  ["chest", "M31 49c6-2 32-2 38 0l1 33h-40z"],
  ["abdomen", "M30 84h40l1 22h-42z"],
  ["pelvis", "M29 108h42l3 19c-8 4-16 6-24 6s-16-2-24-6z"],
  ["legs", "M26 130c7 3 14 5 22 5l-3 76c0 5-12 5-13 0z"],
  ["legs", "M74 130c-7 3-14 5-22 5l3 76c0 5 12 5 13 0z"],
  ["spine", "M48 45h4v80h-4z"],
];
