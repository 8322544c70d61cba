// The guide's page about results, and about a critical value that the guide has its reader send.
import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { laboratory } from "../resources.mjs";
import { PATIENT } from "./chart.mjs";

export const PAGE = "results.md";

function dialog({ page }) {
  return page.getByRole("dialog", { name: /^Critical value/ });
}

async function press(window, name) {
  await window.calm();
  await dialog(window).getByRole("button", { name }).click();
}

export const STEPS = {
  "Read results": async (section, { alice, server }) => {
    const { page } = alice;
    const days = [300, 200, 100, 10];
    await server.command(`patient:${PATIENT}`, days.flatMap((day, index) => {
      const at = new Date(Date.now() - day * 86_400_000).toISOString();
      return [
        laboratory(PATIENT, `guide-k-${index}`, { code: "2823-3", text: "Potassium", value: 4.1 + index / 5, unit: "mmol/L", range: [3.5, 5.1], at }),
        laboratory(PATIENT, `guide-hb-${index}`, { code: "718-7", text: "Hemoglobin", value: 13.1 - index, unit: "g/dL", range: [12, 16], at }),
      ];
    }));
    await alice.tab(section.name("Results"));
    const table = page.getByRole("table", { name: section.name("Laboratory"), exact: true });
    await table.getByRole("row").filter({ hasText: "Hemoglobin" }).filter({ hasText: "10.1 g/dL" }).filter({ hasText: "Low" }).waitFor();
    await table.getByRole("img", { name: /^Potassium: \d+ values/ }).locator("svg path").first().waitFor();
    await section.picture("results", alice);
    await table.getByRole("button", { name: "Potassium", exact: true }).click();
    await page.getByRole("figure", { name: /^Potassium/ }).waitFor();
    await table.getByRole("button", { name: "Potassium", exact: true }).click();
    const outOnly = alice.panel("Laboratory").getByLabel(section.name("Out of range only"));
    await outOnly.check();
    await table.getByRole("rowheader", { name: "Potassium" }).waitFor({ state: "detached" });
    await outOnly.uncheck();
    for (const title of ["Vital signs", "Reports"]) await alice.panel(section.name(title)).waitFor();
  },

  "Acknowledge a critical value": async (section, { alice, bob, dana, server }) => {
    await bob.tab("Results");
    await dana.patients();
    const [command] = section.commands(server.http);
    const done = spawnSync("sh", ["-c", command.replace("curl ", "curl -fsS ")], { encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    for (const window of [alice, bob, dana]) await dialog(window).filter({ hasText: "Potassium 7.1 mmol/L is above 6.5" }).waitFor();
    await section.picture("critical", alice, dialog(alice));
    await press(alice, new RegExp(`^${section.name("Acknowledge")}`));
    await dialog(dana).waitFor({ state: "detached" });
    await dialog(bob).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
    await press(bob, section.name("Close"));
    await alice.panel(section.name("Critical values")).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  },
};
