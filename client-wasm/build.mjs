// Builds the npm package into dist/: the WebAssembly module, its glue, and the TypeScript.
// A step is skipped where nothing that it reads has changed.
//
// CHARTROOM_WASM_CARGO_FLAGS adds arguments to cargo, such as another rustc and linker.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const DIST = join(HERE, "dist");
const STAMPS = join(DIST, ".build");
const TARGET = "wasm32-unknown-unknown";
const BROTLI_BYTES_MAX = 450 * 1024;
// Panics that say nothing, no Debug text, and a standard library built the same way: an eighth of the
// module, and no paths of this machine. The pinned compiler knows the switches but calls them unstable.
const STD = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
const SMALL = {
  RUSTC_BOOTSTRAP: "1",
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: "-Zlocation-detail=none -Zfmt-debug=none -Zunstable-options -Cpanic=immediate-abort",
};

// Restructured control flow and a second round save another hundredth over a plain -Oz.
const WASM_OPT = ["--flatten", "--rereloop", "-Oz", "-Oz", "--merge-similar-functions", "--strip-debug", "--strip-producers", "--strip-target-features"];

const cargoFlags = [...STD, ...(process.env.CHARTROOM_WASM_CARGO_FLAGS ?? "").split(/\s+/).filter(Boolean)];
const cargoTarget = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
const raw = join(cargoTarget, TARGET, "wasm", "chartroom_client_wasm.wasm");
const glue = join(DIST, "wasm");
const optimised = join(glue, "chartroom_bg.wasm");
const workspace = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"].map((name) => join(ROOT, name));

await step({
  name: "module",
  says: `compiling the engine for ${TARGET}`,
  reads: [...workspace, join(ROOT, "engine/Cargo.toml"), join(ROOT, "engine/src"), join(HERE, "Cargo.toml"), join(HERE, "src")],
  writes: [raw],
  salt: [...cargoFlags, ...Object.values(SMALL)].join(" "),
  run: () =>
    run("cargo", ["build", "--locked", "--package", "chartroom-client-wasm", "--profile", "wasm", "--target", TARGET, ...cargoFlags], SMALL),
});

await step({
  name: "glue",
  says: "writing the JavaScript glue and making the module small",
  reads: [raw, join(HERE, "bindgen/Cargo.toml"), join(HERE, "bindgen/src"), join(HERE, "package-lock.json")],
  writes: [optimised, join(glue, "chartroom.js"), join(glue, "chartroom.d.ts")],
  salt: WASM_OPT.join(" "),
  run: () => {
    // Made beside dist/wasm and then put in its place, so that nobody meets half of it.
    const made = join(STAMPS, "wasm");
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
    run("cargo", ["run", "--locked", "--quiet", "--package", "chartroom-bindgen", "--", raw, made]);
    const wasm = join(made, "chartroom_bg.wasm");
    const wasmOpt = join(HERE, "node_modules/binaryen/bin/wasm-opt");
    run(process.execPath, [wasmOpt, ...WASM_OPT, wasm, "-o", wasm]);
    rmSync(glue, { recursive: true, force: true });
    renameSync(made, glue);
  },
});

await step({
  name: "types",
  says: "checking the TypeScript and writing its declarations",
  reads: [join(HERE, "ts"), join(HERE, "tsconfig.json"), join(HERE, "package-lock.json"), join(glue, "chartroom.d.ts")],
  writes: [join(DIST, "index.d.ts"), join(DIST, "react.d.ts"), join(DIST, "codemirror.d.ts")],
  run: () => run(process.execPath, [join(HERE, "node_modules/typescript/bin/tsc"), "--project", HERE]),
});

// Whole files without imports of other packages: a page needs no bundler, and a worker has no import map.
await step({
  name: "javascript",
  says: "bundling the JavaScript",
  reads: [join(HERE, "ts"), join(HERE, "package-lock.json"), join(glue, "chartroom.js")],
  writes: ["index", "node", "worker", "react", "codemirror"].map((name) => join(DIST, `${name}.js`)),
  run: () => {
    for (const name of readdirSync(DIST)) if (/\.js(\.map)?$/.test(name)) rmSync(join(DIST, name));
    const common = { absWorkingDir: HERE, bundle: true, format: "esm", splitting: true, target: "es2022", outdir: "dist", sourcemap: true, sourcesContent: true, logLevel: "warning" };
    const glueImport = { name: "glue", setup: ({ onResolve }) => onResolve({ filter: /wasm\/chartroom\.js$/ }, () => ({ path: join(glue, "chartroom.js") })) };
    return Promise.all([
      build({ ...common, entryPoints: ["ts/index.ts", "ts/worker.ts"], platform: "browser", minify: true, chunkNames: "part-[hash]", plugins: [glueImport] }),
      build({ ...common, entryPoints: ["ts/node.ts"], platform: "node", chunkNames: "node-[hash]", plugins: [glueImport] }),
      build({ ...common, entryPoints: ["ts/react.ts", "ts/codemirror.ts"], platform: "neutral", chunkNames: "more-[hash]", packages: "external" }),
    ]);
  },
});

reportSize();

/** Runs a step unless its outputs stand and its inputs are those of its last run. */
async function step({ name, says, reads, writes, salt = "", run: body }) {
  const stamp = join(STAMPS, name);
  const inputs = () => `${fingerprint(reads)} ${salt}`.trim();
  if (writes.every((path) => existsSync(path)) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs()) {
    console.log(`client-wasm: ${name} is up to date`);
    return;
  }
  console.log(`client-wasm: ${says}`);
  await body();
  for (const path of writes) if (!existsSync(path)) fail(`${relative(ROOT, path)} was not written`);
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, inputs());
}

/** A hash over names and contents of files, and of everything in folders. */
function fingerprint(paths) {
  const hash = createHash("sha256");
  const add = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
      return;
    }
    const bytes = readFileSync(path);
    hash.update(`${relative(ROOT, path)} ${bytes.length}\n`).update(bytes);
  };
  paths.forEach(add);
  return hash.digest("hex");
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0) fail(`${command} ended with ${status}`);
}

function reportSize() {
  const bytes = readFileSync(optimised);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const brotli = brotliCompressSync(bytes, { params: quality }).length;
  console.log(`client-wasm: the module has ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} with gzip, ${brotli} with brotli`);
  if (brotli > BROTLI_BYTES_MAX) fail(`the module is over its limit of ${BROTLI_BYTES_MAX} bytes with brotli`);
}

function fail(message) {
  console.error(`client-wasm: ${message}`);
  process.exit(1);
}
