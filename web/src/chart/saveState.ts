/** What the header says about the connection and the person's edits. */
import type { ConnectionStatus } from "../shared/chartroom";

export interface SaveState {
  tone: "saved" | "reading" | "busy" | "warning";
  text: string;
}

/**
 * "Saved" is said only when the server has made every edit durable and the connection stands; to who
 * may change nothing, that they may not.
 */
export function saveState(status: ConnectionStatus, synced: boolean, unsaved: number, refused: number, canEdit: boolean): SaveState {
  const edits = unsaved === 1 ? "1 edit" : `${unsaved} edits`;
  if (status === "offline" || status === "signed-out" || status === "closed") {
    const away = status === "signed-out" ? "Signed out" : "Offline";
    const text = unsaved > 0 ? `${away} — ${edits} not yet saved` : `${away} — no unsaved edits`;
    return { tone: "warning", text };
  }
  if (status === "connecting") {
    return { tone: "busy", text: unsaved > 0 ? `Connecting… ${edits} not yet saved` : "Connecting…" };
  }
  if (unsaved > 0) return { tone: "busy", text: `Saving ${edits}…` };
  if (refused > 0) return { tone: "warning", text: refused === 1 ? "1 edit was not accepted" : `${refused} edits were not accepted` };
  if (!synced) return { tone: "busy", text: "Catching up…" };
  return canEdit ? { tone: "saved", text: "Saved" } : { tone: "reading", text: "Read only" };
}
