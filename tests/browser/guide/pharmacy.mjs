// The guide's page about the pharmacy's queue, which Dana works on.
import { prescription } from "../resources.mjs";
import { PATIENT } from "./chart.mjs";

export const PAGE = "pharmacy.md";

function column({ page }, name) {
  return page.getByRole("region", { name });
}

function card(window, name, drug) {
  return column(window, name).locator("[data-entry]:not([data-gone])").filter({ hasText: drug });
}

export const STEPS = {
  "Verify and dispense": async (section, { dana, alice, server }) => {
    const { page } = dana;
    await server.command(`patient:${PATIENT}`, prescription(PATIENT, "guide-heparin", "Heparin 5000 units", { priority: "stat", dose: "5000 units now" }), "alice;Alice Chen");
    await dana.patients();
    await page.getByRole("link", { name: section.name("Pharmacy") }).click();
    await card(dana, section.name("New orders"), "Heparin").waitFor();
    await section.picture("queue", dana);
    await page.getByRole("searchbox", { name: section.name("Find an order") }).fill("brackenwood");
    await card(dana, "New orders", "Heparin").getByRole("link", { name: /Brackenwood/ }).first().waitFor();
    await card(dana, "New orders", "Heparin").getByRole("button", { name: new RegExp(`^${section.name("Receive")}`) }).waitFor();
    await column(dana, section.name("In verification")).waitFor();
    await card(dana, "New orders", "Heparin").getByRole("button", { name: new RegExp(`^${section.name("Verify")}`) }).click();
    const verified = card(dana, section.name("To dispense"), "Heparin");
    await verified.getByRole("button", { name: new RegExp(`^${section.name("Quantity or note…")}`) }).waitFor();
    await verified.getByRole("button", { name: new RegExp(`^${section.name("Dispense")}`) }).click();
    const ready = card(dana, section.name("Ready"), "Heparin");
    await ready.getByRole("button", { name: new RegExp(`^${section.name("Complete")}`) }).click();
    await ready.waitFor({ state: "detached" });
    await alice.saveState("Saved");
  },

  "When an order is blocked": async (section, { dana, server, ward }) => {
    await server.command(`patient:${PATIENT}`, prescription(PATIENT, "guide-ibuprofen", "Ibuprofen 400 mg"), "alice;Alice Chen");
    await card(dana, "New orders", "Ibuprofen 400 mg").waitFor();
    await ward.dispute("MedicationRequest/guide-ibuprofen", [
      ["alice;Alice Chen", { dosageInstruction: [{ text: "400 mg twice a day" }] }],
      ["bob;Bob Diaz", { dosageInstruction: [{ text: "800 mg twice a day" }] }],
    ]);
    const blocked = card(dana, "New orders", "Ibuprofen 400 mg").filter({ hasText: section.name("Blocked by an unresolved conflict") });
    await blocked.waitFor();
    await blocked.filter({ hasText: "800 mg twice a day" }).waitFor();
    await section.picture("blocked", dana, blocked);
    section.name("Open the chart");
    await blocked.getByRole("link", { name: /^Open the chart/ }).click();
    await dana.page.getByRole("group", { name: /Conflict in Ibuprofen/ }).getByRole("button", { name: /^Keep .*400 mg twice/ }).click();
    await dana.page.getByRole("link", { name: "Pharmacy" }).click();
    await card(dana, "New orders", "Ibuprofen 400 mg").getByRole("button", { name: /^Verify/ }).waitFor();
  },
};
