// Frames of `/sync`, as automerge-repo writes and reads them.
import { Decoder, Encoder } from "cbor-x";

export const encoder = new Encoder({ tagUint8Array: false, useRecords: false });
export const decoder = new Decoder({ useRecords: false });
