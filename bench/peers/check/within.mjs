const LIMIT_MS = 15_000;

/** What `promise` gives; throws with `what` was awaited if that takes too long. */
export async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`never: ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves once `holds` gives true, looked at now and each time `subscribe` calls back. */
export function until(what, holds, subscribe) {
  return within(what, new Promise((resolve) => {
    const look = () => holds() && resolve();
    subscribe(look);
    look();
  }));
}
