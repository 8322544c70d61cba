// The guide's page about the lists of the chart review: add, change, remove, together.
import { PATIENT } from "./chart.mjs";

export const PAGE = "entries.md";

function dialog({ page }, name) {
  return page.getByRole("dialog", { name });
}

export const STEPS = {
  "Add an allergy": async (section, { alice, bob }) => {
    await bob.chart(PATIENT);
    await alice.panel(section.name("Allergies")).getByRole("button", { name: section.name("Add allergy") }).click();
    const form = dialog(alice, "Add allergy");
    await form.getByRole("button", { name: "Add allergy" }).click();
    await form.getByText("Name the substance the patient reacts to.").waitFor();
    await form.getByLabel(section.name("Substance")).fill("Codeine");
    await form.getByLabel(section.name("Criticality")).selectOption({ label: "High" });
    await form.getByLabel(section.name("Reaction")).fill("Hives");
    await section.picture("add-allergy", alice, form);
    await form.getByRole("button", { name: "Add allergy" }).click();
    await bob.entry("Allergies", /Codeine/).filter({ hasText: "Alice Chen" }).waitFor();
  },

  "See what others write": async (section, { alice, bob }) => {
    await bob.panel("Problems").getByRole("button", { name: "Add problem" }).click();
    await dialog(bob, "Add problem").getByRole("combobox", { name: "Problem" }).fill("Gout");
    await dialog(bob, "Add problem").getByRole("button", { name: "Add problem" }).click();
    await alice.entry("Problems", "Gout").and(alice.page.locator("[data-changed]")).filter({ hasText: "Bob Diaz" }).waitFor();
    await section.picture("others", alice, alice.panel("Problems"));
  },

  "Change an entry": async (section, { alice, bob }) => {
    await alice.panel("Allergies").getByRole("button", { name: `${section.name("Edit")} Codeine` }).click();
    const form = dialog(alice, "Edit allergy");
    await form.getByLabel("Reaction").fill("Vomiting");
    await form.getByRole("button", { name: section.name("Save changes") }).click();
    await bob.entry("Allergies", /Codeine/).filter({ hasText: "Vomiting" }).waitFor();
  },

  "Write in one form with a colleague": async (section, { alice, bob }) => {
    for (const window of [alice, bob]) await window.panel("Problems").getByRole("button", { name: `${section.name("Edit")} Gout` }).click();
    await dialog(bob, "Edit problem").getByRole("textbox", { name: "Onset date" }).focus();
    await dialog(alice, "Edit problem").getByText("Bob Diaz is editing this").waitFor();
    await section.picture("field", alice, dialog(alice, "Edit problem"));
    await dialog(bob, "Edit problem").getByRole("textbox", { name: "Onset date" }).fill("2020");
    await dialog(bob, "Edit problem").getByRole("button", { name: "Save changes" }).click();
    await dialog(alice, "Edit problem").getByRole("button", { name: section.name("Cancel") }).click();
    await alice.entry("Problems", "Gout").filter({ hasText: "2020" }).waitFor();
  },

  "Remove an entry": async (section, { alice, bob }) => {
    await alice.panel("Allergies").getByRole("button", { name: `${section.name("Remove")} Codeine` }).click();
    await bob.entry("Allergies", /Codeine/).waitFor({ state: "detached" });
    const notice = alice.page.getByRole("alert").filter({ hasText: "Removed Codeine" });
    await notice.waitFor();
    await section.picture("removed", alice, notice);
    await notice.getByRole("button", { name: section.name("Undo") }).click();
    for (const window of [alice, bob]) await window.entry("Allergies", /Codeine/).waitFor();
  },
};
