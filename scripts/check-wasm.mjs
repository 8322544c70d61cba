// The browser module must need nothing but its own glue, and must stay small.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { ROOT } from "./steps.mjs";

/** The design's limit, as served with brotli. */
const BROTLI_BYTES_MAX = 450 * 1024;

const dist = join(ROOT, "client-wasm", "dist");
const names = (await readdir(dist, { recursive: true })).filter((name) => name.endsWith(".wasm"));
if (names.length === 0) throw new Error("client-wasm/dist holds no .wasm file");
for (const name of names) {
  const bytes = await readFile(join(dist, name));
  const modules = new Set(WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map((entry) => entry.module));
  const foreign = [...modules].filter((module) => module === "env" || module.startsWith("wasi"));
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;
  console.log(`${name}: ${bytes.length} bytes, ${brotli} with brotli (at most ${BROTLI_BYTES_MAX}), imports from ${[...modules].join(", ")}`);
  if (foreign.length > 0) throw new Error(`${name} imports from ${foreign.join(", ")}: something reaches for the system`);
  if (brotli > BROTLI_BYTES_MAX) throw new Error(`${name} is too large`);
}
