// A socket that remembers what goes through it.
import { Decoder } from "cbor-x";
import WebSocket from "ws";

const cbor = new Decoder({ useRecords: false, tagUint8Array: false } as ConstructorParameters<typeof Decoder>[0]);

export type Frame = { type: string; name?: string; [field: string]: unknown };

/** A WebSocket class for one client, and the frames that its sockets have sent. */
export function recordedSocket(): { WebSocket: typeof WebSocket; sent: Frame[] } {
  const sent: Frame[] = [];
  class Recorded extends WebSocket {
    override send(data: Uint8Array): void {
      sent.push(cbor.decode(data) as Frame);
      super.send(data);
    }
  }
  return { WebSocket: Recorded as typeof WebSocket, sent };
}
