// What one person does and another is told: notices while a chart is open, who types in a field, who
// is on which patient, what the activity says. The screenshots, light and dark, are for people to look at.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Ward } from "./pages.mjs";
import { daysAgo, flag, potassium, prescription, put } from "./resources.mjs";

const PATIENT = "theodore-brackenwood";
const ROOM = `patient:${PATIENT}`;
const BOB = "bob;Bob Diaz";

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("notices");
  ({ server, alice, bob } = ward);
  for (const window of [alice, bob]) await window.chart(PATIENT);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

const notices = ({ page }) => page.getByRole("region", { name: "Notices" });
const notice = (window, name) => notices(window).getByRole("group", { name });

function orderLaboratory(id, text) {
  return server.command(ROOM, put("ServiceRequest", id, { status: "active", intent: "order", category: [{ text: "Laboratory" }], code: { text }, subject: { reference: `Patient/${PATIENT}` } }), BOB);
}

test("an order that Bob signs is told to Alice on another tab, once, and leads to its row", async () => {
  await alice.tab("Results");
  const search = alice.page.getByRole("searchbox", { name: "Find in laboratory" });
  await search.focus();
  await bob.tab("Orders");
  await bob.orderMedication({ drug: "Amoxicillin 250 MG Oral Capsule", dosage: "One capsule three times a day" }, "Sign order");
  const told = notice(alice, "Bob Diaz ordered Amoxicillin 250 MG Oral Capsule, in Orders");
  await told.waitFor();
  assert.ok(await search.evaluate((input) => document.activeElement === input), "the focus stays where it was");
  const said = await alice.page.locator("[aria-live], [role=alert], [role=status], [role=log]").filter({ hasText: "Amoxicillin" }).count();
  assert.equal(said, 1, "screen readers are told once");
  await alice.pictures("notices-1-ordered");
  await told.getByRole("button", { name: /^Show/ }).click();
  await alice.page.getByRole("tab", { name: "Orders", selected: true }).waitFor();
  const row = alice.entry("Medication orders", /Amoxicillin/);
  await alice.page.locator("[data-pointed]").filter({ hasText: "Amoxicillin" }).waitFor();
  assert.ok(await row.evaluate((element) => element === document.activeElement));
  assert.equal(await notices(alice).count(), 0);
  assert.equal(await notices(bob).count(), 0, "own edits are silent");
  await alice.pictures("notices-2-shown");
});

test("what is in view is not told, and several changes are one notice", async () => {
  await alice.tab("Chart review");
  await bob.tab("Chart review");
  await bob.addAllergy({ substance: "Latex", criticality: "High" });
  await alice.entry("Allergies", "Latex").and(alice.page.locator("[data-changed]")).waitFor();
  for (const [id, text] of [["l1", "Lipase"], ["l2", "Ferritin"], ["l3", "Troponin T"], ["l4", "D-dimer"]]) await orderLaboratory(id, text);
  await server.command(ROOM, flag(PATIENT, "f1", "Fall risk"), BOB);
  await notice(alice, /^Bob Diaz made 4 changes in Orders/).getByText("Lipase, Ferritin, Troponin T and 1 more").waitFor();
  await notice(alice, "Bob Diaz raised the flag Fall risk, in the header").waitFor();
  assert.equal(await notices(alice).getByRole("group").count(), 2);
  await alice.pictures("notices-3-gathered");
});

test("a dialog is never covered, and the notice stays until it is closed", async () => {
  await notice(alice, /Fall risk/).getByRole("button", { name: "Dismiss" }).click();
  await alice.panel("Problems").getByRole("button", { name: "Add problem" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Add problem" });
  await dialog.getByRole("combobox", { name: "Problem" }).fill("Gout");
  for (const [id, text] of [["l5", "Magnesium"], ["l6", "Phosphate"]]) await orderLaboratory(id, text);
  await notice(alice, /^Bob Diaz made \d changes in Orders/).waitFor();
  for (const [width, height] of [[1440, 900], [768, 1024]]) {
    await alice.page.setViewportSize({ width, height });
    const [box, form] = [await notices(alice).boundingBox(), await dialog.boundingBox()];
    assert.ok(box.y >= form.y + form.height, `beneath the form at ${width}`);
    assert.equal(await notices(alice).getByRole("button", { name: /^Show/ }).filter({ visible: true }).count(), 0, "nothing leads away from what was typed");
    await alice.pictures(`notices-4-dialog-${width}`);
  }
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await notice(alice, /^Bob Diaz made \d changes in Orders/).getByRole("button", { name: /^Show/ }).waitFor();
  await alice.pictures("notices-5-tablet");
  await alice.page.setViewportSize({ width: 1440, height: 900 });
  await alice.tab("Orders");
  await notice(alice, /in Orders/).waitFor({ state: "detached" });
});

test("Alice is told that somebody changed what she wrote", async () => {
  await server.command(ROOM, prescription(PATIENT, "rx-1", "Ibuprofen 400 mg", { dose: "400 mg once a day" }), "alice;Alice Chen");
  await alice.tab("Results");
  await ward.dispute("MedicationRequest/rx-1", [
    ["alice;Alice Chen", { dosageInstruction: [{ text: "400 mg twice a day" }] }],
    ["bob;Bob Diaz", { dosageInstruction: [{ text: "800 mg twice a day" }] }],
  ]);
  const told = notice(alice, "Bob Diaz changed what you wrote in Ibuprofen 400 mg, in Orders");
  await told.waitFor();
  await alice.pictures("notices-6-conflict");
  await told.getByRole("button", { name: /^Show/ }).click();
  await alice.page.getByRole("group", { name: /Conflict in Ibuprofen/ }).waitFor();
  assert.equal(await notices(bob).count(), 0, "Bob has the order's row in view");
});

test("the queue shows both doses of the order that people disagree about", async () => {
  await bob.page.goto(`${server.http}/pharmacy?as=bob`);
  const card = bob.page.getByRole("article", { name: "Ibuprofen 400 mg" });
  const sides = card.getByRole("list", { name: "Disputed: Dosage" }).getByRole("listitem");
  await sides.filter({ hasText: "800 mg twice a day" }).filter({ hasText: "Bob Diaz" }).waitFor();
  assert.equal(await sides.count(), 2);
  await card.scrollIntoViewIfNeeded();
  await bob.page.waitForFunction(() => /^\(\d+\) Pharmacy queue/.test(document.title));
  await bob.pictures("notices-7-disputed");
});

test("a form says that somebody is typing in the same field", async () => {
  await bob.chart(PATIENT);
  await alice.tab("Chart review");
  const edit = (window) => window.panel("Problems").getByRole("button", { name: /^Edit / }).first();
  await edit(alice).click();
  await edit(bob).click();
  const dialog = (window) => window.page.getByRole("dialog", { name: "Edit problem" });
  const onset = (window) => dialog(window).getByRole("textbox", { name: "Onset date" });
  await onset(alice).focus();
  await onset(bob).fill("2021-03");
  await dialog(alice).getByText("Bob Diaz is typing here").waitFor();
  await alice.pictures("notices-8-typing");
  // Behind the last key he is there still, and types no more.
  await dialog(alice).getByText("Bob Diaz is typing here").waitFor({ state: "detached" });
  await dialog(alice).getByText("Bob Diaz is editing this").waitFor();
  for (const window of [alice, bob]) await dialog(window).getByRole("button", { name: "Cancel" }).click();
});

test("an abnormal result is told, and the activity says that it was acknowledged, and shows one person's part", async () => {
  await server.command(ROOM, potassium(PATIENT, "k1", 5.9, daysAgo(0), { interpretation: [{ coding: [{ code: "H" }] }] }), BOB);
  await notice(alice, "Bob Diaz reported Potassium 5.9 mmol/L (High), in Results").waitFor();
  await server.command(ROOM, put("Communication", "seen", { status: "completed", about: [{ reference: "Observation/k1" }] }), BOB);
  await alice.tab("Activity");
  const entries = alice.page.getByRole("list", { name: "Activity" }).getByRole("listitem");
  await entries.filter({ hasText: "Bob Diaz acknowledged Potassium 5.9 mmol/L" }).waitFor();
  await alice.pictures("notices-9-activity");
  await alice.page.getByRole("combobox", { name: "Person" }).selectOption({ label: "Alice Chen (you)" });
  await entries.filter({ hasText: "Bob Diaz" }).first().waitFor({ state: "detached" });
  assert.equal(await entries.count(), await entries.filter({ hasText: "You" }).count());
});

test("the patient list begins with one's last patients and who is there, and finds by record number", async () => {
  await alice.chart("priya-sandahl");
  await alice.patients();
  const recent = alice.page.getByRole("table", { name: "Your recent patients" });
  await recent.waitFor();
  assert.deepEqual(await recent.getByRole("link").allTextContents(), ["Priya Sandahl", "Theodore Brackenwood"]);
  await recent.getByRole("list", { name: "On Theodore Brackenwood" }).getByRole("listitem", { name: "Bob Diaz" }).waitFor();
  await alice.pictures("notices-10-patients");
  // Who looks at the list is on no patient.
  await bob.page.getByRole("list", { name: "Also on this patient" }).waitFor({ state: "detached" });
  await alice.page.getByRole("searchbox", { name: "Search patients" }).fill("MB-100290");
  await alice.page.getByRole("link", { name: "Casimir Jude Doyle" }).waitFor();
  await alice.page.getByText("1 patient found").waitFor();
  await alice.page.setViewportSize({ width: 768, height: 1024 });
  await alice.page.getByRole("searchbox", { name: "Search patients" }).fill("");
  await recent.waitFor();
  await alice.pictures("notices-11-patients-tablet");
});
