// Seeded randomness (mulberry32), so that a failure can be run again.

/** A function that gives numbers in [0, 1), the same ones for the same seed. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed from the environment, or a new one; print it. */
export const chosenSeed = () => Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
