/** Says that the chart is shown as it was, and moves along its changes. */
import { ActionIcon, Button, Slider, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconArrowBackUp, IconChevronLeft, IconChevronRight, IconHistory } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { formatMoment } from "../shared/fhir/date";
import { LaterList } from "./LaterList";
import type { LaterChange } from "./later";
import { type Moment, momentText, placeOf } from "./moments";
import classes from "./Past.module.css";
import type { PastState } from "./usePast";

/** The slider rests when it has not moved for so long. */
const RESTS_MS = 180;

export function PastBar(props: {
  at: number;
  state: PastState;
  moments: readonly Moment[];
  later: readonly LaterChange[];
  onMove: (ms: number) => void;
  onLeave: () => void;
}) {
  const { at, state, moments, later, onMove, onLeave } = props;
  const shown = state.chart?.ms;
  return (
    <section className={classes["bar"]} aria-label="The chart as it was" aria-busy={state.isLoading}>
      <div className={classes["words"]}>
        <IconHistory size={20} aria-hidden className={classes["icon"]} />
        <p role="status" className={classes["says"]}>
          {shown === undefined ? (state.failure ? "You see no chart." : "The chart as it was is being read.") : <>You see this chart as it was on <strong>{formatMoment(shown)}</strong>. Nothing can be changed here.</>}
        </p>
        <LaterList later={later} />
        <Button autoFocus className={classes["leave"]} size="compact-sm" color="violet.8" variant="filled" leftSection={<IconArrowBackUp size={16} aria-hidden />} onClick={onLeave}>
          Back to now
        </Button>
      </div>
      <Moments at={at} moments={moments} isLoading={state.isLoading} onMove={onMove} />
      {state.failure && (
        <Text size="sm" role="alert" className={classes["failure"]}>
          The chart as of {formatMoment(at)} cannot be shown. {state.failure}
        </Text>
      )}
    </section>
  );
}

/** The slider: its label follows at once, the chart when it rests. */
function Moments({ at, moments, isLoading, onMove }: { at: number; moments: readonly Moment[]; isLoading: boolean; onMove: (ms: number) => void }) {
  const [place, setPlace] = useState<number>();
  const isMoving = useRef(false);
  const rest = useDebouncedCallback((next: number) => {
    isMoving.current = false;
    setPlace(undefined);
    const moment = moments[next];
    if (moment) onMove(moment.ms);
  }, RESTS_MS);
  useEffect(() => {
    // The address may follow an earlier rest while the next press is already there.
    if (!isMoving.current) setPlace(undefined);
  }, [at]);
  const standing = place ?? placeOf(moments, at);
  const moment = moments[standing];
  const move = (next: number) => {
    isMoving.current = true;
    setPlace(next);
    rest(next);
  };
  const last = moments.length - 1;
  const valueText = (index: number) => (moments[index] ? momentText(moments[index]) : "");
  return (
    <div className={classes["moments"]}>
      <ActionIcon variant="default" aria-label="Earlier change" disabled={standing <= 0} onClick={() => move(standing - 1)}>
        <IconChevronLeft size={18} aria-hidden />
      </ActionIcon>
      <Slider
        className={classes["slider"]}
        color="violet.7"
        min={0}
        max={Math.max(last, 1)}
        value={standing}
        disabled={last < 1}
        onChange={move}
        label={null}
        thumbLabel="Moment"
        thumbValueText={valueText}
      />
      <ActionIcon variant="default" aria-label="Later change" disabled={standing >= last} onClick={() => move(standing + 1)}>
        <IconChevronRight size={18} aria-hidden />
      </ActionIcon>
      <TextInput
        type="datetime-local"
        step={1}
        size="xs"
        aria-label="Any time"
        key={at}
        defaultValue={localInput(at)}
        max={localInput(Date.now())}
        onBlur={({ currentTarget: { value } }) => {
          const ms = Date.parse(value);
          if (!Number.isNaN(ms) && ms !== at) onMove(ms);
        }}
        onKeyDown={({ key, currentTarget }) => key === "Enter" && currentTarget.blur()}
      />
      <Text size="sm" className={classes["moment"]} data-loading={isLoading || place !== undefined || undefined}>
        {moment ? `Change ${standing + 1} of ${moments.length}: ${momentText(moment)}` : "The changes are being read."}
      </Text>
    </div>
  );
}

/** A time as the browser's own field has it, in the reader's time zone. */
function localInput(ms: number): string {
  const zone = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - zone).toISOString().slice(0, 19);
}
