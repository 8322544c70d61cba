import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge";
import { Encoder } from "cbor-x";
import { withoutNeeds } from "./frames.mjs";

const HEAD = "a1".repeat(32);
const NEED = "b2".repeat(32);
const encoder = new Encoder({ tagUint8Array: false, useRecords: false });

function stream(...messages) {
  const parts = [Buffer.from("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n")];
  for (const message of messages) {
    const payload = encoder.encode(message);
    const header = payload.length < 126 ? Buffer.from([0x82, payload.length]) : Buffer.from([0x82, 126, payload.length >> 8, payload.length & 0xff]);
    parts.push(header, payload);
  }
  return Buffer.concat(parts);
}
const sync = (heads, need) => ({ type: "sync", documentId: "d", senderId: "s", targetId: "t", data: Automerge.encodeSyncMessage({ heads, need, have: [], changes: [] }) });
const shows = (bytes, hash) => withoutNeeds(bytes).includes(Buffer.from(hash, "hex"));

test("a head is shown, a need is not", () => {
  const bytes = stream({ type: "peer", senderId: "s" }, sync([HEAD], [NEED]));
  assert.ok(shows(bytes, HEAD));
  assert.ok(!shows(bytes, NEED));
});

test("a need in one message hides nothing in the next", () => {
  assert.ok(shows(stream(sync([HEAD], [NEED]), sync([NEED], [])), NEED));
});

test("bytes that are no WebSocket stay as they are", () => {
  const bytes = Buffer.from("HTTP/1.1 200 OK\r\n\r\n{}");
  assert.equal(withoutNeeds(bytes), bytes);
});
