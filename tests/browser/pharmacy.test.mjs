// The pharmacy's queue as two pharmacists see it: what one does moves at the other, and a conflict
// in a chart blocks the order until somebody has chosen.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Ward } from "./pages.mjs";
import { prescription } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("pharmacy");
  ({ server, alice, bob } = ward);
  for (const window of [alice, bob]) {
    await window.page.goto(`${server.http}/pharmacy?as=${window.person}`);
    await column(window, "New orders").waitFor();
  }
});

after(() => ward?.close());

afterEach(() => ward.faultless());

function column({ page }, name) {
  return page.getByRole("region", { name });
}

/** The card itself, not the place that it left. */
function card(window, name, drug) {
  return column(window, name).locator("[data-entry]:not([data-gone])").filter({ hasText: drug });
}

function prescribe(id, drug, priority, minutesAgo, dose) {
  return server.command(ROOM, prescription(PATIENT, id, drug, { priority, minutesAgo, dose }), "alice;Alice Chen");
}

test("a prescription appears with both pharmacists, the urgent one first", async () => {
  await prescribe("rx-routine", "Amoxicillin 500 mg", "routine", 50);
  await prescribe("rx-stat", "Heparin 5000 units", "stat", 3, "5000 units now");
  for (const window of [alice, bob]) {
    await card(window, "New orders", "Amoxicillin").filter({ hasText: /Waiting (49|50) min/ }).waitFor();
    await card(window, "New orders", "Heparin").filter({ hasText: "5000 units now" }).filter({ hasText: "Dr. Chen" }).waitFor();
  }
  const { newOrders } = await server.json("/rooms/pharmacy:queue/queue");
  for (const window of [alice, bob]) await column(window, "New orders").getByLabel(`${newOrders.length} orders`, { exact: true }).waitFor();
  assert.match(await column(bob, "New orders").locator("[data-entry]").first().textContent(), /Heparin/);
  await alice.screenshot("p1-queue");
});

test("what one verifies and dispenses by the keyboard moves at the other", async () => {
  const verify = card(alice, "New orders", "Heparin").getByRole("button", { name: /^Verify: Heparin/ });
  await verify.focus();
  await alice.page.keyboard.press("Enter");
  await card(bob, "To dispense", "Heparin").waitFor();
  await card(bob, "New orders", "Heparin").waitFor({ state: "detached" });
  await column(alice, "New orders").getByText("Verified. Now in To dispense.").waitFor();
  assert.match(await alice.page.evaluate(() => document.activeElement.textContent), /Verified/, "the focus stays where the card was");
  await alice.screenshot("p2-verified");
  await card(bob, "To dispense", "Heparin").getByRole("button", { name: /^Dispense/ }).click();
  await card(alice, "Ready", "Heparin").filter({ hasText: "Dispensed" }).waitFor();
  await card(bob, "Ready", "Heparin").getByRole("button", { name: /^Complete/ }).click();
  await card(alice, "Ready", "Heparin").waitFor({ state: "detached" });
  const dispenses = Object.values((await server.document(ROOM)).resources.MedicationDispense ?? {});
  assert.ok(dispenses.some(({ status, performer }) => status === "completed" && JSON.stringify(performer).includes("Bob Diaz")));
});

test("who comes too late is told so where the card was", async () => {
  await prescribe("rx-race", "Paracetamol 1 g", "routine", 10, "1 g four times a day");
  await prescribe("rx-late", "Ibuprofen 400 mg", "routine", 10);
  const verify = card(alice, "New orders", "Paracetamol").getByRole("button", { name: /^Verify/ });
  await verify.waitFor();
  // Bob's act is done while Alice's is on its way.
  const acts = "**/rooms/pharmacy:queue/commands";
  await alice.page.route(acts, async (route) => {
    await server.command("pharmacy:queue", { kind: "verify", room: ROOM, prescription: "rx-race" }, "bob;Bob Diaz");
    await route.continue();
  });
  await verify.click();
  const place = column(alice, "New orders").locator("[data-gone]").filter({ hasText: "Paracetamol" });
  await place.getByRole("alert").filter({ hasText: "Not done: Somebody has done this already" }).waitFor();
  await card(alice, "To dispense", "Paracetamol").waitFor();
  await place.scrollIntoViewIfNeeded();
  await alice.screenshot("p3-refused");
  await alice.page.unroute(acts);
});

test("a conflict in the chart blocks the order until somebody chooses", async () => {
  await alice.page.mouse.move(5, 5);
  await card(bob, "New orders", "Ibuprofen").waitFor();
  await ward.dispute("MedicationRequest/rx-late", [
    ["alice;Alice Chen", { dosageInstruction: [{ text: "400 mg twice a day" }] }],
    ["bob;Bob Diaz", { dosageInstruction: [{ text: "800 mg twice a day" }] }],
  ]);
  for (const window of [alice, bob]) await card(window, "New orders", "Ibuprofen").filter({ hasText: "Blocked by an unresolved conflict" }).waitFor();
  await card(bob, "New orders", "Ibuprofen").scrollIntoViewIfNeeded();
  await bob.screenshot("p4-blocked");
  await card(bob, "New orders", "Ibuprofen").getByRole("link", { name: /^Open the chart/ }).click();
  await bob.page.getByRole("group", { name: /Conflict in Ibuprofen/ }).getByRole("button", { name: /Keep .*400 mg twice/ }).click();
  await card(alice, "New orders", "Ibuprofen").getByRole("button", { name: /^Verify/ }).click();
  await card(alice, "To dispense", "Ibuprofen").filter({ hasText: "400 mg twice a day" }).waitFor();
});

test("a quantity and a note go into what is dispensed", async () => {
  await card(alice, "To dispense", "Ibuprofen").getByRole("button", { name: /^Quantity or note/ }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Dispense" });
  await dialog.getByLabel("Quantity").fill("14");
  await dialog.getByLabel("Note").fill("With food");
  await alice.screenshot("p5-dispense");
  await dialog.getByRole("button", { name: "Dispense" }).click();
  await dialog.waitFor({ state: "detached" });
  await card(alice, "Ready", "Ibuprofen").waitFor();
  const dispenses = Object.values((await server.document(ROOM)).resources.MedicationDispense);
  assert.ok(dispenses.some(({ quantity, note }) => quantity?.value === 14 && note?.[0]?.text === "With food"));
});

test("what is read in a column stays where it is while orders above come, go and change their turn", async () => {
  const minutes = { "rx-1": 40, "rx-2": 39, "rx-3": 38, "rx-4": 37 };
  for (const [id, since] of Object.entries(minutes)) await prescribe(id, `Place ${id}`, "routine", since);
  await alice.page.mouse.move(5, 5);
  await alice.reload();
  await card(alice, "New orders", "Place rx-4").waitFor();
  assert.equal(await column(alice, "New orders").locator("> div").last().evaluate((box) => box.scrollTop), 0, "a column begins at its head");
  await card(alice, "New orders", "Place rx-1").evaluate((element) => element.scrollIntoView({ block: "start" }));
  const top = async (name) => Math.round((await card(alice, "New orders", `Place ${name}`).boundingBox()).y);
  const before = await top("rx-2");
  await prescribe("rx-above", "Insulin now", "stat", 1);
  await card(alice, "New orders", "Insulin now").waitFor();
  assert.equal(await top("rx-2"), before);
  // The first of those in view becomes urgent, and goes to the head.
  await prescribe("rx-1", "Place rx-1", "stat", 40);
  await card(alice, "New orders", "Place rx-1").and(alice.page.locator("[data-priority=stat]")).waitFor();
  assert.equal(await top("rx-2"), before);
  await server.command("pharmacy:queue", { kind: "verify", room: ROOM, prescription: "rx-above" }, "bob;Bob Diaz");
  await card(alice, "To dispense", "Insulin now").waitFor();
  assert.equal(await top("rx-2"), before);
});

test("thousands of orders stay smooth", async () => {
  const commands = Array.from({ length: 1500 }, (_, index) => prescription("casimir-doyle", `many-${index}`, `Drug ${index}`, { priority: index % 40 === 0 ? "urgent" : "routine", minutesAgo: index * 10 }));
  await alice.page.evaluate(() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
  });
  for (let start = 0; start < commands.length; start += 50) await server.command("patient:casimir-doyle", commands.slice(start, start + 50));
  await column(alice, "New orders").getByLabel(/^15\d\d orders$/).waitFor({ timeout: 60_000 });
  const tasks = await alice.page.evaluate(() => window.tasks);
  console.log(`${tasks.length} long tasks while 1500 orders came, longest ${Math.max(0, ...tasks).toFixed(0)} ms`);
  assert.ok(Math.max(0, ...tasks) < 500);
});

test("light and dark, on a desk and on a tablet", async () => {
  const { page } = alice;
  await page.getByRole("searchbox", { name: "Find an order" }).fill("niamh");
  await card(alice, "New orders", "Drug 40").waitFor({ state: "detached" });
  await alice.screenshot("p6-light");
  await page.getByRole("button", { name: "Use dark colours" }).click();
  await page.getByRole("searchbox", { name: "Find an order" }).fill("");
  await card(alice, "New orders", "Drug 40").waitFor();
  await alice.screenshot("p7-dark");
  await page.setViewportSize({ width: 820, height: 1180 });
  await alice.screenshot("p8-tablet-dark");
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, "nothing is wider than the page");
});
