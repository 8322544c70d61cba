// What a server's WebSocket frames show, as against what they ask for.
//
// A sync message lists heads, then the hashes it needs, then the rest. To ask for a change is not to
// show it: a server may well ask for what it does not have yet.
import { Decoder } from "cbor-x";

const decoder = new Decoder({ useRecords: false });
const HASH_BYTES = 32;

/** A copy of one connection's outgoing bytes in which the hashes that sync messages ask for are zeros. */
export function withoutNeeds(bytes) {
  const upgrade = bytes.indexOf("\r\n\r\n");
  if (!bytes.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101")) || upgrade < 0) return bytes;
  const copy = Buffer.from(bytes);
  for (const frame of frames(copy, upgrade + 4)) {
    const message = decoder.decode(frame);
    if (message.type !== "sync") continue;
    const data = Buffer.from(message.data);
    const at = frame.indexOf(data);
    const [start, end] = needs(data);
    frame.fill(0, at + start, at + end);
  }
  return copy;
}

/** The payload of each whole binary frame; a server neither masks nor, here, fragments. */
function* frames(bytes, from) {
  for (let at = from; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1] & 0x7f;
    const header = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + header > bytes.length) return;
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
    const end = at + header + length;
    if (end > bytes.length) return;
    if (bytes[at] === 0x82) yield bytes.subarray(at + header, end);
    at = end;
  }
}

/** Where in a sync message the needed hashes stand: behind its type byte and its heads. */
function needs(data) {
  const [heads, headsAt] = leb128(data, 1);
  const [count, start] = leb128(data, headsAt + heads * HASH_BYTES);
  return [start, start + count * HASH_BYTES];
}

function leb128(data, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = data[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}
