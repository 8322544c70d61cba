// The workspace by keyboard alone: no pointer moves in this file. After every step the focus is on
// something that is in sight, is marked, and is not the page as a whole.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/server.mjs";
import { Ward } from "./pages.mjs";
import { allergy, imagingStudy, potassium, prescription, raised, series } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const PAGES = ["Chart review", "Orders", "Results", "Imaging", "Documentation", "Timeline", "Activity", "Summary"];
/** More stops than any page has. */
const STOPS_MAX = 150;

let ward, server, alice, page;

before(async () => {
  ward = await Ward.open("keyboard");
  ({ server, alice } = ward);
  ({ page } = alice);
  await server.command(ROOM, [
    imagingStudy(PATIENT, "chest", { description: "Chest X-ray", started: "2026-03-02T09:00:00Z", series: [series("DX", "51185008", "Thoracic structure", ["Posteroanterior"])] }),
    imagingStudy(PATIENT, "wrist", { description: "X-ray of left wrist", started: "2025-08-11T15:00:00Z", series: [series("CR", "8205005", "Wrist", ["Front"])] }),
  ]);
  await alice.patients();
});

after(() => ward?.close());

afterEach(async () => {
  await focused();
  ward.faultless();
});

/** Where the focus is, once it is where a person can see it. */
function focused() {
  return settled("the focus is in sight", ({ fault, name }) => !fault && name);
}

/** Waits until the focus stands so, and else says how it does. */
function settled(what, level) {
  let place;
  return until(what, async () => level((place = await page.evaluate(standing))), { within: 5_000, standing: () => JSON.stringify(place) });
}

/** Runs in the page: the focused element's name, and what is wrong with it as the place of the focus. */
function standing() {
  const element = document.activeElement;
  const name = (element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent).trim().slice(0, 80);
  if (element === document.body) return { fault: "the focus is lost", name };
  // A link whose row is its target marks the row, an editor its frame, an item of a tree its own line.
  const marks = [[element], [element, "::after"], [element.closest(".cm-editor")], [element.matches("[role='treeitem']") && element.firstElementChild]];
  const isMarked = marks.filter(([mark]) => mark).map(([mark, part]) => getComputedStyle(mark, part)).some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) > 0);
  const isText = element.matches("h1, main, [role='dialog'], [tabindex='-1']");
  if (!isMarked && !isText) return { fault: "nothing marks the focus", name };
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + Math.min(height / 2, 40)];
  const above = document.elementFromPoint(x, y);
  if (!above) return { fault: "the focus is out of sight", name };
  // A checkbox that is drawn by its label lies beneath it.
  const isCovered = !element.contains(above) && !above.contains(element) && ![...(element.labels ?? [])].some((label) => label.contains(above));
  return isCovered ? { fault: `the focus is covered by ${above.className}`, name } : { name };
}

/** Presses a key and answers where the focus is then. */
async function press(key) {
  await page.keyboard.press(key);
  return focused();
}

/** Goes by Tab, onwards or back as the page is written, until the focus is on that control. */
async function tabTo(locator) {
  await locator.and(page.locator(":not(:disabled)")).waitFor({ state: "attached" });
  const wanted = await locator.elementHandle();
  const back = await wanted.evaluate((element) => (document.activeElement.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING) !== 0);
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await press(back ? "Shift+Tab" : "Tab");
  }
  assert.fail(`${locator} is not reached by Tab`);
}

async function activate(locator, key = "Enter") {
  await tabTo(locator);
  await page.keyboard.press(key);
}

/** Goes to another page of the chart by its tab. */
async function turnTo(name) {
  await tabTo(page.getByRole("tab", { selected: true }));
  while ((await page.getByRole("tab", { name, selected: true }).count()) === 0) await press("ArrowRight");
  await alice.opened();
}

function button(name, within = page) {
  return within.getByRole("button", { name, exact: typeof name === "string" });
}

/** Waits until the focus is on a control with such a name. */
function focusIs(name) {
  return settled(`the focus is on ${name}`, (place) => !place.fault && name.test(place.name));
}

/** Waits until the focus is on a control of what is around it. */
function focusIn(locator) {
  return until(`the focus is in ${locator}`, () => locator.evaluate((element) => element !== document.activeElement && element.contains(document.activeElement)), { within: 5_000 });
}

function dialog(name) {
  return page.getByRole("dialog", { name });
}

test("a patient is found by typing, and Enter opens the chart at its heading", async () => {
  await focusIs(/Search patients/);
  await page.keyboard.type("oyelaran");
  await page.getByRole("status").filter({ hasText: "1 patient found" }).waitFor();
  assert.match(await press("ArrowDown"), /Oyelaran/);
  await press("ArrowUp");
  await page.keyboard.press("Enter");
  await alice.panel("Allergies").waitFor();
  await focusIs(/Oyelaran/);
});

test("the first stop of a page goes past the bar to its content", async () => {
  await page.reload();
  await alice.panel("Allergies").waitFor();
  await page.keyboard.press("Tab");
  await focusIs(/Skip to the content/);
  await page.keyboard.press("Enter");
  assert.ok(await page.evaluate(() => document.activeElement.tagName === "MAIN"));
});

test("the question mark lists the shortcuts, and Escape goes back", async () => {
  const before = await focused();
  await page.keyboard.press("Shift+?");
  await dialog("Keyboard shortcuts").waitFor();
  await focused();
  await page.keyboard.press("Escape");
  await dialog("Keyboard shortcuts").waitFor({ state: "detached" });
  assert.equal(await focused(), before);
});

test("tabs go by arrow keys, and Tab goes into the page", async () => {
  await tabTo(page.getByRole("tab", { name: "Chart review" }));
  for (const name of PAGES.slice(1)) {
    assert.match(await press("ArrowRight"), new RegExp(`^${name}`));
    await page.getByRole("tab", { name, selected: true }).waitFor();
  }
  assert.match(await press("ArrowRight"), /^Chart review/);
  await page.getByRole("tab", { name: "Chart review", selected: true }).waitFor();
  await alice.panel("Allergies").waitFor();
});

test("every stop of every page of the chart is in sight, forwards and backwards", async () => {
  for (const name of PAGES) {
    await turnTo(name);
    const there = [];
    while (!(await isAtTheEnd())) there.push(await press("Tab"));
    const back = [];
    while (!/^Skip to the content/.test(back.at(-1))) back.push(await press("Shift+Tab"));
    console.log(`${name}: ${there.length} stops from its tab on, ${back.length} back to the top`);
    assert.ok(there.length > 0 && back.length > there.length && back.length < STOPS_MAX);
  }
  await turnTo("Chart review");
});

/** Whether no control comes behind the one that has the focus. */
function isAtTheEnd() {
  return page.evaluate(() => {
    const controls = [...document.querySelectorAll("main :is(a[href], button, input:not([type='radio']:not(:checked)), select, [tabindex='0']):not(:disabled, [tabindex='-1'])")];
    return document.activeElement === controls.filter((one) => one.checkVisibility({ visibilityProperty: true })).at(-1);
  });
}

test("an allergy is added, edited and removed", async () => {
  const add = button("Add allergy", alice.panel("Allergies"));
  await activate(add);
  await focusIs(/Substance/);
  await page.keyboard.type("Codeine");
  const form = dialog("Add allergy");
  await tabTo(form.getByLabel("Criticality"));
  await page.keyboard.type("High");
  await tabTo(form.getByLabel("Food"));
  await press("Space");
  await activate(button("Add allergy", form));
  await form.waitFor({ state: "detached" });
  await focusIs(/Add allergy/);
  await alice.entry("Allergies", /Codeine/).filter({ hasText: "High criticality" }).waitFor();

  await activate(button("Edit Codeine"));
  await tabTo(dialog("Edit allergy").getByLabel("Reaction"));
  await page.keyboard.type("Vomiting");
  await page.keyboard.press("Enter");
  await dialog("Edit allergy").waitFor({ state: "detached" });
  await focusIs(/Edit Codeine/);
  await alice.entry("Allergies", /Codeine/).filter({ hasText: "Vomiting" }).waitFor();

  await activate(button("Remove Codeine"), "Space");
  await alice.entry("Allergies", /Codeine/).waitFor({ state: "detached" });
  await focusIn(alice.panel("Allergies"));
});

test("a form that does not pass puts the focus on the field, and Escape leaves it", async () => {
  await activate(button("Add allergy", alice.panel("Allergies")));
  await activate(button("Add allergy", dialog("Add allergy")));
  await focusIs(/Substance/);
  await page.keyboard.press("Escape");
  await dialog("Add allergy").waitFor({ state: "detached" });
  await focusIs(/Add allergy/);
});

test("an order is drafted, signed and cancelled", async () => {
  await turnTo("Orders");
  await activate(button("Add medication order"));
  const form = dialog("Add medication order");
  await focusIs(/Drug/);
  await page.keyboard.type("Amoxicillin 250 MG Oral Capsule");
  await tabTo(form.getByRole("textbox", { name: "Dosage" }));
  await page.keyboard.type("One capsule three times a day");
  await activate(button("Save draft", form));
  await form.waitFor({ state: "detached" });
  await focusIs(/Add medication order/);
  await activate(button(/^Sign Amoxicillin/));
  await alice.entry("Medication orders", /Amoxicillin/).filter({ hasText: "Active" }).waitFor();
  await focused();
  await activate(button(/^Cancel Amoxicillin/));
  const why = dialog(/^Cancel order/);
  await activate(button("Patient declined", why));
  await activate(button("Cancel order", why));
  await why.waitFor({ state: "detached" });
  await alice.entry("Medication orders", /Amoxicillin/).waitFor({ state: "detached" });
});

test("a conflict is resolved", async () => {
  await turnTo("Chart review");
  await server.command(ROOM, allergy(PATIENT, "latex", "Latex", { criticality: "low" }));
  await ward.dispute("AllergyIntolerance/latex", [
    ["alice;Alice Chen", { criticality: "high" }],
    ["bob;Bob Diaz", { criticality: "unable-to-assess" }],
  ]);
  const conflict = page.getByRole("group", { name: /Conflict in Latex/ });
  await activate(button(/^Keep High/, conflict));
  await conflict.waitFor({ state: "detached" });
  await focusIn(alice.panel("Allergies"));
});

test("an order is held with a reason, and a set of orders is signed", async () => {
  await turnTo("Orders");
  await server.command(ROOM, prescription(PATIENT, "ibuprofen", "Ibuprofen 400 mg"));
  await activate(button("Hold Ibuprofen 400 mg"));
  const why = dialog(/^Hold order/);
  await activate(button("Nil by mouth", why));
  await activate(button("Hold order", why));
  await why.waitFor({ state: "detached" });
  await alice.entry("Medication orders", /Ibuprofen/).filter({ hasText: "On hold: Nil by mouth" }).waitFor();
  await focused();

  await activate(button("Order set"));
  const set = dialog("Order set");
  await focusIs(/Set/);
  await page.keyboard.type("Diabetic");
  await tabTo(set.getByRole("checkbox").first());
  await press("Space");
  await activate(button(/^Sign \d+ orders$/, set));
  await set.waitFor({ state: "detached" });
  await focusIs(/Order set/);
});

test("the body's regions show their studies, and a study opens to its report", async () => {
  await turnTo("Imaging");
  const regions = page.getByRole("group", { name: "Region of the body" });
  await activate(button("Chest, 1 study", regions));
  await page.getByRole("status", { name: "Studies shown" }).filter({ hasText: "1 study of the chest, of 2" }).waitFor();
  await focusIs(/Chest/);
  const study = page.getByRole("article", { name: "Chest X-ray", exact: true });
  await activate(button("Chest X-ray", study));
  await study.getByRole("table", { name: "Series of Chest X-ray" }).waitFor();
  await activate(button("Write report of Chest X-ray", study));
  const form = dialog("Add imaging report");
  await tabTo(form.getByRole("textbox", { name: "Conclusion" }));
  await page.keyboard.type("Clear lungs.");
  await activate(button("Save preliminary", form));
  await form.waitFor({ state: "detached" });
  await study.filter({ hasText: "Clear lungs." }).waitFor();
  await focused();
});

test("a note is written and signed", async () => {
  await turnTo("Documentation");
  await activate(button("New note"));
  await focusIs(/Progress note/);
  assert.match(await press("ArrowDown"), /Admission note/);
  await press("ArrowUp");
  await page.keyboard.press("Enter");
  const form = dialog("Add note");
  await tabTo(form.getByRole("textbox", { name: "Title" }));
  await page.keyboard.press("Control+a");
  await page.keyboard.type("Night round");
  await page.keyboard.press("Enter");
  await focusIs(/Text of Night round/);
  await page.keyboard.type(" Sleeps well.");
  const note = page.getByRole("article", { name: "Night round", exact: true });
  await activate(button("Sign", note));
  await note.getByText(/^Signed by Alice Chen/).waitFor();
  await focusIn(note);
});

test("a document is filed, and found in the tree", async () => {
  await activate(button("Upload"));
  const form = dialog("Upload a document");
  // The browser hears a moment later that it is not to open a chooser of its own.
  const choosing = page.waitForEvent("filechooser");
  await focusIn(form);
  await activate(form.getByLabel(/^File/).first());
  await (await choosing).setFiles({ name: "letter.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4 a letter") });
  await tabTo(form.getByRole("textbox", { name: "Title" }));
  await page.keyboard.type("Letter of the practice");
  await activate(button("File document", form));
  await page.getByRole("article", { name: "Letter of the practice" }).waitFor();
  await focusIs(/Upload/);
  await tabTo(page.getByRole("searchbox", { name: "Search notes" }));
  await page.keyboard.type("sleeps");
  await page.getByRole("status", { name: "Notes shown" }).filter({ hasText: /^1 of/ }).waitFor();
  await tabTo(page.getByRole("treeitem").first());
  await press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("article", { name: "Night round", exact: true }).waitFor();
});

test("the timeline is filtered and looked into, and an event leads to its entry", async () => {
  await turnTo("Timeline");
  const shown = page.getByRole("status").filter({ hasText: /events?, / });
  const all = await shown.innerText();
  await tabTo(page.getByRole("radio", { name: "All" }));
  assert.match(await press("ArrowRight"), /Year/);
  await activate(button("Earlier"));
  assert.notEqual(await shown.innerText(), all);
  await tabTo(page.getByRole("radio", { name: "Year" }));
  await press("ArrowLeft");
  await tabTo(page.getByRole("checkbox", { name: /^Imaging/ }));
  await press("Space");
  await page.locator('[data-event^="ImagingStudy/"]').first().waitFor({ state: "detached" });
  await activate(button("Show every kind"));
  await tabTo(page.getByRole("switch", { name: "Group by encounter" }));
  await press("Space");
  await press("Space");
  await tabTo(page.getByRole("searchbox", { name: "Find an event" }));
  await page.keyboard.type("wrist");
  await page.getByRole("status").filter({ hasText: /^1 event, / }).waitFor();
  await activate(page.getByRole("link", { name: "X-ray of left wrist" }).first());
  await page.getByRole("tab", { name: "Imaging", selected: true }).waitFor();
  await focusIs(/X-ray of left wrist/);
});

test("the past is entered, walked change by change, and left, and the focus is where it began", async () => {
  const past = alice.panel("The chart as it was");
  await activate(page.getByRole("link", { name: "As it was" }));
  await focusIs(/Back to now/);
  const slider = past.getByRole("slider", { name: "Moment" });
  const moment = () => slider.getAttribute("aria-valuetext");
  await until("all moments are there", async () => /Letter of the practice/.test(await moment()));
  await tabTo(slider);
  const latest = await moment();
  await press("ArrowLeft");
  const before = await moment();
  assert.notEqual(before, latest);
  await past.filter({ hasText: `as it was on ${before.split(" · ")[0]}` }).waitFor();
  await press("ArrowRight");
  assert.equal(await moment(), latest);
  await press("Home");
  await past.filter({ hasText: `as it was on ${(await moment()).split(" · ")[0]}` }).waitFor();
  await activate(button(/changed later/, past));
  await focusIn(dialog("Changed later"));
  await page.keyboard.press("Escape");
  await focusIs(/changed later/);
  await turnTo("Results");
  await activate(button("Back to now", past));
  await past.waitFor({ state: "detached" });
  await focusIs(/As it was/);
});

test("the summary is printed", async () => {
  await turnTo("Summary");
  await page.evaluate(() => (window.print = () => (window.isPrinted = true)));
  await activate(button("Print"));
  assert.ok(await page.evaluate(() => window.isPrinted));
});

test("a notice of what a colleague did leads to it", async () => {
  await server.command(ROOM, prescription(PATIENT, "morphine", "Morphine 10 mg"), "bob;Bob Diaz");
  await activate(button(/^Show what Bob Diaz did/));
  await page.getByRole("tab", { name: "Orders", selected: true }).waitFor();
  await focusIs(/Morphine/);
});

test("an alert is acknowledged from the bar, and ended from the drawer", async () => {
  await server.command("facility:alerts", raised("alert", "Corridor B is flooded"), "bob;Bob Diaz");
  await activate(button("Acknowledge: Corridor B is flooded", alice.alerts));
  await button("Acknowledge: Corridor B is flooded", alice.alerts).waitFor({ state: "detached" });
  await focused();
  await activate(button("1 alert", alice.alerts));
  const drawer = dialog("Alerts for everybody");
  await drawer.getByText("Seen by Alice Chen").waitFor();
  await activate(button("End for everybody", drawer));
  await drawer.getByText("No alerts are active.").waitFor();
  await focused();
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await focusIs(/No alerts/);
});

test("a critical value takes the focus, does not take Enter for yes, and gives the focus back", async () => {
  const before = await focused();
  await server.command(ROOM, potassium(PATIENT, "k-critical", 7.2));
  const critical = dialog("Critical value");
  await critical.waitFor();
  await focusIs(/^Critical value/);
  await press("Enter");
  await critical.waitFor();
  await tabTo(button(/^Acknowledge/, critical));
  await alice.calm();
  await page.keyboard.press("Enter");
  await critical.waitFor({ state: "detached" });
  assert.equal(await focused(), before);
});

test("an order is verified in the pharmacy's queue, and the way back is there", async () => {
  await server.command(ROOM, prescription(PATIENT, "heparin", "Heparin 5000 units", { priority: "stat" }));
  await activate(page.getByRole("link", { name: "Pharmacy" }));
  await page.getByRole("heading", { name: "Pharmacy queue" }).waitFor();
  await button(/^Verify: Heparin/).waitFor();
  await press("/");
  await focusIs(/Find an order/);
  await page.keyboard.type("heparin");
  await activate(button(/^Verify: Heparin/));
  const column = page.getByRole("region", { name: "New orders" });
  await column.getByText("Verified. Now in To dispense.").waitFor();
  await focusIs(/Now in To dispense/);
  await activate(button(/^Quantity or note/));
  await dialog("Dispense").waitFor();
  await focusIs(/Quantity/);
  await page.keyboard.press("Escape");
  await dialog("Dispense").waitFor({ state: "detached" });
  await focusIs(/^Quantity or note/);
  await activate(page.getByRole("link", { name: "Patients" }));
  await page.getByRole("searchbox", { name: "Search patients" }).waitFor();
  await focused();
});

test("the person's menu goes by arrow keys", async () => {
  await activate(button("Signed in as Alice Chen"));
  await focusIn(page.getByRole("menu"));
  await press("ArrowDown");
  await page.keyboard.press("Escape");
  await focusIs(/Signed in as Alice Chen/);
});
