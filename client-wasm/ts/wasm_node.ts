import { readFile } from "node:fs/promises";

/** The module's bytes, read from beside this file: Node's `fetch` does not read files. */
export async function moduleSource(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL("./wasm/chartroom_bg.wasm", import.meta.url)));
}
