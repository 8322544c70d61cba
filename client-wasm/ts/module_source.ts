/** Where the WebAssembly module is read from. */
export type ModuleSource = URL | string | BufferSource | WebAssembly.Module;

// Beside this package's files, which bundlers understand too.
let read: () => ModuleSource | Promise<ModuleSource> = () => new URL("./wasm/chartroom_bg.wasm", import.meta.url);

/** The module, where nobody says otherwise. */
export async function moduleSource(): Promise<ModuleSource> {
  return read();
}

/** Reads it another way: Node's `fetch` does not read files. */
export function readModuleWith(way: () => Promise<ModuleSource>): void {
  read = way;
}
