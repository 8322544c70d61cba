// axe-core on what a page shows now.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The rules that axe went through, and what it finds, however slight, as lines to print. */
export async function checked(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { passes, violations, incomplete, inapplicable } = await window.axe.run(document, { resultTypes: ["violations"] });
    return {
      rules: [passes, violations, incomplete, inapplicable].flat().map(({ id }) => id),
      findings: violations.flatMap(({ id, impact, nodes }) => nodes.map(({ target, failureSummary }) => `${impact} ${id} ${target.join(" ")}: ${failureSummary.split("\n").slice(1).join(" ").trim()}`)),
    };
  });
}
