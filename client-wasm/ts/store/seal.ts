import { decode, encode } from "cbor-x";
import { ChartroomError } from "../errors.js";
import { hex } from "../hex.js";

/** How values and names of rooms stand in the store: as they are, or encrypted. */
export interface Seal {
  close(value: unknown): Promise<unknown>;
  open(stored: unknown): Promise<unknown>;
  /** The name under which a room is kept. */
  name(room: string): Promise<string>;
}

/** As they are. */
export const NO_SEAL: Seal = {
  close: async (value) => value,
  open: async (stored) => stored,
  name: async (room) => room,
};

/** Each value encrypted by itself with AES-GCM, in a form that says nothing but its length. */
interface Sealed {
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

/**
 * Encrypts with the app's key. Rooms are named by a keyed hash, since their names hold patients' ids;
 * `secret` is its key, encrypted as {@link newSecret} gave it.
 */
export async function sealWith(key: CryptoKey, secret: unknown): Promise<Seal> {
  const open = async (stored: unknown) => decode(await decrypt(key, stored as Sealed)) as unknown;
  let raw: BufferSource;
  try {
    raw = (await open(secret)) as BufferSource;
  } catch (cause) {
    throw new ChartroomError("store-key", "this device's store was made with another key; give that one, or wipe the store", { cause });
  }
  const hmac = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return {
    open,
    close: (value) => encrypt(key, encode(value)),
    name: async (room) => hex(await crypto.subtle.sign("HMAC", hmac, new TextEncoder().encode(room))),
  };
}

/** A secret for the names of rooms, encrypted. */
export function newSecret(key: CryptoKey): Promise<unknown> {
  return encrypt(key, encode(crypto.getRandomValues(new Uint8Array(32))));
}

async function encrypt(key: CryptoKey, plain: Uint8Array): Promise<Sealed> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new Uint8Array(plain)) };
}

async function decrypt(key: CryptoKey, { iv, data }: Sealed): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, data));
}
