// What a disk may hold after the power went: rebuilt from a trace of the server.
//
// The model is harsh and simple. Bytes written to a file are there if a sync of that file began after
// the write had returned and had itself returned before the cut. All other writes are lost, or, in the
// torn variant, each is kept or lost by the toss of a coin, as a disk may write back in any order.
// Creating, renaming and removing a file is taken as kept: file systems journal names.
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { descriptor, unhex, written } from "./trace.mjs";

/** Reads what a trace did below `folder`, over the content that `base` held before it began. */
export async function disk(calls, folder, base) {
  const files = new Map();
  for (const entry of await readdir(base, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(join(folder, relative(base, path)), { start: await readFile(path), operations: [], syncs: [], cursor: 0 });
  }
  const file = (path) => {
    if (!files.has(path)) files.set(path, { start: Buffer.alloc(0), operations: [], syncs: [], cursor: 0 });
    return files.get(path);
  };
  const names = [];
  const within = (path) => path === folder || path.startsWith(`${folder}/`);

  for (const call of calls) {
    if (call.result !== undefined && call.result < 0) continue;
    const returned = call.end ?? Number.POSITIVE_INFINITY;
    const quoted = [...call.args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => unhex(hex).toString());
    if (call.name.startsWith("rename")) {
      const [from, to] = quoted.slice(-2);
      if (within(to)) names.push({ line: returned, from, to });
      continue;
    }
    if (call.name.startsWith("unlink")) {
      if (within(quoted.at(-1))) names.push({ line: returned, from: quoted.at(-1) });
      continue;
    }
    if (call.name === "openat") {
      if (within(quoted[0] ?? "") && call.args.includes("O_TRUNC")) {
        file(quoted[0]).cursor = 0;
        file(quoted[0]).operations.push({ returned, size: 0 });
      }
      continue;
    }
    const at = descriptor(call.args);
    if (at === undefined || !within(at.label)) continue;
    const known = file(at.label);
    if (call.name === "fsync" || call.name === "fdatasync") known.syncs.push({ start: call.start, returned });
    else if (call.name === "ftruncate") known.operations.push({ returned, size: Number(/, (\d+)$/.exec(call.args)[1]) });
    else if (call.name === "pwrite64") known.operations.push({ returned, offset: Number(/, (\d+)$/.exec(call.args)[1]), bytes: written(call) });
    else if (call.name === "write") {
      const bytes = written(call);
      known.operations.push({ returned, offset: known.cursor, bytes });
      known.cursor += bytes.length;
    } else if (!["sync_file_range", "fallocate"].includes(call.name)) {
      throw new Error(`line ${call.start}: ${call.name} below the store's folder is not modelled`);
    }
  }
  return { files, names, folder };
}

/**
 * Writes into `target` what is left when the power goes at `line`.
 *
 * `keep` decides for each write that no sync covers; without it all are lost.
 */
export async function powerCut({ files, names, folder }, line, target, keep = () => false) {
  await rm(target, { recursive: true, force: true });
  const contents = new Map();
  for (const [path, { start, operations, syncs }] of files) {
    let content = start;
    let touched = start.length > 0;
    const synced = Math.max(0, ...syncs.filter((sync) => sync.returned < line).map((sync) => sync.start));
    for (const operation of operations) {
      if (operation.returned >= line) continue;
      if (operation.returned >= synced && !keep()) continue;
      content = applied(content, operation);
      touched = true;
    }
    if (touched) contents.set(path, content);
  }
  for (const { from, to } of names.filter((name) => name.line < line)) {
    const content = contents.get(from);
    contents.delete(from);
    // A trace names a file by what it is called when it is written, so a file renamed later stands under its old name.
    if (to !== undefined && content !== undefined) contents.set(to, content);
  }
  for (const [path, content] of contents) {
    const place = join(target, relative(folder, path));
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, content);
  }
}

function applied(content, { size, offset, bytes }) {
  if (size !== undefined) {
    const resized = Buffer.alloc(size);
    content.copy(resized, 0, 0, Math.min(size, content.length));
    return resized;
  }
  const end = offset + bytes.length;
  const grown = end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : Buffer.from(content);
  bytes.copy(grown, offset);
  return grown;
}

/** A copy of a store that nobody has open, to be `base` later. */
export const copied = (from, to) => cp(from, to, { recursive: true });
