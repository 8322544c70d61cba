import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RESOURCE_TYPES } from "../ts/resource_types.js";

test("resource types are the engine's", () => {
  const source = readFileSync(fileURLToPath(new URL("../../engine/src/document/resource_types.rs", import.meta.url)), "utf8");
  const [, count, table] = /const RESOURCE_TYPES: \[&str; (\d+)\] = \[([^\]]*)\]/.exec(source)!;
  const types = [...table!.matchAll(/"(\w+)"/g)].map(([, type]) => type);
  expect(types).toHaveLength(Number(count));
  expect(RESOURCE_TYPES).toEqual(types);
});
