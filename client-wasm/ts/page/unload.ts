import type { Unsubscribe } from "../types.js";
import type { Client } from "./client.js";

/**
 * Makes the browser ask before it closes a window with edits that would be lost: those that neither
 * the server nor this device's store has, refused ones that nobody has looked at and the store does
 * not have, and words that are just being typed.
 */
export function warnBeforeUnload(client: Client): Unsubscribe {
  const ask = (event: BeforeUnloadEvent) => {
    if (client.state.unstored + client.unheard > 0) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  return () => window.removeEventListener("beforeunload", ask);
}
