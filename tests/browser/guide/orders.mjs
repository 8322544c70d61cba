// The guide's page about orders: signed, held, stopped, ordered anew, by the set.
import { until } from "../../support/server.mjs";
import { PATIENT } from "./chart.mjs";

export const PAGE = "orders.md";
const ORDERS = "Medication orders";
const DRUG = "Amoxicillin 250 MG Oral Capsule";

function dialog({ page }, name) {
  return page.getByRole("dialog", { name });
}

function act({ page }, verb, label) {
  return page.getByRole("button", { name: new RegExp(`^${verb} ${label}`) }).click();
}

async function queued(server, drug) {
  const columns = await server.json("/rooms/pharmacy:queue/queue");
  return Object.values(columns).flat().some((order) => order.room === `patient:${PATIENT}` && order.drug.includes(drug));
}

export const STEPS = {
  "Draft an order": async (section, { alice, bob }) => {
    for (const window of [alice, bob]) await window.tab("Orders");
    await alice.panel(section.name(ORDERS)).getByRole("button", { name: section.name("Add medication order") }).click();
    const form = dialog(alice, "Add medication order");
    await form.getByRole("combobox", { name: section.name("Drug") }).fill(DRUG);
    await form.getByRole("textbox", { name: section.name("Dosage") }).fill("One capsule three times a day");
    await form.getByRole("button", { name: section.name("Sign order") }).waitFor();
    await section.picture("order-form", alice, form);
    await form.getByRole("button", { name: section.name("Save draft") }).click();
    await bob.page.getByText("1 draft waits for a signature.").waitFor();
    await alice.panel("Laboratory orders").waitFor();
    await alice.panel("Imaging orders").waitFor();
  },

  "Sign an order": async (section, { alice, bob, server }) => {
    await act(alice, section.name("Sign"), "Amoxicillin");
    await bob.entry(ORDERS, /Amoxicillin/).filter({ hasText: section.name("Active") }).filter({ hasText: "ordered by Alice Chen" }).waitFor();
    await until("the order is on the queue", () => queued(server, "Amoxicillin"));
    await section.picture("order-signed", alice, alice.panel(ORDERS));
  },

  "Hold an order, and resume it": async (section, { alice, bob, server }) => {
    await act(alice, section.name("Hold"), "Amoxicillin");
    const why = dialog(alice, /^Hold order/);
    await why.getByRole("button", { name: "Nil by mouth" }).click();
    await section.picture("hold", alice, why);
    await why.getByRole("button", { name: section.name("Hold order") }).click();
    await bob.entry(ORDERS, /Amoxicillin/).filter({ hasText: `${section.name("On hold")}: Nil by mouth` }).waitFor();
    await until("the order is off the queue", async () => !(await queued(server, "Amoxicillin")));
    await act(alice, section.name("Resume"), "Amoxicillin");
    await dialog(alice, /^Resume order/).getByRole("button", { name: "Eats and drinks again" }).click();
    await dialog(alice, /^Resume order/).getByRole("button", { name: section.name("Resume order") }).click();
    await until("the order is back on the queue", () => queued(server, "Amoxicillin"));
  },

  "Stop or cancel an order": async (section, { alice }) => {
    await alice.page.getByRole("button", { name: new RegExp(`^${section.name("Cancel")} Amoxicillin`) }).waitFor();
    await act(alice, section.name("Stop"), "furosemide");
    const why = dialog(alice, /^Stop order/);
    await why.getByRole("button", { name: "Side effects" }).click();
    await why.getByRole("button", { name: section.name("Stop order") }).click();
    await why.waitFor({ state: "detached" });
    await alice.panel(ORDERS).getByRole("button", { name: new RegExp(`^${section.name("Completed and cancelled")}`) }).waitFor();
  },

  "Order the same again": async (section, { alice, bob }) => {
    const ended = section.name("Completed and cancelled");
    await alice.panel(ORDERS).getByRole("button", { name: new RegExp(`^${ended}`) }).click();
    await alice.panel(ORDERS).getByRole("table", { name: ended }).getByRole("button", { name: new RegExp(`^${section.name("Reorder")} furosemide`) }).click();
    await bob.entry(ORDERS, /furosemide/).filter({ hasText: "Draft" }).waitFor();
    await act(alice, "Sign", "furosemide");
    await bob.entry(ORDERS, /furosemide/).filter({ hasText: "Active" }).waitFor();
  },

  "Answer a warning": async (section, { alice }) => {
    await alice.panel(ORDERS).getByRole("button", { name: "Add medication order" }).click();
    const form = dialog(alice, "Add medication order");
    await form.getByRole("combobox", { name: "Drug" }).fill("Amoxicillin 500 MG Oral Tablet");
    await form.getByText(`Ordered already: ${DRUG}.`).waitFor();
    await form.getByRole("textbox", { name: "Dosage" }).fill("One tablet at night");
    await form.getByRole("button", { name: section.name("Sign order") }).click();
    await form.getByText("Say why you sign in spite of the warning.").waitFor();
    await form.getByLabel(section.name("Reason to sign anyway")).scrollIntoViewIfNeeded();
    await section.picture("warning", alice, form);
    await form.getByRole("button", { name: section.name("Cancel") }).click();
    await form.waitFor({ state: "detached" });
  },

  "Sign several orders at once": async (section, { alice, bob }) => {
    await alice.page.getByRole("button", { name: section.name("Order set") }).click();
    const form = dialog(alice, "Order set");
    await form.getByRole("combobox", { name: section.name("Set") }).selectOption("Community-acquired pneumonia");
    await form.getByRole("checkbox").first().waitFor();
    await section.picture("order-set", alice, form);
    await form.getByRole("button", { name: section.name("Sign 5 orders") }).click();
    await bob.entry("Laboratory orders", "Blood culture").filter({ hasText: "Active" }).waitFor();
    await alice.page.getByRole("button", { name: section.name("Undo") }).click();
    await bob.entry("Laboratory orders", "Blood culture").waitFor({ state: "detached" });
    await bob.entry("Imaging orders", "Plain chest X-ray").waitFor({ state: "detached" });
  },
};
