// Results as two people see them: a value appears at both, a critical one interrupts both until one
// has acknowledged it, and a chart of many observations stays smooth while others write.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { pause, until } from "../support/server.mjs";
import { Ward } from "./pages.mjs";
import { daysAgo, heartRate, hemoglobin, laboratory, observation, potassium, report } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const LATEST = new Date(Date.now() - 60_000).toISOString();

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("results");
  ({ server, alice, bob } = ward);
  const days = [400, 300, 200, 100, 10];
  await server.command(ROOM, days.flatMap((day, index) => [
    potassium(PATIENT, `k-${index}`, 4 + index / 5, daysAgo(day)),
    hemoglobin(PATIENT, `hb-${index}`, 13.1 - index, daysAgo(day)),
    pressure(`bp-${index}`, 150 - index * 4, 92 - index * 2, daysAgo(day)),
    heartRate(PATIENT, `hr-${index}`, 72 + index * 3, daysAgo(day)),
  ]));
  await server.command(ROOM, report(PATIENT, "report", "Basic metabolic panel", { results: ["k-4", "hb-4"], effectiveDateTime: daysAgo(10), conclusion: "No acute change." }));
});

after(() => ward?.close());

afterEach(() => ward.faultless());

function pressure(id, systolic, diastolic, at) {
  const part = (code, text, value) => ({ code: { coding: [{ system: "http://loinc.org", code }], text }, valueQuantity: { value, unit: "mmHg" } });
  return observation(PATIENT, id, "vital-signs", { code: "85354-9", text: "Blood pressure", at, component: [part("8480-6", "Systolic blood pressure", systolic), part("8462-4", "Diastolic blood pressure", diastolic)] });
}

async function results(window, patient = PATIENT) {
  await window.page.goto(`${server.http}/patients/${patient}/results?as=${window.person}`);
  await window.page.getByRole("table", { name: "Laboratory" }).waitFor();
}

function row({ page }, test) {
  return page.getByRole("table", { name: "Laboratory", exact: true }).getByRole("row").filter({ has: page.getByRole("rowheader", { name: test }) });
}

function dialog({ page }) {
  return page.getByRole("dialog", { name: /Critical value/ });
}

test("results show values, flags, trends, vital signs and reports", async () => {
  for (const window of [alice, bob]) await results(window);
  await row(alice, "Potassium").filter({ hasText: "4.8 mmol/L" }).filter({ hasText: "Normal" }).filter({ hasText: "3.5 – 5.1" }).waitFor();
  await row(alice, "Hemoglobin").filter({ hasText: "9.1 g/dL" }).filter({ hasText: "Low" }).waitFor();
  await row(alice, "Potassium").getByRole("img", { name: /^Potassium: 5 values from 4 to 4.8 mmol\/L/ }).waitFor();
  const vitals = alice.page.getByRole("region", { name: "Vital signs" });
  await vitals.getByRole("article", { name: "Blood pressure" }).filter({ hasText: "134/84 mmHg" }).waitFor();
  await vitals.getByRole("figure", { name: /^Blood pressure/ }).waitFor();
  await alice.page.getByRole("button", { name: "Basic metabolic panel" }).press("Enter");
  await alice.page.getByRole("table", { name: "Results of Basic metabolic panel" }).getByRole("row").filter({ hasText: "Potassium" }).filter({ hasText: "4.8 mmol/L" }).waitFor();
  await alice.page.getByRole("button", { name: "Potassium", exact: true }).press("Enter");
  await alice.page.getByRole("figure", { name: /^Potassium/ }).waitFor();
  await alice.screenshot("r1-results");
});

test("a result that is written appears at both, and no row moves", async () => {
  const places = () => bob.page.getByRole("table", { name: "Laboratory" }).getByRole("rowheader").allTextContents();
  const before = await places();
  await server.command(ROOM, hemoglobin(PATIENT, "hb-new", 8.7, LATEST));
  for (const window of [alice, bob]) await row(window, "Hemoglobin").filter({ hasText: "8.7 g/dL" }).filter({ hasText: "New" }).waitFor();
  assert.deepEqual(await places(), before);
});

test("a critical value interrupts both; one acknowledges, and the other reads who did", async () => {
  await server.command(ROOM, potassium(PATIENT, "k-critical", 7.1, LATEST));
  for (const window of [alice, bob]) await dialog(window).filter({ hasText: "Potassium 7.1 mmol/L is above 6.5" }).waitFor();
  for (const window of [alice, bob]) await window.calm();
  await alice.screenshot("r2-critical");
  await bob.page.keyboard.press("Escape");
  await bob.page.keyboard.press("Enter");
  await alice.page.keyboard.press("Tab");
  await alice.page.keyboard.press("Enter");
  await dialog(alice).waitFor({ state: "detached" });
  await dialog(bob).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  await bob.screenshot("r3-acknowledged-by-the-other");
  await dialog(bob).getByRole("button", { name: "Close" }).click();
  await dialog(bob).waitFor({ state: "detached" });
  for (const window of [alice, bob]) {
    await window.page.getByRole("region", { name: "Critical values" }).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
    await row(window, "Potassium").filter({ hasText: "Critical high" }).filter({ hasText: "Seen by Alice Chen" }).waitFor();
  }
  await until("the alert is acknowledged by Alice", async () => (await server.json("/rooms/facility:alerts/active")).acknowledged[0]?.acknowledgements[0]?.by.id === "alice");
});

test("who comes later is told of what nobody has acknowledged", async () => {
  await server.command(ROOM, laboratory(PATIENT, "na-critical", { code: "2951-2", text: "Sodium", value: 171, unit: "mmol/L", range: [135, 145], at: LATEST }));
  for (const window of [alice, bob]) await dialog(window).waitFor();
  await bob.reload();
  // The chart's own dialog, and not the one of the bar, which may come before it.
  const acknowledge = dialog(bob).getByRole("button", { name: "Acknowledge: Sodium 171 mmol/L is above 160" });
  await acknowledge.waitFor();
  await bob.calm();
  await acknowledge.click();
  await dialog(alice).filter({ hasText: "Acknowledged by Bob Diaz" }).waitFor();
  await dialog(alice).getByRole("button", { name: "Close" }).click();
});

test("an acknowledgement without a connection says that the server does not have it", async () => {
  await server.command(ROOM, potassium(PATIENT, "k-offline", 7.4, LATEST));
  for (const window of [alice, bob]) await dialog(window).filter({ hasText: "Potassium 7.4 mmol/L" }).waitFor();
  await alice.calm();
  await server.end();
  await alice.page.getByRole("status", { name: "Connection" }).filter({ hasText: "Offline" }).waitFor();
  await dialog(alice).getByRole("button", { name: /^Acknowledge/ }).click();
  const list = alice.page.getByRole("region", { name: "Critical values" }).getByRole("listitem").filter({ hasText: "Potassium 7.4" });
  await list.filter({ hasText: "Acknowledged by Alice Chen" }).filter({ hasText: "not saved at the server yet" }).waitFor();
  await alice.screenshot("r4-acknowledged-offline");
  await server.start();
  await dialog(bob).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  for (const window of [alice, bob]) await window.page.getByText("not saved at the server yet").first().waitFor({ state: "detached" });
  await dialog(bob).getByRole("button", { name: "Close" }).click();
});

test("thousands of observations stay smooth while others write twenty a second", async () => {
  const result = (index, value) => laboratory("casimir-doyle", `many-${index}`, { code: `1${index % 60}-0`, text: `Test number ${index % 60}`, value, unit: "U/L", range: [5, 20], at: daysAgo(1 + index / 10) });
  const many = Array.from({ length: 3000 }, (_, index) => result(index, 10 + (index % 17)));
  for (let start = 0; start < many.length; start += 250) await server.command("patient:casimir-doyle", many.slice(start, start + 250));
  await results(alice, "casimir-doyle");
  await row(alice, "Test number 7").first().waitFor();
  await alice.page.getByRole("img", { name: /^Test number 7:/ }).waitFor();
  await alice.watchFrames();
  const began = performance.now();
  for (let edit = 0; edit < 100; edit += 1) {
    await server.command("patient:casimir-doyle", result(edit * 7, 30 + edit));
    await pause(Math.max(0, began + (edit + 1) * 50 - performance.now()));
  }
  await row(alice, "Test number 0").filter({ hasText: "30 U/L" }).waitFor();
  await alice.smooth();
});

test("light and dark, on a desk and on a tablet", async () => {
  await results(bob);
  await bob.page.getByRole("img", { name: /^Potassium/ }).waitFor();
  await bob.screenshot("r5-light");
  await bob.page.getByRole("button", { name: "Use dark colours" }).click();
  await bob.screenshot("r6-dark");
  await bob.page.getByRole("region", { name: "Vital signs" }).evaluate((section) => section.scrollIntoView());
  await bob.screenshot("r7-vital-signs-dark");
  await bob.page.setViewportSize({ width: 820, height: 1180 });
  await bob.page.evaluate(() => window.scrollTo(0, 0));
  await bob.screenshot("r8-tablet-dark");
  const wider = await bob.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, "nothing is wider than the page");
});
