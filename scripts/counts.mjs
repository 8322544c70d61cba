// Reads how many tests passed and failed from what a test runner printed.

const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);

const READERS = {
  // "Summary [   3.1s] 57 tests run: 55 passed (1 slow), 2 failed, 0 skipped"
  nextest: (text) => {
    const summary = /Summary \[[^\]]*\] .*/.exec(text)?.[0] ?? "";
    return { passed: sum(summary, /(\d+) passed/g), failed: sum(summary, /(\d+) (?:failed|timed out|exec failed)/g) };
  },
  // "test result: ok. 3 passed; 0 failed; 0 ignored", once per binary
  cargo: (text) => ({ passed: sum(text, /^test result: .*?(\d+) passed/gm), failed: sum(text, /^test result: .*?(\d+) failed/gm) }),
  // "      Tests  1 failed | 11 passed (12)"
  vitest: (text) => {
    const lines = [...text.matchAll(/^\s*Tests\s.*$/gm)].map(([line]) => line).join("\n");
    return { passed: sum(lines, /(\d+) passed/g), failed: sum(lines, /(\d+) failed/g) };
  },
  // "# pass 5" and "# fail 0", or the same behind an information sign
  node: (text) => ({ passed: sum(text, /^\S+ pass (\d+)$/gm), failed: sum(text, /^\S+ (?:fail|cancelled) (\d+)$/gm) }),
};
READERS.rust = (text) => (text.includes("Summary [") ? READERS.nextest(text) : READERS.cargo(text));

/** The counts in a runner's output; both are 0 where it closed on none. */
export function counted(runner, text) {
  return READERS[runner](text);
}
