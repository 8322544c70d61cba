// How long something took in a browser, beside how long it may take.
import assert from "node:assert/strict";

/** A debug server, on two cores on which everything else may be built, is no place to judge a budget by. */
const SLACK = 10;

/** Prints a figure beside its budget, and fails where it is a multiple of it. */
export function judge(what, ms, budgetMs) {
  console.log(`${what}: ${ms.toFixed(0)} ms of ${budgetMs} ms, ${ms <= budgetMs ? "kept" : "MISSED"}`);
  assert.ok(ms <= budgetMs * SLACK, `${what}: ${ms.toFixed(0)} ms`);
}
