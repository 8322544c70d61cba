/** The charts that this page shows: they interrupt with their critical values themselves, and what is raised meanwhile may be about their patients. */
import { useEffect, useSyncExternalStore } from "react";
import { Listeners } from "../shared/store";
import type { AlertPatient } from "./alert";

/** A chart that is shown, and what it knows of the alerts about it. */
export interface ShownChart extends AlertPatient {
  /** Keys of critical values that are none any more, though somebody has to end their alerts. */
  readonly withdrawn: readonly string[];
}

class Charts extends Listeners {
  #shown: readonly ShownChart[] = [];

  readonly shown = (): readonly ShownChart[] => this.#shown;

  add(chart: ShownChart): () => void {
    this.#set([...this.#shown, chart]);
    return () => this.#set(this.#shown.filter((other) => other !== chart));
  }

  #set(shown: readonly ShownChart[]): void {
    this.#shown = shown;
    this.tell();
  }
}

const charts = new Charts();

/** The patient's chart is shown while this is mounted. */
export function useShowsChart({ id, name, withdrawn }: ShownChart): void {
  useEffect(() => charts.add({ id, name, withdrawn }), [id, name, withdrawn]);
}

/** The patients whose charts are shown. */
export function useShownCharts(): readonly ShownChart[] {
  return useSyncExternalStore(charts.subscribe, charts.shown);
}
