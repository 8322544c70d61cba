// Orders as two and three people see them: signed, held, reordered, by the set; undo by keyboard; a
// third value that settles a conflict everywhere. The screenshots, light and dark, are for people to
// look at.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/server.mjs";
import { Ward, Window } from "./pages.mjs";

const PATIENT = "theodore-brackenwood";
const ROOM = `patient:${PATIENT}`;
const ORDERS = "Medication orders";
const AMOXICILLIN = { drug: "Amoxicillin 250 MG Oral Capsule", dosage: "One capsule three times a day" };

let ward, server, alice, bob, charlie;

before(async () => {
  ward = await Ward.open("orders");
  ({ server, alice, bob } = ward);
  charlie = await Window.open(ward.chromium, server, "charlie");
  for (const window of [alice, bob, charlie]) {
    await window.chart(PATIENT);
    await window.tab("Orders");
  }
});

after(() => ward?.close());

afterEach(() => {
  ward.faultless();
  assert.deepEqual(charlie.faults, []);
});

const stored = async (type) => Object.values((await server.document(ROOM)).resources[type] ?? {});
const queued = async () => Object.values(await server.json("/rooms/pharmacy:queue/queue")).flat().filter(({ room }) => room === ROOM);

/** Presses an act of a row and gives its reason. */
async function act(window, verb, label, reason) {
  await window.page.getByRole("button", { name: new RegExp(`^${verb} ${label}`) }).click();
  const dialog = window.page.getByRole("dialog", { name: new RegExp(`^${verb} order: ${label}`) });
  await dialog.getByRole("button", { name: reason }).click();
  await dialog.getByRole("button", { name: `${verb} order` }).click();
  await dialog.waitFor({ state: "detached" });
}

test("a draft is signed by another, and all three see who ordered it", async () => {
  await bob.orderMedication(AMOXICILLIN, "Save draft");
  await alice.page.getByText("1 draft waits for a signature.").waitFor();
  await alice.page.getByRole("button", { name: /^Sign Amoxicillin/ }).click();
  for (const window of [bob, charlie]) {
    await window.entry(ORDERS, /Amoxicillin/).filter({ hasText: "Active" }).filter({ hasText: "ordered by Alice Chen" }).waitFor();
  }
  assert.equal(await charlie.page.getByRole("button", { name: /^(Sign |Hold |Stop |Cancel |Reorder |Order set)/ }).count(), 0);
});

test("an order on hold is seen at once, leaves the pharmacy's queue, and comes back when it is resumed", async () => {
  const isQueued = (drugs) => drugs.some(({ drug }) => /Amoxicillin/.test(drug));
  await until("the order is on the queue", async () => isQueued(await queued()));
  await act(bob, "Hold", "Amoxicillin", "Nil by mouth");
  await alice.entry(ORDERS, /Amoxicillin/).filter({ hasText: "On hold: Nil by mouth" }).waitFor();
  await until("what is on hold is off the queue", async () => !isQueued(await queued()));
  await alice.pictures("orders-1-on-hold");
  await act(alice, "Resume", "Amoxicillin", "Eats and drinks again");
  await bob.entry(ORDERS, /Amoxicillin/).filter({ hasText: "Resumed: Eats and drinks again" }).waitFor();
  await until("what was resumed is back on the queue", async () => isQueued(await queued()));
});

test("the same drug again needs a reason to be signed", async () => {
  await alice.panel(ORDERS).getByRole("button", { name: "Add medication order" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Add medication order" });
  await dialog.getByRole("combobox", { name: "Drug" }).fill("Amoxicillin 500 MG Oral Tablet");
  await dialog.getByText("Ordered already: Amoxicillin 250 MG Oral Capsule.").waitFor();
  await dialog.getByRole("textbox", { name: "Dosage" }).fill("One tablet at night");
  await dialog.getByRole("button", { name: "Sign order" }).click();
  await dialog.getByText("Say why you sign in spite of the warning.").waitFor();
  await alice.pictures("orders-2-warning");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
});

test("what has begun is stopped, and ordered anew as a draft that names it", async () => {
  await act(alice, "Stop", "furosemide", "Side effects");
  const ended = (window) => window.panel(ORDERS).getByRole("table", { name: "Completed and cancelled" });
  await bob.panel(ORDERS).getByRole("button", { name: /^Completed and cancelled/ }).click();
  await ended(bob).getByText(/Stopped: Side effects/).waitFor();
  await ended(bob).getByRole("button", { name: /^Reorder furosemide/ }).click();
  await alice.entry(ORDERS, /furosemide/).filter({ hasText: "Draft" }).filter({ hasText: "drafted by Bob Diaz" }).waitFor();
  await bob.pictures("orders-3-reordered");
  await bob.saveState("Saved");
  const draft = (await stored("MedicationRequest")).find(({ status }) => status === "draft");
  const [, id] = draft.priorPrescription.reference.split("/");
  assert.ok((await stored("MedicationRequest")).some((order) => order.id === id && order.status === "stopped"));
});

test("a set of orders is signed as one edit, which comes whole to the others", async () => {
  await alice.page.getByRole("button", { name: "Order set" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Order set" });
  await dialog.getByRole("combobox", { name: "Set" }).selectOption("Community-acquired pneumonia");
  await dialog.getByText("Ordered already: Amoxicillin 250 MG Oral Capsule.").waitFor();
  await alice.pictures("orders-4-set");
  await dialog.getByRole("button", { name: "Sign 5 orders" }).click();
  await dialog.waitFor({ state: "detached" });
  for (const name of ["Blood culture", "Complete blood count", "C-reactive protein", "Basic metabolic panel"]) await bob.entry("Laboratory orders", name).filter({ hasText: "Active" }).waitFor();
  await bob.entry("Imaging orders", "Plain chest X-ray").filter({ hasText: "Infiltrate?" }).waitFor();
  await alice.saveState("Saved");
  const made = (await stored("ServiceRequest")).filter(({ requisition }) => requisition);
  assert.equal(new Set(made.map(({ requisition }) => requisition.value)).size, 1);
  const { events } = await server.json(`/rooms/${encodeURIComponent(ROOM)}/events`);
  const changes = events.filter(({ event, resource_id: id }) => event === "ORDER_PLACED" && made.some((order) => order.id === id)).map(({ changes }) => changes.join());
  assert.equal(changes.length, 5);
  assert.equal(new Set(changes).size, 1, "one change made all of them");
  await bob.pictures("orders-5-after-the-set");
});

test("Ctrl+Z takes the set back everywhere, and Ctrl+Shift+Z orders it again", async () => {
  const culture = (window) => window.entry("Laboratory orders", "Blood culture");
  await alice.page.keyboard.press("Control+z");
  await alice.page.getByText("Undone: sign 5 orders of Community-acquired pneumonia").waitFor();
  await culture(bob).waitFor({ state: "detached" });
  await alice.pictures("orders-6-undone");
  await alice.page.keyboard.press("Control+Shift+Z");
  await culture(bob).waitFor();
});

test("the notice of an edit is reached by keyboard, there is one of them, and it goes with the chart", async () => {
  await act(alice, "Hold", "apixaban", "Before a procedure");
  await act(alice, "Hold", "Simvastatin", "Awaiting results");
  const undo = alice.page.getByRole("button", { name: "Undo" });
  await alice.page.getByText(/^Held apixaban/).waitFor({ state: "detached" });
  assert.equal(await undo.count(), 1);
  await bob.entry(ORDERS, /Simvastatin/).filter({ hasText: "On hold" }).waitFor();
  await alice.page.getByRole("link", { name: "Chartroom" }).focus();
  for (let tabs = 0; tabs < 4 && !(await undo.evaluate((button) => button === document.activeElement)); tabs += 1) await alice.page.keyboard.press("Shift+Tab");
  await alice.page.keyboard.press("Enter");
  await bob.entry(ORDERS, /Simvastatin/).filter({ hasText: "Active" }).waitFor();
  await act(alice, "Hold", "Simvastatin", "Awaiting results");
  await undo.waitFor();
  await alice.saveState("Saved");
  await alice.page.getByRole("link", { name: "Patients" }).click();
  await undo.waitFor({ state: "detached" });
});

test("the offer to undo ends when a colleague has written over the edit", async () => {
  await alice.chart(PATIENT);
  await alice.tab("Orders");
  await act(alice, "Resume", "Simvastatin", "Results are in");
  await alice.page.getByRole("button", { name: "Undo" }).waitFor();
  await bob.entry(ORDERS, /Simvastatin/).filter({ hasText: "Resumed: Results are in" }).waitFor();
  await act(bob, "Hold", "Simvastatin", "Side effects");
  await alice.page.getByRole("button", { name: "Undo" }).waitFor({ state: "detached" });
});

/** Alice and Bob write a dosage each while neither hears of the other. */
async function writeApart(drug, dosages) {
  await server.end();
  for (const [at, window] of [alice, bob].entries()) {
    await window.connection("Offline").waitFor();
    await window.panel(ORDERS).getByRole("button", { name: new RegExp(`^Edit .*${drug}`) }).click();
    const dialog = window.page.getByRole("dialog", { name: "Edit medication order" });
    await dialog.getByRole("textbox", { name: "Dosage" }).fill(dosages[at]);
    await dialog.getByRole("button", { name: "Save changes" }).click();
    await dialog.waitFor({ state: "detached" });
  }
  await server.start();
}

test("a third value, written with both in sight, settles a conflict everywhere", async () => {
  await writeApart("metoprolol", ["Half a tablet every morning", "Two tablets every morning"]);
  for (const window of [alice, bob, charlie]) await window.page.getByRole("button", { name: "1 conflict" }).waitFor();
  await bob.pictures("orders-7-conflict");
  await alice.page.getByRole("button", { name: "1 conflict" }).focus();
  await alice.page.keyboard.press("Enter");
  const drawer = alice.page.getByRole("dialog", { name: "1 conflict to settle" });
  await drawer.getByText("Two tablets every morning").waitFor();
  await alice.pictures("orders-8-conflicts");
  await drawer.getByRole("button", { name: /^Write another value/ }).press("Enter");
  const dialog = alice.page.getByRole("dialog", { name: "Edit medication" });
  await dialog.getByText("Half a tablet every morning").first().waitFor();
  const dosage = dialog.getByRole("textbox", { name: "Dosage" });
  await alice.page.waitForFunction(() => document.activeElement?.dataset.field === "dosage");
  await alice.pictures("orders-9-third-value");
  await dosage.fill("One tablet every second morning");
  await dialog.getByRole("button", { name: "Save changes" }).click();
  await alice.page.getByText("Nothing is in dispute any more.").waitFor();
  await alice.page.keyboard.press("Escape");
  for (const window of [alice, bob, charlie]) {
    await window.page.getByRole("button", { name: "1 conflict" }).waitFor({ state: "detached" });
    await window.entry(ORDERS, /metoprolol/).filter({ hasText: "One tablet every second morning" }).waitFor();
  }
});

test("a dispute about one of two dosages is settled with a third, and the other dosage stays", async () => {
  await server.command(ROOM, {
    kind: "put",
    resource: {
      resourceType: "MedicationRequest",
      id: "prednisone",
      status: "active",
      intent: "order",
      subject: { reference: `Patient/${PATIENT}` },
      medicationCodeableConcept: { text: "Prednisone 10 MG Oral Tablet" },
      dosageInstruction: [{ text: "Four tablets for three days" }, { text: "two tablets for three days" }],
    },
  });
  for (const window of [alice, bob]) await window.entry(ORDERS, /Prednisone/).waitFor();
  await writeApart("Prednisone", ["Five tablets for three days; then two tablets for three days", "Three tablets for three days; then two tablets for three days"]);
  const conflict = (window) => window.panel(ORDERS).getByRole("group", { name: /^Conflict in Prednisone/ });
  for (const window of [alice, bob, charlie]) await conflict(window).filter({ hasText: "Five tablets" }).filter({ hasText: "Three tablets" }).waitFor();
  await bob.pictures("orders-11-one-of-two-dosages");
  await conflict(bob).getByRole("button", { name: /^Write another value/ }).click();
  const dialog = bob.page.getByRole("dialog", { name: "Edit medication order" });
  await dialog.getByRole("textbox", { name: "Dosage" }).fill("Six tablets for three days; then two tablets for three days");
  await dialog.getByRole("button", { name: "Save changes" }).click();
  for (const window of [alice, bob, charlie]) {
    await conflict(window).waitFor({ state: "detached" });
    await window.entry(ORDERS, /Prednisone/).filter({ hasText: "Six tablets for three days; then two tablets for three days" }).waitFor();
  }
  await bob.saveState("Saved");
  const { dosageInstruction } = (await stored("MedicationRequest")).find(({ id }) => id === "prednisone");
  assert.deepEqual(dosageInstruction, [{ text: "Six tablets for three days" }, { text: "two tablets for three days" }]);
});

test("on a tablet the orders have their place", async () => {
  await bob.page.setViewportSize({ width: 768, height: 1024 });
  await until("nothing is wider than the page", async () => (await bob.page.evaluate(() => document.documentElement.scrollWidth)) <= 768);
  await bob.pictures("orders-10-tablet");
});
