import type { Store } from "./store.js";

/** No store: what is shown is in memory alone. */
export const MEMORY: Store = {
  device: undefined,
  status: "none",
  fault: null,
  onStatus: () => {},
  load: async () => undefined,
  waiting: async () => [],
  // Never resolves: nothing written here would survive.
  write: () => new Promise(() => {}),
  wipe: async () => {},
  close: async () => {},
};
