import assert from "node:assert/strict";
import { test } from "node:test";
import { counted } from "./counts.mjs";

test("nextest's summary is read", () => {
  const text = "     Summary [   3.102s] 57 tests run: 55 passed (1 slow), 1 failed, 1 timed out, 3 skipped\n        FAIL [ 0.01s] a b\n";
  assert.deepEqual(counted("rust", text), { passed: 55, failed: 2 });
});

test("cargo test is summed over its binaries", () => {
  const line = (passed, failed) => `test result: ok. ${passed} passed; ${failed} failed; 0 ignored; 0 measured; 0 filtered out\n`;
  assert.deepEqual(counted("rust", line(3, 0) + line(4, 1)), { passed: 7, failed: 1 });
});

test("vitest's line of tests counts, its line of files does not", () => {
  assert.deepEqual(counted("vitest", " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 11 passed (12)\n"), { passed: 11, failed: 1 });
});

test("node's runner is read with either reporter", () => {
  assert.deepEqual(counted("node", "# tests 6\n# pass 5\n# fail 1\n# cancelled 0\n"), { passed: 5, failed: 1 });
  assert.deepEqual(counted("node", "\u2139 pass 2\n\u2139 fail 0\n\u2139 cancelled 1\n"), { passed: 2, failed: 1 });
});

test("no closing line is no test", () => {
  assert.deepEqual(counted("rust", "error: could not compile"), { passed: 0, failed: 0 });
});
