// Two people round one patient: who is where, orders, alerts for everybody, and a server that goes
// away. The screenshots, light and dark, are for people to look at.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/server.mjs";
import { Ward } from "./pages.mjs";
import { flag, potassium } from "./resources.mjs";

const PATIENT = "theodore-brackenwood";
const ROOM = `patient:${PATIENT}`;

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("workspace");
  ({ server, alice, bob } = ward);
  await server.command(ROOM, flag(PATIENT, "falls", "Fall risk"));
  await alice.chart(PATIENT);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

test("who comes to the patient is seen, with the page they are on, and who goes is gone", async () => {
  await bob.chart(PATIENT);
  await alice.colleague("Bob Diaz, in Chart review").waitFor();
  await bob.tab("Orders");
  await alice.colleague("Bob Diaz, in Orders").waitFor();
  await bob.colleague("Alice Chen, in Chart review").waitFor();
  await alice.pictures("workspace-1-bob-in-orders");
  await bob.patients();
  await alice.colleague(/Bob Diaz/).waitFor({ state: "detached" });
});

test("a form says who is in which field", async () => {
  await bob.chart(PATIENT);
  const edit = (window) => window.panel("Problems").getByRole("button", { name: /^Edit / }).first();
  await edit(alice).click();
  await edit(bob).click();
  const dialog = (window) => window.page.getByRole("dialog", { name: "Edit problem" });
  await dialog(bob).getByRole("textbox", { name: "Onset date" }).focus();
  await dialog(alice).getByText("Bob Diaz is editing this").waitFor();
  await alice.pictures("workspace-2-field");
  await dialog(bob).getByRole("button", { name: "Cancel" }).click();
  await dialog(alice).getByText("Bob Diaz is editing this").waitFor({ state: "detached" });
  await dialog(alice).getByRole("button", { name: "Cancel" }).click();
  await dialog(alice).waitFor({ state: "detached" });
});

test("the header's counts change as others write, and nothing else moves", async () => {
  const text = await alice.page.getByRole("group", { name: "Chart summary" }).innerText();
  const before = Number(/(\d+) allerg/.exec(text)[1]);
  const top = await alice.panel("Problems").boundingBox();
  await bob.addAllergy({ substance: "Morphine", criticality: "High" });
  await alice.count(`${before + 1} allergies`).waitFor();
  await alice.page.getByRole("list", { name: "Critical indicators" }).getByText("High criticality: Morphine").waitFor();
  assert.deepEqual(await alice.panel("Problems").boundingBox(), top);
});

test("an order that Alice drafts and signs appears at Bob's, with its status", async () => {
  await alice.tab("Orders");
  await bob.tab("Orders");
  await alice.orderMedication({ drug: "Amoxicillin 250 MG Oral Capsule", dosage: "One capsule three times a day" }, "Save draft");
  const order = bob.entry("Medication orders", /Amoxicillin/);
  await order.filter({ hasText: "Draft" }).filter({ hasText: "Alice Chen" }).waitFor();
  await bob.pictures("workspace-3-draft");
  await alice.page.getByRole("button", { name: /^Sign Amoxicillin/ }).click();
  await order.filter({ hasText: "Active" }).waitFor();
  await alice.saveState("Saved");
  const stored = Object.values((await server.document(ROOM)).resources.MedicationRequest).find(({ medicationCodeableConcept }) => /Amoxicillin/.test(medicationCodeableConcept?.text));
  assert.equal(stored.status, "active");
  const { events } = await server.json(`/rooms/${encodeURIComponent(ROOM)}/events`);
  assert.ok(events.some(({ event, resource_id: id }) => event === "ORDER_SIGNED" && id === stored.id));
});

test("an order is cancelled with a reason that the other reads", async () => {
  await bob.page.getByRole("button", { name: /^Cancel Amoxicillin/ }).click();
  const dialog = bob.page.getByRole("dialog", { name: /Cancel order: Amoxicillin/ });
  await dialog.getByRole("button", { name: "Cancel order" }).click();
  await dialog.getByText("Say why, for those who read the chart later.").waitFor();
  await bob.screenshot("workspace-4-cancel-without-reason");
  await dialog.getByRole("button", { name: "Patient declined" }).click();
  await dialog.getByRole("button", { name: "Cancel order" }).click();
  await alice.panel("Medication orders").getByRole("button", { name: /^Completed and cancelled/ }).click();
  await alice.entry("Medication orders", /Amoxicillin/).filter({ hasText: "Cancelled: Patient declined" }).waitFor();
  await bob.page.getByText("Cancelled Amoxicillin").waitFor();
  await bob.page.getByRole("button", { name: "Undo" }).click();
  await bob.entry("Medication orders", /Amoxicillin/).filter({ hasText: "Active" }).waitFor();
});

test("an alert shows above everybody's pages, with who has seen it, until it is ended", async () => {
  await alice.raise("Alert", "Corridor B is flooded");
  await bob.alerts.getByText("Corridor B is flooded").waitFor();
  await bob.alerts.getByRole("button", { name: "Acknowledge: Corridor B is flooded" }).click();
  await alice.alerts.getByRole("button", { name: "1 alert" }).click();
  const drawer = alice.page.getByRole("dialog", { name: "Alerts for everybody" });
  await drawer.getByText("Seen by Bob Diaz").waitFor();
  await alice.pictures("workspace-5-alerts");
  await drawer.getByRole("button", { name: "End for everybody" }).click();
  await bob.alerts.getByRole("button", { name: "No alerts" }).waitFor();
  await drawer.getByRole("button", { name: "Close" }).click();
});

test("a critical value interrupts, and acknowledging it ends it for everybody", async () => {
  await bob.patients();
  await server.command(ROOM, potassium(PATIENT, "k1", 7.2));
  const dialog = (window) => window.page.getByRole("dialog", { name: "Critical value" });
  await dialog(bob).getByText(/Potassium 7.2/).waitFor();
  await dialog(alice).waitFor();
  await alice.count("1 critical result").waitFor();
  await bob.pictures("workspace-6-critical");
  await dialog(bob).getByRole("button", { name: "Acknowledge" }).click();
  // Whoever has the chart open reads who did, and closes it.
  await dialog(alice).getByText(/Acknowledged by Bob Diaz/).waitFor();
  await dialog(alice).getByRole("button", { name: "Close" }).click();
  await dialog(alice).waitFor({ state: "detached" });
  await alice.count("1 critical result").waitFor({ state: "detached" });
  await alice.alerts.getByRole("button", { name: "No alerts" }).click();
  const ended = alice.page.getByRole("dialog", { name: "Alerts for everybody" }).getByRole("region", { name: "Ended" });
  await ended.getByRole("article", { name: /Potassium 7.2/ }).filter({ hasText: "Acknowledged by Bob Diaz" }).waitFor();
  await alice.page.keyboard.press("Escape");
});

test("the activity tells who did what", async () => {
  await alice.tab("Activity");
  const entries = alice.page.getByRole("list", { name: "Activity" }).getByRole("listitem");
  await entries.filter({ hasText: /Bob Diaz.*Morphine/ }).waitFor();
  await alice.pictures("workspace-11-activity");
  await alice.tab("Chart review");
  await alice.panel("Care plans").scrollIntoViewIfNeeded();
  await alice.screenshot("workspace-12-rest-of-chart");
});

test("without the server a bar counts what waits, and the work goes on", async () => {
  await alice.tab("Orders");
  await server.end();
  await alice.connection("Offline").waitFor();
  await alice.orderMedication({ drug: "Ibuprofen 200 MG Oral Tablet", dosage: "As needed" }, "Sign order");
  await alice.connection(/1 edit waits, kept on this device/).waitFor();
  await alice.colleague(/Bob/).waitFor({ state: "detached" });
  await alice.pictures("workspace-7-offline");
  await server.start();
  await alice.connection("Offline").waitFor({ state: "detached" });
  await alice.saveState("Saved");
});

test("on a tablet everything has its place, and tabs go by arrow keys", async () => {
  await alice.page.setViewportSize({ width: 768, height: 1024 });
  await alice.page.getByRole("tab", { name: "Orders" }).focus();
  await alice.page.keyboard.press("ArrowLeft");
  await alice.panel("Vital signs").waitFor();
  assert.match(alice.page.url(), new RegExp(`/patients/${PATIENT}$`));
  await until("nothing is wider than the page", async () => (await alice.page.evaluate(() => document.documentElement.scrollWidth)) <= 768);
  await alice.pictures("workspace-8-tablet");
  await alice.page.getByRole("button", { name: "Details of the patient" }).click();
  await alice.screenshot("workspace-9-tablet-collapsed");
});

test("a missing patient has a page of its own", async () => {
  await bob.page.goto(`${server.http}/patients/nobody?as=bob`);
  await bob.page.getByRole("heading", { name: /There is no such patient|This chart cannot be opened/ }).waitFor();
  await bob.screenshot("workspace-10-missing");
});
