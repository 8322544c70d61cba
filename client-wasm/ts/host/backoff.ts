import type { Backoff } from "../types.js";

/** The waits of a client that is told nothing else. */
export const DEFAULT_BACKOFF: Backoff = { minMs: 250, maxMs: 15_000 };

/**
 * How long to wait before attempt number `attempt`, from 0: a random time up to a limit that
 * doubles. Full jitter spreads the clients of a server that has just come back.
 */
export function waitMs(attempt: number, { minMs, maxMs }: Backoff, random = Math.random): number {
  const limit = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return Math.round(random() * limit);
}
