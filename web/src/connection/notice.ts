/** What the bar at the foot of every page says; nothing while edits get to the server. */
import type { ClientState } from "../shared/chartroom";

export interface Notice {
  readonly tone: "warning" | "alarm";
  readonly title: string;
  readonly text: string;
}

/** Never says that edits are kept where they are not. */
export function notice({ connection, storage, unsaved, unstored }: ClientState): Notice | undefined {
  const kept = storage === "ok";
  if (connection === "signed-out") {
    return { tone: "alarm", title: "Your sign-in has ended", text: `Sign in again to go on. ${waiting(unsaved, unstored, kept)}` };
  }
  if (connection === "offline") {
    return { tone: unstored > 0 ? "alarm" : "warning", title: "Offline", text: waiting(unsaved, unstored, kept) };
  }
  if (kept || storage === "none") return undefined;
  const why = { full: "This device is full", lost: "This browser's storage was cleared", unavailable: "This browser keeps nothing" }[storage];
  return { tone: "warning", title: why, text: "Edits are safe only once they say Saved. Keep this window open until then." };
}

function waiting(unsaved: number, unstored: number, kept: boolean): string {
  if (unsaved === 0) return kept ? "You can go on: edits are kept on this device and sent later." : "Edits made now are in this window only.";
  const edits = unsaved === 1 ? "1 edit waits" : `${unsaved} edits wait`;
  if (unstored > 0 || !kept) return `${edits}, in this window only. Do not close it.`;
  return `${edits}, kept on this device, and will be sent when the server answers.`;
}
