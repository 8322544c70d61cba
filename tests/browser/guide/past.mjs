// The guide's page about the timeline, the chart as it was, and what changed since the last look.
import { PATIENT } from "./chart.mjs";

export const PAGE = "past.md";

export const STEPS = {
  "Read the timeline": async (section, { alice }) => {
    const { page } = alice;
    await alice.tab(section.name("Timeline"));
    const shown = page.getByRole("status").filter({ hasText: /^\d+ events, / });
    await page.getByRole("listitem").filter({ has: page.locator("time") }).first().waitFor();
    await section.picture("timeline", alice);
    for (const unit of ["Year", "Month", "Day"]) await page.getByRole("radiogroup", { name: "Period" }).getByText(section.name(unit), { exact: true }).click();
    await page.getByRole("button", { name: section.name("Earlier"), exact: true }).click();
    await page.getByRole("button", { name: section.name("Later"), exact: true }).click();
    await page.getByRole("radiogroup", { name: "Period" }).getByText("All", { exact: true }).click();
    await page.getByRole("checkbox", { name: /^Results/ }).uncheck();
    await page.getByRole("button", { name: section.name("Show every kind") }).click();
    await page.getByRole("checkbox", { name: /^Results/, checked: true }).waitFor();
    await page.getByRole("list", { name: section.name("As it happens") }).waitFor();
    await page.getByRole("searchbox", { name: section.name("Find an event") }).fill("chest x-ray");
    await shown.filter({ hasText: /^[1-9] events?, / }).waitFor();
    await page.getByRole("listitem").filter({ has: page.locator("time") }).getByRole("link", { name: "Chest X-ray" }).last().click();
    await page.getByRole("tab", { name: "Imaging", selected: true }).waitFor();
  },

  "See the chart as it was": async (section, { alice }) => {
    const { page } = alice;
    await alice.tab("Chart review");
    await page.getByRole("link", { name: section.name("As it was") }).click();
    const bar = page.getByRole("region", { name: "The chart as it was" });
    // The changes come by and by; this is the last.
    const latest = bar.getByText(/^Change (\d+) of \1: .*Wound, left heel/);
    await bar.getByLabel(section.name("Any time")).waitFor();
    const earlier = bar.getByRole("button", { name: section.name("Earlier change") });
    const [, last] = /of (\d+)/.exec(await latest.textContent());
    for (let at = Number(last); at > Math.ceil(Number(last) / 4); at -= 1) await earlier.click();
    await bar.and(page.locator('[aria-busy="false"]')).waitFor();
    await bar.getByRole("button", { name: /changed later$/ }).waitFor();
    await section.picture("as-it-was", alice);
    await page.getByRole("button", { name: "Add allergy" }).waitFor({ state: "detached" });
    await alice.tab("Orders");
    await bar.getByRole("button", { name: section.name("Back to now") }).click();
    await alice.tab("Chart review");
    await page.getByRole("button", { name: "Add allergy" }).waitFor();
  },

  "See what changed since you last looked": async (section, { alice, bob }) => {
    const { page } = alice;
    await alice.saveState("Saved");
    await alice.patients();
    await bob.chart(PATIENT);
    await bob.tab("Orders");
    await bob.orderMedication({ drug: "Ibuprofen 200 MG Oral Tablet", dosage: "As needed" }, "Save draft");
    await bob.saveState("Saved");
    await alice.chart(PATIENT);
    const note = page.getByRole("region", { name: section.name("Since you last looked") });
    await note.getByText(/1 prescription by Bob Diaz/).waitFor();
    await section.picture("since", alice, note);
    await note.getByRole("button", { name: section.name("Show the entries") }).click();
    await note.getByRole("link", { name: /Ibuprofen/ }).click();
    await page.getByRole("tab", { name: "Orders", selected: true }).waitFor();
    await note.getByRole("button", { name: section.name("Seen") }).click();
    await note.waitFor({ state: "detached" });
  },
};
