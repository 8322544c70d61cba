import type { ChartEvent } from "./types.js";

/**
 * An event's identity, equal for one that this client derived and for the same one as the server
 * numbered it: its changes, its resource and its name.
 */
export function eventIdentity({ changes, resource_type, resource_id, event }: ChartEvent): string {
  return `${changes.join(" ")} ${resource_type}/${resource_id} ${event}`;
}
