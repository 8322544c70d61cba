// A note that people write together, in a page without a browser.
import WebSocket from "ws";
import type { Client, ConnectOptions, Room, TextView } from "chartroom";
import { connectAs } from "./server.js";

export const ROOM = "patient:p1";

/** For a client where there is a window, and it is no browser. */
export const HERE = {
  store: false,
  worker: false,
  WebSocket,
} satisfies Partial<ConnectOptions>;

export const note = {
  resourceType: "DocumentReference",
  id: "n1",
  status: "current",
  docStatus: "preliminary",
  subject: { reference: "Patient/p1" },
  content: [{ attachment: { contentType: "text/plain" } }],
};

/** Somebody who has the note open. */
export interface Writer {
  client: Client;
  room: Room;
  text: TextView;
}

/** Two people with the note open, which says `content`. */
export async function writers(url: string, content: string): Promise<[alice: Writer, bob: Writer]> {
  const [alice, bob] = await Promise.all(["Alice", "Bob"].map((name) => connectAs(name, url, HERE)));
  const hers = await alice!.open(ROOM);
  await hers.put(note).saved;
  const text = await hers.text("DocumentReference", "n1", "content");
  text.set(content);
  const his = await bob!.open(ROOM);
  const other = await his.text("DocumentReference", "n1", "content");
  await agree(text, other);
  return [
    { client: alice!, room: hers, text },
    { client: bob!, room: his, text: other },
  ];
}

/** Waits until all have sent what they typed and show the same. */
export async function agree(...texts: TextView[]): Promise<void> {
  const end = Date.now() + 30_000;
  while (!texts.every((text) => text.isSettled && String(text) === String(texts[0]))) {
    if (Date.now() > end) throw new Error(`still not the same after 30 s: ${texts.map((text) => `${text.isSettled} ${String(text).length}`).join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
