// The imaging of a chart as two people see it: studies, orders and reports change at both, nothing
// moves, and everything can be reached by keyboard.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ROOT, chartroom } from "../support/server.mjs";
import { judge } from "./budget.mjs";
import { Ward } from "./pages.mjs";
import { daysAgo, imagingStudy, put, report, series } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const RADIOLOGY = "rita;Rita Moss";
const RADIOLOGY_REPORT = [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/v2-0074", code: "RAD" }] }];
const IMAGING_ORDER = { status: "active", intent: "order", category: [{ coding: [{ system: "http://snomed.info/sct", code: "363679005" }] }], subject: { reference: `Patient/${PATIENT}` }, requester: { display: "Alice Chen" } };
const FILTERED_WITHIN_MS = 200;
const SYNTHEA = join(ROOT, "../shared/data/synthea");

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("imaging");
  ({ server, alice, bob } = ward);
  await server.command(ROOM, [
    study("chest", { description: "Chest X-ray", started: daysAgo(40), reasonCode: [{ text: "Cough for three weeks" }], identifier: [{ type: { coding: [{ code: "ACSN" }] }, value: "A-1977" }], contained: [{ resourceType: "Endpoint", id: "archive", status: "active", name: "Archive", address: "https://pacs.example/chest" }], endpoint: [{ reference: "#archive" }], series: [series("DX", "51185008", "Thoracic structure", ["Posteroanterior", "Lateral"])] }),
    study("wrist", { description: "X-ray of left wrist", started: daysAgo(400), series: [series("CR", "8205005", "Wrist", ["Front"])] }),
    study("belly", { description: "Ultrasound of abdomen and pelvis", started: daysAgo(120), series: [series("US", "113345001", "Abdomen", []), series("US", "12921003", "Pelvis", [])] }),
    study("spine", { description: "MRI of lumbar spine", started: daysAgo(800), modality: [{ code: "MR" }], series: [series("MR", "122496007", "Lumbar spine", Array.from({ length: 24 }, (_, slice) => `Slice ${slice + 1}`))] }),
    report(PATIENT, "wrist-report", "X-ray of left wrist", { category: RADIOLOGY_REPORT, imagingStudy: [{ reference: "ImagingStudy/wrist" }], effectiveDateTime: daysAgo(399), conclusion: "No fracture.", resultsInterpreter: [{ display: "Rita Moss" }] }),
    put("ServiceRequest", "ct-head", { ...IMAGING_ORDER, code: { text: "Computed tomography of head" }, priority: "urgent", reasonCode: [{ text: "Fall with headache" }], authoredOn: daysAgo(1) }),
  ], RADIOLOGY);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

function study(id, elements) {
  return imagingStudy(PATIENT, id, elements);
}

async function imaging(window, patient = PATIENT) {
  await window.page.goto(`${server.http}/patients/${patient}/imaging?as=${window.person}`);
  await window.page.getByRole("region", { name: "Studies", exact: true }).waitFor();
}

function card({ page }, name) {
  return page.getByRole("article", { name, exact: true });
}

function regions({ page }) {
  return page.getByRole("group", { name: "Region of the body" });
}

test("studies stand by region of the body, with their series and what they answer", async () => {
  for (const window of [alice, bob]) await imaging(window);
  await card(alice, "Chest X-ray").filter({ hasText: "Digital radiography · 1 series, 2 images" }).filter({ hasText: "For Cough for three weeks" }).filter({ hasText: "No report yet" }).waitFor();
  await card(alice, "X-ray of left wrist").filter({ hasText: "Final report" }).filter({ hasText: "No fracture." }).waitFor();
  await card(alice, "Ultrasound of abdomen and pelvis").filter({ hasText: "2 series, no images listed" }).waitFor();
  await card(alice, "Chest X-ray").getByRole("button", { name: "Chest X-ray", exact: true }).press("Enter");
  await card(alice, "Chest X-ray").filter({ hasText: "A-1977" }).getByRole("row", { name: /Thoracic structure 2 images ?Posteroanterior, Lateral/ }).waitFor();
  const link = card(alice, "Chest X-ray").getByRole("link", { name: "Open the images of Chest X-ray at Archive, in a new window" });
  assert.equal(await link.getAttribute("href"), "https://pacs.example/chest");
  await alice.screenshot("i1-gallery");
  await bob.colleague("Alice Chen, in Imaging").waitFor();
});

test("a study becomes available at both, is marked, and no card moves", async () => {
  const names = () => bob.page.getByRole("article").evaluateAll((cards) => cards.map((card) => card.getAttribute("aria-label")));
  const before = await names();
  await server.command(ROOM, study("chest-ct", { status: "registered", description: "CT of chest", started: daysAgo(0), modality: [{ code: "CT" }] }), RADIOLOGY);
  for (const window of [alice, bob]) await card(window, "CT of chest").filter({ hasText: "Registered, no images yet" }).filter({ hasText: "No series recorded" }).filter({ hasText: "New" }).waitFor();
  assert.deepEqual((await names()).filter((name) => name !== "CT of chest"), before);
  await server.command(ROOM, { kind: "patch", resourceType: "ImagingStudy", id: "chest-ct", elements: { status: "available" } }, RADIOLOGY);
  for (const window of [alice, bob]) await card(window, "CT of chest").filter({ hasText: "Available" }).waitFor();
});

test("a study without series says so", async () => {
  await card(bob, "CT of chest").getByRole("button", { name: "CT of chest", exact: true }).press("Enter");
  await card(bob, "CT of chest").getByText("The record of this study lists no series.").waitFor();
});

test("an order stands as not done until a study comes of it", async () => {
  const waiting = (window) => window.entry("Ordered, not done yet", "Computed tomography of head");
  for (const window of [alice, bob]) await waiting(window).filter({ hasText: "Fall with headache" }).waitFor();
  await bob.screenshot("i2-ordered");
  await server.command(ROOM, study("head", { description: "CT of head", started: daysAgo(0), basedOn: [{ reference: "ServiceRequest/ct-head" }], series: [series("CT", "69536005", "Head", ["Axial", "Axial"])] }), RADIOLOGY);
  for (const window of [alice, bob]) {
    await waiting(window).waitFor({ state: "detached" });
    await card(window, "CT of head").filter({ hasText: "1 series, 2 images" }).waitFor();
  }
});

test("a preliminary report that is written at one becomes final at both", async () => {
  await card(alice, "CT of head").getByRole("button", { name: "CT of head", exact: true }).press("Enter");
  await card(alice, "CT of head").getByRole("button", { name: "Write report of CT of head" }).press("Enter");
  const dialog = alice.page.getByRole("dialog", { name: "Add imaging report" });
  await dialog.getByRole("button", { name: "Save preliminary" }).click();
  await dialog.getByText("Say what the images show.").waitFor();
  await dialog.getByRole("textbox", { name: "Conclusion" }).fill("No bleeding. No fracture of the skull.");
  await alice.screenshot("i3-writing");
  await dialog.getByRole("button", { name: "Save preliminary" }).click();
  await dialog.waitFor({ state: "detached" });
  await card(bob, "CT of head").filter({ hasText: "Preliminary report" }).filter({ hasText: "No bleeding." }).filter({ hasText: "New" }).waitFor();
  await alice.panel("Reports").getByRole("button", { name: "Finalise CT of head" }).click();
  for (const window of [alice, bob]) {
    await card(window, "CT of head").filter({ hasText: "Final report" }).waitFor();
    await window.entry("Reports", "CT of head").filter({ hasText: "Final" }).waitFor();
  }
  await bob.entry("Reports", "CT of head").filter({ hasText: "Alice Chen" }).waitFor();
  assert.equal(await card(alice, "CT of head").getByText("New", { exact: true }).count(), 1, "one's own report is silent, the study of another is not");
  const events = await server.json(`/rooms/${ROOM}/events?after=0`);
  const names = events.events.map(({ event }) => event);
  for (const name of ["IMAGING_STUDY_AVAILABLE", "IMAGING_REPORT_READY"]) assert.ok(names.includes(name), `${name} was told`);
});

test("an amendment has its reason, and a colleague's words are kept in sight meanwhile", async () => {
  await bob.panel("Reports").getByRole("button", { name: "Amend CT of head" }).click();
  const dialog = bob.page.getByRole("dialog", { name: "Edit imaging report" });
  await dialog.getByText("Say why the report is amended.").waitFor();
  await dialog.getByRole("textbox", { name: "Conclusion" }).fill("No bleeding. Fracture of the left orbit.");
  await server.command(ROOM, { kind: "patch", resourceType: "DiagnosticReport", id: await reportId("CT of head"), elements: { conclusion: "Small subdural haematoma." } }, RADIOLOGY);
  await dialog.getByRole("note").filter({ hasText: "Rita Moss changed this to “Small subdural haematoma.” meanwhile." }).waitFor();
  await bob.screenshot("i4-amending");
  await dialog.getByRole("textbox", { name: "Conclusion" }).fill("Small subdural haematoma. Fracture of the left orbit.");
  await dialog.getByRole("textbox", { name: "Reason for the amendment" }).fill("Second reading");
  await dialog.getByRole("button", { name: "Save amendment" }).click();
  for (const window of [alice, bob]) await window.entry("Reports", "CT of head").filter({ hasText: "Amended: Second reading – Bob Diaz" }).waitFor();
});

async function reportId(name) {
  const { resources } = await server.document(ROOM);
  return Object.values(resources.DiagnosticReport).find(({ code }) => code.text === name).id;
}

test("the map of the body shows one region's studies, by keyboard alone", async () => {
  await regions(bob).getByRole("button", { name: "Head, 1 study" }).focus();
  await bob.page.keyboard.press("Tab");
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("status", { name: "Studies shown" }).filter({ hasText: "2 studies of the chest, of 6" }).waitFor();
  await card(bob, "X-ray of left wrist").waitFor({ state: "detached" });
  assert.ok(await regions(bob).getByRole("button", { name: "Neck, 0 studies" }).isDisabled());
  await bob.screenshot("i5-chest-alone");
  await bob.page.keyboard.press("Enter");
  await card(bob, "X-ray of left wrist").waitFor();
});

test("whoever only reads is offered nothing to write", async () => {
  await alice.page.goto(`${server.http}/patients/${PATIENT}/imaging?as=charlie`);
  await card(alice, "CT of head").getByRole("button", { name: "CT of head", exact: true }).press("Enter");
  await card(alice, "CT of head").getByRole("article", { name: "Report: CT of head" }).waitFor();
  assert.equal(await alice.page.getByRole("main").getByRole("button", { name: /^(Add|Write|Edit|Amend|Finalise|Cancel) / }).count(), 0);
});

test("light and dark, on a desk and on a tablet", async () => {
  await bob.page.getByRole("radio", { name: "By region" }).press("ArrowRight");
  await bob.page.getByRole("table", { name: "Studies" }).getByRole("button", { name: "MRI of lumbar spine" }).press("Enter");
  await bob.screenshot("i6-list");
  await bob.page.getByRole("radio", { name: "By date" }).press("ArrowLeft");
  await bob.page.getByRole("button", { name: "Use dark colours" }).click();
  await bob.page.evaluate(() => window.scrollTo(0, 0));
  await bob.screenshot("i7-dark");
  await bob.panel("Reports").evaluate((section) => section.scrollIntoView());
  await bob.screenshot("i8-reports-dark");
  await bob.page.setViewportSize({ width: 820, height: 1180 });
  await bob.page.evaluate(() => window.scrollTo(0, 0));
  await bob.screenshot("i9-tablet-dark");
  await bob.page.getByRole("button", { name: "Use light colours" }).click();
  await bob.screenshot("i10-tablet");
  const wider = await bob.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, "nothing is wider than the page");
});

test("hundreds of studies are filtered within a moment", async () => {
  const sites = [["51185008", "Chest"], ["8205005", "Wrist"], ["69536005", "Head"], ["344001", "Ankle"]];
  const many = Array.from({ length: 600 }, (_, index) => imagingStudy("casimir-doyle", `many-${index}`, { description: `Study ${index}`, started: daysAgo(index), series: [series("DX", ...sites[index % 4], ["Front"])] }));
  for (let start = 0; start < many.length; start += 200) await server.command("patient:casimir-doyle", many.slice(start, start + 200), RADIOLOGY);
  await imaging(bob, "casimir-doyle");
  await regions(bob).getByRole("button", { name: "Chest, 150 studies" }).waitFor();
  await card(bob, "Study 1").waitFor();
  const took = await bob.page.evaluate(async () => {
    const began = performance.now();
    document.querySelector('[aria-label="Chest, 150 studies"]').click();
    while (document.querySelector('[data-study="many-1"]')) await new Promise(requestAnimationFrame);
    return performance.now() - began;
  });
  judge("one region of 600 studies alone", took, FILTERED_WITHIN_MS);
});

test("a real chart's studies are all there", async (context) => {
  if (!existsSync(SYNTHEA)) return context.skip("no folder ../shared/data/synthea");
  const file = readdirSync(SYNTHEA).find((name) => name.startsWith("Fletcher_Hyatt"));
  chartroom(["import", "--server", server.http, join(SYNTHEA, file)]);
  const { entry } = JSON.parse(gunzipSync(readFileSync(join(SYNTHEA, file))));
  await imaging(alice, entry.find(({ resource }) => resource.resourceType === "Patient").resource.id);
  await alice.page.getByRole("status", { name: "Studies shown" }).filter({ hasText: /^5 studies$/ }).waitFor();
  assert.equal(await alice.page.locator("[data-study]").count(), 5);
  await alice.screenshot("i11-synthea");
});
