// The guide's page about the chart on paper and as a file.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { PATIENT } from "./chart.mjs";

export const PAGE = "summary.md";

export const STEPS = {
  "Print the chart": async (section, { alice }) => {
    const { page } = alice;
    await alice.chart(PATIENT);
    await alice.tab(section.name("Summary"));
    await page.getByRole("list", { name: "Warnings" }).filter({ hasText: "Code status" }).waitFor();
    await section.picture("summary", alice);
    await page.evaluate(() => (window.print = () => (window.printed = true)));
    await page.getByRole("button", { name: section.name("Print") }).click();
    assert.ok(await page.evaluate(() => window.printed));
    await page.emulateMedia({ media: "print" });
    await page.getByRole("button", { name: "Print" }).waitFor({ state: "hidden" });
    await page.emulateMedia({ media: "screen" });
  },

  "Take the chart along": async (section, { alice }) => {
    await alice.tab(section.name("Summary"));
    const [download] = await Promise.all([alice.page.waitForEvent("download"), alice.page.getByRole("button", { name: section.name("FHIR Bundle") }).click()]);
    const { resourceType, entry } = JSON.parse(await readFile(await download.path(), "utf8"));
    assert.equal(resourceType, "Bundle");
    assert.ok(entry.some(({ resource }) => resource.resourceType === "Patient" && resource.id === PATIENT));
  },
};
