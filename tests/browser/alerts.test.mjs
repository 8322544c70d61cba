// Alerts that name a patient, and critical values that a chart has for itself: told again after a
// reload, without moving what is read, and told no more when the value was an error.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Ward } from "./pages.mjs";
import { daysAgo, potassium } from "./resources.mjs";

const PATIENT = "theodore-brackenwood";
const NAME = /Brackenwood/;
const ROOM = `patient:${PATIENT}`;

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("alerts");
  ({ server, alice, bob } = ward);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

async function results(window) {
  await window.page.goto(`${server.http}/patients/${PATIENT}/results?as=${window.person}`);
  await laboratory(window).waitFor();
  await window.saveState("Saved");
}

function laboratory({ page }) {
  return page.getByRole("table", { name: "Laboratory", exact: true });
}

function line({ page }) {
  return page.getByRole("region", { name: "Critical values" });
}

function dialog({ page }) {
  return page.getByRole("dialog", { name: /^Critical value/ });
}

function drawer({ page }) {
  return page.getByRole("dialog", { name: "Alerts for everybody" });
}

async function press(window, name) {
  await window.calm();
  await dialog(window).getByRole("button", { name }).click();
  await dialog(window).waitFor({ state: "detached" });
}

test("an alert that names a patient leads everybody to the chart, and says later who ended it", async () => {
  await bob.patients();
  await alice.chart(PATIENT);
  await alice.alerts.getByRole("button", { name: /alerts?$/ }).click();
  await alice.page.getByRole("button", { name: "Raise an alert" }).click();
  const raise = alice.page.getByRole("dialog", { name: "Raise an alert" });
  const patient = raise.getByRole("combobox", { name: "Patient" });
  await alice.page.waitForFunction(() => [...document.querySelectorAll("input")].some(({ value }) => /Brackenwood, born/.test(value)));
  await raise.getByRole("textbox", { name: "Message" }).fill("Fell out of bed, room 12");
  await alice.pictures("alerts-1-raise");
  await patient.fill("niamh");
  await alice.page.getByRole("option", { name: /Oyelaran/ }).waitFor();
  await alice.screenshot("alerts-2-search");
  await patient.fill("brackenwood");
  await alice.page.getByRole("option", { name: NAME }).click();
  await raise.getByRole("button", { name: "Raise alert" }).click();
  await raise.waitFor({ state: "detached" });
  await bob.alerts.getByText("Fell out of bed, room 12").waitFor();
  await bob.pictures("alerts-3-bar");
  await bob.alerts.getByRole("button", { name: "Acknowledge: Fell out of bed, room 12" }).click();
  await bob.alerts.getByRole("link", { name: NAME }).click();
  await bob.panel("Allergies").waitFor();
  await drawer(alice).getByRole("button", { name: "End for everybody" }).click();
  const ended = drawer(alice).getByRole("region", { name: "Ended" }).getByRole("article", { name: "Alert: Fell out of bed, room 12" });
  await ended.filter({ hasText: "Seen by Bob Diaz" }).filter({ hasText: "Ended by Alice Chen" }).waitFor();
  await alice.pictures("alerts-4-ended");
  await drawer(alice).getByRole("button", { name: "Close" }).click();
});

test("a critical value that is too old to alert the house is told again after a reload, in its chart alone", async () => {
  await server.command(ROOM, potassium(PATIENT, "late", 7.1, daysAgo(10)));
  await results(alice);
  await dialog(alice).filter({ hasText: "Potassium 7.1 mmol/L is above 6.5" }).waitFor();
  assert.deepEqual((await server.json("/rooms/facility:alerts/active")).active, []);
  await alice.reload();
  await dialog(alice).filter({ hasText: "Nobody has acknowledged it yet" }).waitFor();
  await press(alice, /^Acknowledge/);
  await line(alice).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  await alice.saveState("Saved");
  await alice.reload();
  await line(alice).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  assert.equal(await dialog(alice).count(), 0);
});

test("nothing moves when a critical value comes, and only one dialog interrupts for it", async () => {
  await results(alice);
  await bob.patients();
  const before = await laboratory(alice).boundingBox();
  await server.command(ROOM, potassium(PATIENT, "now", 7.4));
  for (const window of [alice, bob]) await dialog(window).filter({ hasText: "Potassium 7.4 mmol/L" }).waitFor();
  for (const { page } of [alice, bob]) assert.equal(await page.getByRole("dialog").count(), 1);
  const after = await laboratory(alice).boundingBox();
  assert.deepEqual({ x: after.x, y: after.y }, { x: before.x, y: before.y });
  await alice.pictures("alerts-5-critical");
});

test("a value that was corrected ends its alert for everybody", async () => {
  await server.command(ROOM, potassium(PATIENT, "now", 4.2, daysAgo(0), { status: "corrected" }));
  await dialog(alice).filter({ hasText: "Corrected: now 4.2 mmol/L" }).waitFor();
  await alice.pictures("alerts-6-corrected");
  await press(alice, "Close");
  await line(alice).getByText("Corrected: now 4.2 mmol/L").waitFor();
  const row = laboratory(alice).getByRole("row").filter({ has: alice.page.getByRole("rowheader", { name: "Potassium" }) });
  await row.filter({ hasText: "4.2 mmol/L" }).filter({ hasText: "Normal" }).waitFor();
  await line(alice).getByRole("button", { name: /^All 2/ }).click();
  await alice.pictures("alerts-7-line");
  await alice.page.keyboard.press("Escape");
  await alice.page.setViewportSize({ width: 768, height: 1024 });
  await alice.pictures("alerts-8-tablet");
  await alice.page.setViewportSize({ width: 1440, height: 900 });
  await dialog(bob).waitFor({ state: "detached" });
  await bob.alerts.getByRole("button", { name: "No alerts" }).waitFor();
});

test("a value that was entered in error does not interrupt who comes later", async () => {
  await server.command(ROOM, potassium(PATIENT, "error", 7.9, daysAgo(20)));
  await dialog(alice).filter({ hasText: "Potassium 7.9 mmol/L" }).waitFor();
  await server.command(ROOM, potassium(PATIENT, "error", 7.9, daysAgo(20), { status: "entered-in-error" }));
  await dialog(alice).filter({ hasText: "Entered in error" }).waitFor();
  await press(alice, "Close");
  await results(bob);
  await line(bob).getByRole("button", { name: /^All 3/ }).click();
  const all = bob.page.getByRole("dialog", { name: /critical values$/ });
  await all.getByRole("listitem").filter({ hasText: "Potassium 7.9" }).filter({ hasText: "Entered in error" }).waitFor();
  assert.equal(await dialog(bob).count(), 0);
});
