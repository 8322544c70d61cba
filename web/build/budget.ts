/**
 * What a browser loads before the page shows, before a chart opens, and with each page that is loaded
 * later: compressed files beside the built ones for the server to send, and their sizes against
 * `budgets.json`. A build over its budget fails.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";
import budgets from "../budgets.json" with { type: "json" };

type Bundle = Rolldown.OutputBundle;
type Chunk = Rolldown.OutputChunk;

const COMPRESSED = /\.(js|css|wasm|html|svg)$/;

export function budget(): Plugin {
  return {
    name: "chartroom-budget",
    apply: "build",
    writeBundle: {
      sequential: true,
      handler({ dir = "dist" }, bundle) {
        const sizes = compress(dir);
        const { lines, over } = judged(bundle, sizes);
        console.log(lines.join("\n"));
        if (over.length > 0) this.error(`over the budget of budgets.json: ${over.join(", ")}`);
      },
    },
  };
}

/** Writes `.br` and `.gz` beside every file that gets smaller; gives the bytes that travel by file. */
function compress(dir: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => COMPRESSED.test(name));
  for (const name of files) {
    const bytes = readFileSync(join(dir, name));
    const small = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    writeFileSync(join(dir, `${name}.br`), small);
    writeFileSync(join(dir, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    sizes.set(name, small.length);
  }
  return sizes;
}

/** The sums, as lines to print, and the names of those that are over their budget. */
function judged(bundle: Bundle, sizes: ReadonlyMap<string, number>) {
  const chunks = Object.values(bundle).filter((one): one is Chunk => one.type === "chunk");
  const sum = (files: Iterable<string>) => [...new Set(files)].reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
  const page = ["index.html", "color-scheme.js", ...chunks.filter(({ isEntry }) => isEntry).flatMap((entry) => withImports(entry, bundle))];
  const engine = [...sizes.keys()].filter((name) => /(worker-[^/]*\.js|\.wasm)$/.test(name));
  const later = chunks
    .filter(({ isDynamicEntry, moduleIds }) => isDynamicEntry && moduleIds.some((id) => id.includes("/web/src/")))
    .map((entry) => ({ name: entry.name, files: withImports(entry, bundle).filter((file) => !page.includes(file)) }));
  const over: string[] = [];
  const line = (name: string, bytes: number, limit: number) => {
    if (bytes > limit) over.push(name);
    return `${name.padEnd(34)}${bytes.toLocaleString("en").padStart(9)} of ${limit.toLocaleString("en").padStart(7)} bytes with brotli${bytes > limit ? "  OVER" : ""}`;
  };
  const { load, interaction } = budgets;
  const lines = [
    "budgets (budgets.json)",
    line("before the page shows", sum(page), load.page),
    line("engine, beside it", sum(engine), load.engine),
    ...later.map(({ name, files }) => line(`later: ${name}`, sum(files), load.later)),
    `interaction, which tests/browser/large_chart.test.mjs measures: ${Object.entries(interaction).map(([name, ms]) => `${name} ${ms}`).join(", ")}`,
  ];
  return { lines, over };
}

/** A chunk's file, its styles, and those of all that it imports at once. */
function withImports(chunk: Chunk, bundle: Bundle, seen = new Set<string>()): string[] {
  if (seen.has(chunk.fileName)) return [];
  seen.add(chunk.fileName);
  const styles = [...(chunk.viteMetadata?.importedCss ?? [])];
  const imported = chunk.imports.flatMap((name) => {
    const next = bundle[name];
    return next?.type === "chunk" ? withImports(next, bundle, seen) : [];
  });
  return [chunk.fileName, ...styles, ...imported];
}
