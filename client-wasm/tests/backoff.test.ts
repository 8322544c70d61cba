import { expect, test } from "vitest";
import { waitMs } from "../ts/host/backoff.js";

test("waits grow to the limit and are spread over all of it", () => {
  const limits = [0, 1, 2, 3, 60].map((attempt) => waitMs(attempt, { minMs: 100, maxMs: 500 }, () => 1));
  expect(limits).toEqual([100, 200, 400, 500, 500]);
  expect(waitMs(3, { minMs: 100, maxMs: 500 }, () => 0)).toBe(0);
});
