// The model of a disk: what it keeps and what it loses.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../support/server.mjs";
import { disk, powerCut } from "./disk.mjs";
import { parse } from "./trace.mjs";

const hex = (text) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const db = `9<${hex("/store/db")}>`;
const put = (text, offset) => `7 pwrite64(${db}, "${hex(text)}", ${text.length}, ${offset}) = ${text.length}`;
const sync = `7 fdatasync(${db}) = 0`;

async function left(lines, line, keep) {
  const folder = await temporaryFolder("disk");
  const base = join(folder.path, "base");
  await mkdir(base);
  await writeFile(join(base, "db"), "........");
  await powerCut(await disk(parse(lines.join("\n")), "/store", base), line, join(folder.path, "left"), keep);
  const content = await readFile(join(folder.path, "left", "db"), "utf8");
  await folder.remove();
  return content;
}

test("what was synced is kept, what was not is lost", async () => {
  const lines = [put("aa", 0), sync, put("bb", 2), "7 nothing() = 0"];
  assert.equal(await left(lines, 5), "aa......");
  assert.equal(await left(lines, 2), "........");
  assert.equal(await left(lines, 5, () => true), "aabb....");
});

test("a sync keeps only what was written before it began", async () => {
  const lines = [put("aa", 0), `7 fdatasync(${db} <unfinished ...>`, put("bb", 2).replace(/^7/, "8"), "7 <... fdatasync resumed>) = 0"];
  assert.equal(await left(lines, 9), "aa......");
});

test("sync_file_range keeps nothing", async () => {
  assert.equal(await left([put("aa", 0), `7 sync_file_range(${db}, 0, 2, 7) = 0`], 9), "........");
});

test("a file grows by what is written behind its end", async () => {
  assert.equal(await left([put("zz", 10), sync], 9), "........\0\0zz");
});
