// axe-core over every surface of the workspace, light and dark, on a desk and on a tablet; and what
// axe cannot see: headings, landmarks, the way past the bar, large print, forced colours, less motion.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { checked } from "./axe.mjs";
import { Ward } from "./pages.mjs";
import { allergy, daysAgo, draft, flag, heartRate, hemoglobin, imagingStudy, note, potassium, prescription, put, raised, report, series } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const DESK = { width: 1440, height: 900 };
const TABLET = { width: 820, height: 1180 };

let ward, server, alice, page;
const ran = { rules: new Set(), surfaces: 0, findings: 0 };

before(async () => {
  ward = await Ward.open("accessibility");
  ({ server, alice } = ward);
  ({ page } = alice);
  await server.command(ROOM, [
    allergy(PATIENT, "latex", "Latex", { criticality: "high", note: [{ text: "Gloves in the operating theatre, and the cuff of the blood pressure machine; both were changed." }] }),
    prescription(PATIENT, "heparin", "Heparin 5000 units", { priority: "stat" }),
    prescription(PATIENT, "ibuprofen", "Ibuprofen 400 mg"),
    draft(PATIENT, "draft", "Paracetamol 1 g"),
    flag(PATIENT, "falls", "Fall risk"),
    report(PATIENT, "report", "Basic metabolic panel", { effectiveDateTime: daysAgo(1), conclusion: "No acute change.", results: ["k-1"] }),
    imagingStudy(PATIENT, "chest", { description: "Chest X-ray", started: daysAgo(40), series: [series("DX", "51185008", "Thoracic structure", ["Posteroanterior", "Lateral"])] }),
    imagingStudy(PATIENT, "wrist", { description: "X-ray of left wrist", started: daysAgo(400), status: "registered" }),
    report(PATIENT, "wrist-report", "X-ray of left wrist", { category: [{ coding: [{ code: "RAD" }] }], imagingStudy: [{ reference: "ImagingStudy/wrist" }], effectiveDateTime: daysAgo(399), conclusion: "No fracture." }),
    ...[3, 2, 1].flatMap((days) => [potassium(PATIENT, `k-${days}`, 5 + days / 10, daysAgo(days)), hemoglobin(PATIENT, `hb-${days}`, 8 + days, daysAgo(days)), heartRate(PATIENT, `hr-${days}`, 70 + days, daysAgo(days))]),
  ]);
  await server.command("pharmacy:queue", { kind: "verify", room: ROOM, prescription: "heparin" });
});

after(async () => {
  await ward?.close();
  console.log(`axe: ${ran.rules.size} rules over ${ran.surfaces} views, ${ran.findings} findings`);
});

afterEach(() => ward.faultless());

/** Asserts that axe finds nothing on what is shown now, however slight, in every scheme and size. */
async function sound(name) {
  for (const [size, viewport] of Object.entries({ desk: DESK, tablet: TABLET })) {
    await page.setViewportSize(viewport);
    for (const scheme of ["light", "dark"]) {
      await alice.colours(scheme);
      const { rules, findings } = await checked(page);
      for (const rule of rules) ran.rules.add(rule);
      ran.surfaces += 1;
      ran.findings += findings.length;
      assert.deepEqual(findings, [], `${name}, ${size}, ${scheme}`);
    }
  }
  await page.setViewportSize(DESK);
  await alice.colours("light");
}

async function open(path) {
  await page.goto(`${server.http}${path}?as=alice`);
}

function dialog(name) {
  return page.getByRole("dialog", { name });
}

/** Checks a dialog, as opened by a button, and closes it. */
async function dialogOf(button, name) {
  await button.click();
  await dialog(name).waitFor();
  await sound(`dialog ${name}`);
  await page.keyboard.press("Escape");
  await dialog(name).waitFor({ state: "detached" });
}

test("the sign-in", async () => {
  await page.goto(server.http);
  await page.getByRole("heading", { name: "Who is at this screen?" }).waitFor();
  await sound("sign-in");
});

test("the patient list, and a search that finds nobody", async () => {
  await alice.patients();
  await page.getByRole("table", { name: "Patients", exact: true }).waitFor();
  await sound("patient list");
  await page.getByRole("searchbox", { name: "Search patients" }).fill("nobody of this name");
  await page.getByText("Nobody matches").waitFor();
  await sound("empty search");
});

test("the menu of the person", async () => {
  await page.getByRole("button", { name: "Signed in as Alice Chen" }).click();
  await page.getByRole("menu").waitFor();
  await sound("person menu");
  await page.keyboard.press("Escape");
});

test("the list of shortcuts", async () => {
  await dialogOf(page.getByRole("button", { name: "Keyboard shortcuts" }), "Keyboard shortcuts");
});

test("chart review and its dialogs", async () => {
  await alice.chart(PATIENT);
  await alice.entry("Allergies", /Latex/).waitFor();
  await sound("chart review");
  await dialogOf(page.getByRole("button", { name: "Add allergy" }), "Add allergy");
  await dialogOf(page.getByRole("button", { name: "Edit Latex" }), "Edit allergy");
  await dialogOf(page.getByRole("button", { name: "Add problem" }), "Add problem");
  await page.getByRole("button", { name: "Add allergy" }).click();
  await dialog("Add allergy").getByRole("button", { name: "Add allergy" }).click();
  await sound("a form with a reason beside the field");
  await page.keyboard.press("Escape");
});

test("what a colleague does: presence, a change, a removal", async () => {
  await ward.bob.chart(PATIENT);
  await ward.bob.panel("Allergies").getByRole("button", { name: "Edit Latex" }).click();
  await page.getByRole("img", { name: /Bob Diaz/ }).first().waitFor();
  await sound("presence");
  await ward.bob.page.keyboard.press("Escape");
  await ward.bob.editAllergy("Latex", (form) => form.getByLabel("Reaction").fill("Hives"));
  await alice.entry("Allergies", /Latex/).filter({ hasText: "Bob Diaz" }).waitFor();
  await alice.removeAllergy("Latex");
  const undo = page.getByRole("button", { name: "Undo" });
  // It goes by itself, but not while it has the focus.
  await undo.focus();
  await sound("a notice with an undo");
  await undo.click();
  await ward.bob.patients();
});

test("orders and their dialogs", async () => {
  await alice.tab("Orders");
  await alice.entry("Medication orders", /Paracetamol/).waitFor();
  await sound("orders");
  await dialogOf(page.getByRole("button", { name: "Add medication order" }), "Add medication order");
  await dialogOf(page.getByRole("button", { name: "Add imaging order" }), "Add imaging order");
  await dialogOf(page.getByRole("button", { name: "Cancel Ibuprofen 400 mg" }), /^Cancel order/);
  await page.getByRole("button", { name: "Hold Ibuprofen 400 mg" }).click();
  await dialog(/^Hold order/).getByRole("button", { name: "Hold order" }).click();
  await sound("an order is held without a reason");
  await dialog(/^Hold order/).getByRole("button", { name: "Nil by mouth" }).click();
  await dialog(/^Hold order/).getByRole("button", { name: "Hold order" }).click();
  await alice.entry("Medication orders", /Ibuprofen/).filter({ hasText: "On hold" }).waitFor();
  await sound("an order on hold");
});

test("a set of orders, with warnings", async () => {
  await page.getByRole("button", { name: "Order set" }).click();
  await dialog("Order set").getByRole("combobox", { name: "Set" }).selectOption("Post-operative pain");
  await dialog("Order set").getByText(/^Ordered already/).first().waitFor();
  await dialog("Order set").getByRole("button", { name: /^Sign \d/ }).click();
  await sound("order set");
  await page.keyboard.press("Escape");
});

test("results, with everything open", async () => {
  await alice.tab("Results");
  await page.getByRole("button", { name: "Potassium", exact: true }).press("Enter");
  await page.getByRole("button", { name: "Basic metabolic panel" }).press("Enter");
  await page.getByRole("figure", { name: /^Potassium/ }).waitFor();
  await sound("results");
});

test("imaging: the body's regions, a study, its report", async () => {
  await alice.tab("Imaging");
  await page.getByRole("button", { name: "X-ray of left wrist", exact: true }).click();
  await page.getByRole("button", { name: "Chest X-ray", exact: true }).click();
  await page.getByRole("table", { name: "Series of Chest X-ray" }).waitFor();
  await sound("imaging");
  await page.getByRole("button", { name: "Chest, 1 study" }).click();
  await page.getByRole("status", { name: "Studies shown" }).filter({ hasText: "1 study of the chest" }).waitFor();
  await sound("imaging of one region");
  await dialogOf(page.getByRole("button", { name: "Write report of Chest X-ray" }), "Add imaging report");
  await dialogOf(page.getByRole("button", { name: /^Amend/ }).first(), "Edit imaging report");
  await page.getByRole("radio", { name: "By region" }).press("ArrowRight");
  await page.getByRole("table", { name: "Studies" }).waitFor();
  await sound("imaging by date");
});

test("documentation: notes, the editor with a colleague in it, a signature, an amendment, a document", async () => {
  await server.command(ROOM, note(PATIENT, "round", "Ward round"));
  await alice.tab("Documentation");
  await sound("notes");
  await page.getByRole("button", { name: "New note" }).click();
  await page.getByRole("menu").waitFor();
  await sound("kinds of note");
  await page.getByRole("menuitem", { name: "Progress note" }).click();
  await dialog("Add note").waitFor();
  await sound("a new note");
  await page.keyboard.press("Escape");
  for (const window of [alice, ward.bob]) {
    await window.page.goto(`${server.http}/patients/${PATIENT}/notes?as=${window.person}`);
    await window.page.locator('[data-value="DocumentReference/round"] > div').click();
    await window.page.getByRole("textbox", { name: "Text of Ward round" }).click();
  }
  await page.keyboard.type("Walks with a frame.");
  await page.locator(".cr-caret-name", { hasText: "Bob Diaz" }).waitFor();
  await sound("a note that two people write");
  const article = page.getByRole("article", { name: "Ward round", exact: true });
  await article.getByRole("button", { name: "Sign" }).click();
  await article.getByText(/^Signed by/).waitFor();
  await sound("a signed note");
  await article.getByRole("button", { name: "Amend" }).click();
  const amend = dialog("Amend the signed note");
  await amend.getByRole("textbox", { name: "Text" }).fill("Walks without help.");
  await amend.getByRole("button", { name: "Amend" }).click();
  await amend.getByText("Say why").waitFor();
  await sound("an amendment without a reason");
  await amend.getByRole("textbox", { name: "Reason" }).fill("Another patient's frame");
  await amend.getByRole("button", { name: "Amend" }).click();
  await article.getByRole("button", { name: "Earlier versions" }).click();
  await article.getByRole("article", { name: "As signed by Alice Chen" }).waitFor();
  await sound("an amended note");
  await page.getByRole("button", { name: "Upload" }).click();
  await dialog("Upload a document").locator("input[type=file]").setInputFiles({ name: "tool.exe", mimeType: "application/x-msdownload", buffer: Buffer.from("MZ") });
  await dialog("Upload a document").getByText("tool.exe is of another type.").waitFor();
  await sound("a document of another type");
  await page.keyboard.press("Escape");
  await ward.bob.patients();
});

test("timeline, whole and of one day", async () => {
  await alice.tab("Timeline");
  await page.locator("[data-event]").first().waitFor();
  await sound("timeline");
  await page.getByText("Day", { exact: true }).click();
  await page.getByRole("switch", { name: "Group by encounter" }).click();
  await sound("timeline of a day");
});

test("the summary", async () => {
  await alice.tab("Summary");
  await page.getByRole("button", { name: "Print" }).waitFor();
  await sound("summary");
});

test("the chart as it was, and what was changed later", async () => {
  await alice.tab("Chart review");
  await page.getByRole("link", { name: "As it was" }).click();
  const past = page.getByRole("region", { name: "The chart as it was" });
  await past.getByRole("slider", { name: "Moment", disabled: false }).press("ArrowLeft");
  const later = past.getByRole("button", { name: /changed later$/ });
  await later.waitFor();
  await sound("the past");
  await later.click();
  await dialog("Changed later").waitFor();
  await sound("what was changed later");
  await page.keyboard.press("Escape");
  await past.getByRole("button", { name: "Back to now" }).click();
});

test("what changed since somebody last looked, and notices of what colleagues do", async () => {
  await alice.saveState("Saved");
  await alice.patients();
  await server.command(ROOM, prescription(PATIENT, "morphine", "Morphine 10 mg"), "bob;Bob Diaz");
  await alice.chart(PATIENT);
  const look = page.getByRole("region", { name: "Since you last looked" });
  await look.getByRole("button", { name: "Show the entries" }).click();
  await server.command(ROOM, [flag(PATIENT, "isolation", "Isolation"), potassium(PATIENT, "k-new", 5.4)], "bob;Bob Diaz");
  await page.getByRole("region", { name: "Notices" }).getByRole("group").first().waitFor();
  await sound("since you last looked, and notices");
  await look.getByRole("button", { name: "Seen" }).click();
});

test("activity", async () => {
  await alice.tab("Activity");
  await page.getByRole("list", { name: "Activity" }).waitFor();
  await sound("activity");
});

test("a conflict", async () => {
  await ward.dispute("AllergyIntolerance/latex", [
    ["alice;Alice Chen", { criticality: "low" }],
    ["bob;Bob Diaz", { criticality: "unable-to-assess" }],
  ]);
  await alice.tab("Chart review");
  await page.getByRole("group", { name: /Conflict in Latex/ }).first().waitFor();
  await sound("conflict");
  await page.getByRole("button", { name: "1 conflict" }).click();
  await dialog("1 conflict to settle").waitFor();
  await sound("list of conflicts");
  await dialog("1 conflict to settle").getByRole("button", { name: /^Write another value/ }).click();
  await dialog("Edit allergy").waitFor();
  await sound("another value for what is in dispute");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
});

test("the pharmacy queue, and the dispense dialog", async () => {
  await open("/pharmacy");
  const card = page.locator("[data-entry]").filter({ hasText: "Heparin" });
  await card.filter({ hasText: "Blocked by an unresolved conflict" }).waitFor();
  await sound("pharmacy, blocked");
  await server.command(ROOM, allergy(PATIENT, "latex", "Latex", { criticality: "high" }));
  await card.getByRole("button", { name: /^Quantity or note/ }).click();
  await dialog("Dispense").waitFor();
  await sound("dispense");
  await page.keyboard.press("Escape");
  await card.getByRole("button", { name: /^Dispense/ }).click();
  await card.getByText("Now in Ready").waitFor();
  await sound("pharmacy, with a card that moved");
});

test("alerts: the bar, the drawer, the raising of one", async () => {
  for (const [kind, text] of [["alert", "Corridor B is flooded"], ["announcement", "Coffee at ten"]]) await server.command("facility:alerts", raised(kind, text), "bob;Bob Diaz");
  await alice.alerts.getByText("Corridor B is flooded").waitFor();
  await sound("alerts bar");
  await alice.alerts.getByRole("button", { name: "2 alerts" }).click();
  await dialog("Alerts for everybody").getByRole("article").first().waitFor();
  await sound("alerts drawer");
  await dialog("Alerts for everybody").getByRole("button", { name: "Raise an alert" }).click();
  await dialog("Raise an alert").waitFor();
  await sound("raise an alert");
});

test("an emergency interrupts", async () => {
  await open("/");
  await server.command("facility:alerts", raised("emergency", "Cardiac arrest, ward 3"), "bob;Bob Diaz");
  await dialog("Emergency").waitFor();
  await sound("emergency");
  await dialog("Emergency").getByRole("button", { name: "Acknowledge" }).click();
});

test("a critical value, on the list and in the chart", async () => {
  await server.command(ROOM, potassium(PATIENT, "k-critical", 7.2));
  await dialog("Critical value").waitFor();
  await sound("critical value on the list");
  await open(`/patients/${PATIENT}/results`);
  // The list's dialog, which the chart's takes the place of, has a shorter one.
  const acknowledge = dialog("Critical value").getByRole("button", { name: /^Acknowledge: / });
  await acknowledge.waitFor();
  await sound("critical value in the chart");
  await acknowledge.click();
  await page.getByRole("region", { name: "Critical values" }).filter({ hasText: "Acknowledged by Alice Chen" }).waitFor();
  await sound("critical values of the chart");
});

test("pages that are not there", async () => {
  await open("/patients/nobody");
  await page.getByRole("heading", { name: "There is no such patient" }).waitFor();
  await sound("missing patient");
  await open("/nowhere");
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
  await sound("missing page");
});

test("without the server", async () => {
  await alice.chart(PATIENT);
  await server.end();
  await alice.connection("Offline").waitFor();
  await alice.removeAllergy("Latex");
  await alice.connection(/1 edit waits/).waitFor();
  await sound("offline");
  await server.start();
  await alice.saveState("Saved");
});
