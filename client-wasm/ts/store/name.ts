import { hex } from "../hex.js";

/** The name of the database of one person at one server, which says nothing of either. */
export async function storeName(url: string, person: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${url}\n${person}`));
  return `chartroom ${hex(digest).slice(0, 32)}`;
}
