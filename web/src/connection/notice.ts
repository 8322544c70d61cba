/** What the bar at the foot of every page says; nothing while edits get to the server. */
import type { ClientState } from "../shared/chartroom";
import { counted } from "../shared/counted";

export interface Notice {
  readonly tone: "warning" | "alarm";
  readonly title: string;
  readonly text: string;
}

/** Never says that edits are kept where they are not. */
export function notice({ connection, error, storage, unsaved, unstored }: ClientState): Notice | undefined {
  const kept = storage === "ok";
  if (connection === "signed-out") {
    const isRevoked = error?.code === "token-revoked";
    const title = isRevoked ? "Your sign-in was taken back" : "Your sign-in has ended";
    const act = isRevoked ? "Sign in again, or ask the service desk." : "Sign in again to go on.";
    return { tone: "alarm", title, text: `${act} ${waiting(unsaved, unstored, kept, "then")}` };
  }
  if (connection === "closed" && error?.code === "wiped") {
    return { tone: "alarm", title: "This device was wiped", text: "Those who run the server asked for it. Copy what you need of your text and load the page again." };
  }
  if (connection === "offline") {
    return { tone: unstored > 0 ? "alarm" : "warning", title: "Offline", text: waiting(unsaved, unstored, kept, "when the server answers") };
  }
  if (kept || storage === "none") return undefined;
  const why = { full: "This device is full", lost: "This browser's storage was cleared", unavailable: "This browser keeps nothing" }[storage];
  return { tone: "warning", title: why, text: "Edits are safe only once they say Saved. Keep this window open until then." };
}

function waiting(unsaved: number, unstored: number, kept: boolean, when: string): string {
  if (unsaved === 0) return kept ? "You can go on: edits are kept on this device and sent later." : "Edits made now are in this window only.";
  const edits = counted(unsaved, "edit waits", "edits wait");
  if (unstored > 0 || !kept) return `${edits}, in this window only. Do not close it.`;
  return `${edits}, kept on this device, and will be sent ${when}.`;
}
