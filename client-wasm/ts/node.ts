/** The package's entry in Node. */
import { readFile } from "node:fs/promises";
import { readModuleWith } from "./module_source.js";

readModuleWith(async () => new Uint8Array(await readFile(new URL("./wasm/chartroom_bg.wasm", import.meta.url))));

export * from "./index.js";
