// The guide's page about notices of colleagues' edits, and alerts for everybody.
export const PAGE = "alerts.md";
const MESSAGE = "Corridor B is flooded";

function list({ page }) {
  return page.getByRole("dialog", { name: "Alerts for everybody" });
}

export const STEPS = {
  "Follow a notice": async (section, { alice, bob }) => {
    // What was told before is seen there, and is not gathered with what comes.
    await alice.tab("Orders");
    await alice.tab(section.name("Results"));
    await bob.tab("Orders");
    await bob.orderMedication({ drug: "Paracetamol 500 MG Oral Tablet", dosage: "One tablet at night" }, "Sign order");
    const notices = alice.page.getByRole("region", { name: "Notices" });
    const told = notices.getByRole("group", { name: /^Bob Diaz ordered Paracetamol.*, in Orders$/ });
    await told.waitFor();
    await told.getByRole("button", { name: section.name("Dismiss") }).waitFor();
    await section.picture("notice", alice, told);
    await told.getByRole("button", { name: new RegExp(`^${section.name("Show")}`) }).click();
    await alice.page.getByRole("tab", { name: "Orders", selected: true }).waitFor();
    await alice.page.locator("[data-pointed]").filter({ hasText: "Paracetamol" }).waitFor();
  },

  "Raise an alert": async (section, { alice, bob }) => {
    const { page } = alice;
    await alice.alerts.getByRole("button", { name: section.name("No alerts") }).click();
    await page.getByRole("button", { name: section.name("Raise an alert") }).click();
    const form = page.getByRole("dialog", { name: "Raise an alert" });
    await form.getByLabel(section.name("Kind")).selectOption({ label: "Alert" });
    await form.getByRole("combobox", { name: section.name("Patient") }).waitFor();
    await form.getByRole("button", { name: section.name("No patient") }).click();
    await form.getByRole("textbox", { name: section.name("Message") }).fill(MESSAGE);
    await section.picture("raise", alice, form);
    await form.getByRole("button", { name: section.name("Raise alert") }).click();
    await form.waitFor({ state: "detached" });
    await bob.alerts.getByText(MESSAGE).waitFor();
    await list(alice).getByRole("button", { name: "Close" }).click();
  },

  "Acknowledge an alert, and end it": async (section, { alice, bob }) => {
    await bob.alerts.getByRole("button", { name: new RegExp(`^${section.name("Acknowledge")}`) }).click();
    await alice.alerts.getByRole("button", { name: section.name("1 alert") }).click();
    await list(alice).getByText("Seen by Bob Diaz").first().waitFor();
    await section.picture("alerts", alice, list(alice));
    await list(alice).getByRole("button", { name: section.name("End for everybody") }).click();
    await list(alice).getByRole("button", { name: section.name("Close") }).click();
    await bob.alerts.getByRole("button", { name: "No alerts" }).waitFor();
  },
};
