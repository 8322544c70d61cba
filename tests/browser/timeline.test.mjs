// A scripted day on the timeline, the chart as of any of its moments through every tab, what others
// changed since somebody last looked, and how soon a moment of a chart of 4 MB is there.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Server, chartroom, temporaryFolder, until } from "../support/server.mjs";
import { judge } from "./budget.mjs";
import { largestChart } from "./frames.mjs";
import { Ward, Window, browser } from "./pages.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const DAY = new Date().toISOString().slice(0, 10);
const PEOPLE = { alice: "alice;Alice Chen", bob: "bob;Bob Diaz" };

let ward, server, alice, bob;
/** The day's steps: what the server gave as the room's document behind each, and when that was. */
const steps = [];

before(async () => {
  ward = await Ward.open("timeline");
  ({ server, alice, bob } = ward);
  await step("alice", MORNING);
  await step("bob", NOON);
  await step("alice", EVENING);
  await step("bob", [
    { kind: "patch", resourceType: "Observation", id: "sodium", elements: { valueQuantity: { value: 131, unit: "mmol/L" } } },
    { kind: "patch", resourceType: "Condition", id: "pneumonia", elements: { code: { text: "Lobar pneumonia" } } },
    { kind: "delete", resourceType: "AllergyIntolerance", id: "latex" },
  ]);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

/** Somebody writes, in a second of its own: the chart's past is known by the second. */
async function step(person, commands) {
  const last = Math.floor(Date.now() / 1000);
  await until("the next second", () => Math.floor(Date.now() / 1000) > last);
  await server.command(ROOM, { kind: "batch", commands }, PEOPLE[person]);
  const { events } = await server.json(`/rooms/${ROOM}/events?after=${(steps.at(-1)?.seq ?? 0)}`);
  const { authored, seq } = events.at(-1);
  const { resources } = await server.document(ROOM);
  steps.push({ ms: Math.floor(Date.parse(authored) / 1000) * 1000, seq, resources });
}

function at(clock) {
  return `${DAY}T${clock}:00Z`;
}

function put(resourceType, id, elements) {
  const who = ["AllergyIntolerance", "Immunization", "Consent"].includes(resourceType) ? "patient" : "subject";
  return { kind: "put", resource: { resourceType, id, [who]: { reference: `Patient/${PATIENT}` }, ...elements } };
}

function category(code) {
  return [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code }] }];
}

const NAMED = { code: { text: "Named" } };
const DRUG = { medicationCodeableConcept: { text: "Amoxicillin" } };
const VISIT = { encounter: { reference: "Encounter/visit" } };
const MORNING = [
  put("Encounter", "visit", { status: "in-progress", class: { display: "inpatient" }, period: { start: at("08:00"), end: at("17:30") } }),
  put("Observation", "pulse", { ...VISIT, status: "final", category: category("vital-signs"), code: { text: "Heart rate", coding: [{ system: "http://loinc.org", code: "8867-4" }] }, effectiveDateTime: at("08:10"), valueQuantity: { value: 88, unit: "/min" } }),
  put("AllergyIntolerance", "latex", { code: { text: "Latex" }, recordedDate: at("08:20") }),
  put("Condition", "pneumonia", { ...VISIT, code: { text: "Pneumonia" }, clinicalStatus: { coding: [{ code: "active" }] }, onsetDateTime: at("08:30") }),
  put("ServiceRequest", "order", { ...VISIT, status: "active", intent: "order", code: { text: "Electrolytes" }, authoredOn: at("08:40") }),
  put("Specimen", "blood", { type: { text: "Venous blood" }, collection: { collectedDateTime: at("08:50") } }),
];
const NOON = [
  put("Observation", "lactate", { ...VISIT, status: "final", category: category("laboratory"), code: { text: "Lactate" }, interpretation: [{ coding: [{ code: "HH" }] }], effectiveDateTime: at("09:30"), valueQuantity: { value: 4.2, unit: "mmol/L" } }),
  put("Observation", "sodium", { ...VISIT, status: "final", category: category("laboratory"), code: { text: "Sodium" }, effectiveDateTime: at("09:45"), valueQuantity: { value: 138, unit: "mmol/L" } }),
  put("DiagnosticReport", "panel", { ...VISIT, status: "final", code: { text: "Electrolytes" }, effectiveDateTime: at("10:00"), result: [{ reference: "Observation/sodium" }] }),
  put("ImagingStudy", "chest", { ...VISIT, status: "available", started: at("10:30"), description: "Chest X-ray" }),
  put("MedicationRequest", "amoxicillin", { ...VISIT, ...DRUG, status: "active", intent: "order", authoredOn: at("11:30") }),
  put("MedicationDispense", "dispensed", { ...DRUG, status: "completed", whenHandedOver: at("12:00") }),
  put("MedicationAdministration", "given", { ...DRUG, status: "completed", effectiveDateTime: at("12:30") }),
  put("Procedure", "drain", { ...VISIT, status: "completed", code: { text: "Chest drain" }, performedDateTime: at("13:00") }),
];
const EVENING = [
  put("Immunization", "flu", { status: "completed", vaccineCode: { text: "Influenza" }, occurrenceDateTime: at("13:30") }),
  put("DocumentReference", "note", { status: "current", docStatus: "preliminary", type: { text: "Progress note" }, date: at("14:00"), content: [{ attachment: { contentType: "text/plain" } }] }),
  put("Composition", "letter", { status: "preliminary", type: { text: "Letter" }, title: "Discharge letter", date: at("14:30"), author: [{ display: "Alice Chen" }] }),
  put("CarePlan", "plan", { status: "active", intent: "plan", title: "Breathing exercises", period: { start: at("15:00") } }),
  put("Flag", "falls", { status: "active", ...NAMED, code: { text: "Falls risk" }, period: { start: at("15:30") } }),
  put("Communication", "told", { status: "completed", category: [{ coding: [{ code: "notification" }] }], sent: at("16:00"), payload: [{ contentString: "Family informed" }] }),
  put("Communication", "seen", { status: "completed", about: [{ reference: "Observation/lactate" }], sender: { identifier: { value: "alice" }, display: "Alice Chen" }, sent: `${DAY}T23:59:59Z`, payload: [{ contentString: "Seen" }] }),
  put("MedicationStatement", "taken", { status: "active", medicationCodeableConcept: { text: "Metformin" }, effectiveDateTime: at("16:30") }),
  put("Consent", "consent", { status: "active", scope: { text: "Treatment" }, category: [{ text: "Treatment consent" }], dateTime: at("17:00") }),
];
/** All that has a place in the day. */
const ORDER = [...MORNING, ...NOON, ...EVENING].map(({ resource }) => `${resource.resourceType}/${resource.id}`).filter((entry) => entry !== "Communication/seen");

function events({ page }) {
  return page.locator("[data-event]").evaluateAll((items) => items.map((item) => item.dataset.event.split(" ")[0]));
}

async function timeline(window) {
  await window.page.goto(`${server.http}/patients/${PATIENT}/timeline?as=${window.person}`);
  await window.page.getByRole("heading", { name: "Timeline" }).waitFor();
  await window.saveState("Saved");
}

async function day({ page }) {
  await page.getByText("Day", { exact: true }).click();
  await page.getByRole("status").filter({ hasText: `events, ${dayText(Date.parse(at("12:00")))}` }).waitFor();
}

function dayText(ms) {
  return new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

/** "29 Nov 2026, 14:03:07", as the page writes it. */
function momentText(ms) {
  const date = new Date(ms);
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.getMonth()];
  return `${date.getDate()} ${month} ${date.getFullYear()}, ${date.toTimeString().slice(0, 8)}`;
}

function bar({ page }) {
  return page.getByRole("region", { name: "The chart as it was" });
}

function asOf(window, ms) {
  return bar(window).getByText(`You see this chart as it was on ${momentText(ms)}`).waitFor();
}

test("every event of the day stands on the timeline in order", async () => {
  await timeline(alice);
  await day(alice);
  await until("the whole day", async () => (await events(alice)).length >= ORDER.length - 1);
  // Latex was taken off the chart in the last step.
  assert.deepEqual((await events(alice)).filter((entry) => entry !== "Communication/seen"), ORDER.filter((entry) => entry !== "AllergyIntolerance/latex").reverse());
  const track = alice.page.getByRole("row", { name: /Notes and documents \(3\)/ });
  await track.getByText("1", { exact: true }).first().waitFor();
  await alice.page.getByRole("checkbox", { name: /^Results/ }).uncheck();
  await alice.page.locator('[data-event^="Observation/sodium "]').waitFor({ state: "detached" });
  await alice.page.getByRole("button", { name: "Show every kind" }).click();
  await alice.page.getByRole("switch", { name: "Group by encounter" }).click();
  const visit = alice.page.getByRole("list", { name: /^inpatient, / });
  await visit.waitFor();
  assert.equal(await visit.getByRole("listitem").count(), ORDER.filter((entry) => /visit|pulse|pneumonia|\/order|lactate|sodium|panel|chest|amoxicillin|drain/.test(entry)).length);
});

test("an event leads to its row with the keyboard alone", async () => {
  await timeline(alice);
  await alice.page.getByRole("searchbox", { name: "Find an event" }).fill("electrolytes");
  const link = alice.page.getByRole("listitem").filter({ hasText: "Ordered Electrolytes" }).getByRole("link", { name: "Electrolytes" });
  await link.focus();
  await alice.page.keyboard.press("Enter");
  await alice.page.getByRole("tab", { name: "Orders", selected: true }).waitFor();
  await alice.page.locator('[data-entry="order"]:focus').waitFor();
});

test("what people do appears as it happens, and the list stays still", async () => {
  await timeline(alice);
  await day(alice);
  const before = await events(alice);
  await server.command(ROOM, put("Procedure", "late", { status: "completed", code: { text: "Bronchoscopy" }, performedDateTime: at("17:15") }), PEOPLE.bob);
  const acts = alice.page.getByRole("list", { name: "As it happens" });
  await acts.getByRole("listitem").filter({ hasText: "Bob Diaz completed procedure Bronchoscopy" }).getByText("New").waitFor();
  assert.deepEqual(await events(alice), before);
  await alice.page.getByRole("button", { name: "Show 1 new event" }).click();
  await alice.page.locator('[data-event^="Procedure/late "]').waitFor();
  assert.deepEqual((await events(alice)).filter((entry) => !before.includes(entry)), ["Procedure/late"]);
  await server.command(ROOM, { kind: "delete", resourceType: "Procedure", id: "late" }, PEOPLE.bob);
});

/** What a tab of the past shows, and what the room's document of then has of it. */
const TABS = [
  ["Chart review", ["Condition", "AllergyIntolerance", "Procedure", "Immunization", "Encounter", "CarePlan"], "data-entry"],
  ["Orders", ["ServiceRequest"], "data-entry"],
  ["Results", ["DiagnosticReport"], "data-report"],
];

test("the slider's state is the state that was exported at that time, on every tab", async () => {
  const { page } = alice;
  await alice.chart(PATIENT);
  await page.getByRole("link", { name: "As it was" }).click();
  await bar(alice).locator(":focus").waitFor();
  const slider = bar(alice).getByRole("slider", { name: "Moment" });
  await until("the moments of the day", async () => /Bob Diaz deleted procedure/.test((await slider.getAttribute("aria-valuetext")) ?? ""));
  for (const [index, { ms, resources }] of [...steps.entries()].reverse()) {
    // As a person would: step by step until the slider says this moment.
    while (!(await slider.getAttribute("aria-valuetext")).startsWith(momentText(ms))) await slider.press("ArrowLeft");
    await asOf(alice, ms);
    const exported = Object.values(resources).flatMap((all) => Object.values(all)).map(({ resourceType, id }) => `${resourceType}/${id}`);
    await alice.tab("Timeline");
    await until(`the events as of step ${index}`, async () => same(ORDER.filter((entry) => exported.includes(entry)), (await events(alice)).filter((entry) => ORDER.includes(entry))), { standing: () => exported.filter((entry) => ORDER.includes(entry)).join(" ") });
    for (const [tab, types, attribute] of TABS) {
      await alice.tab(tab);
      const ids = ORDER.filter((entry) => exported.includes(entry) && types.includes(entry.split("/")[0])).map((entry) => entry.split("/")[1]);
      const all = ORDER.filter((entry) => types.includes(entry.split("/")[0])).map((entry) => entry.split("/")[1]);
      const shown = async () => (await page.locator(`[${attribute}]`).evaluateAll((rows, name) => rows.map((row) => row.getAttribute(name)), attribute)).filter((id) => all.includes(id));
      await until(`${tab} as of step ${index}`, async () => same(ids, await shown()), { standing: () => `expected ${ids}` });
    }
    const sodium = resources.Observation?.sodium?.valueQuantity.value;
    if (sodium !== undefined) await page.getByRole("table", { name: "Laboratory" }).getByRole("row").filter({ hasText: "Sodium" }).getByText(`${sodium} mmol/L`).waitFor();
    await alice.tab("Chart review");
    await alice.entry("Problems", resources.Condition.pneumonia.code.text).waitFor();
    const allergies = Object.keys(resources.AllergyIntolerance ?? {}).length;
    await alice.count(allergies === 0 ? "No allergies recorded" : allergies === 1 ? "1 allergy" : `${allergies} allergies`).waitFor();
    assert.equal(await page.getByRole("button", { name: /^(Add|Edit|Remove) / }).count(), 0);
  }
});

function same(a, b) {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}

test("edits by others do not change the past, are told as later ones, and show on the way back to now", async () => {
  const { page } = alice;
  const { ms } = steps[0];
  await page.goto(`${server.http}/patients/${PATIENT}?at=${new Date(ms).toISOString()}&as=alice`);
  await asOf(alice, ms);
  await alice.entry("Allergies", "Latex").getByText(/Later removed by Bob Diaz/).waitFor();
  await alice.entry("Problems", "Pneumonia").getByText(/Later changed by Bob Diaz, \d\d:\d\d: Problem/).waitFor();
  const later = bar(alice).getByRole("button", { name: /entries changed later/ });
  const before = Number.parseInt(await later.textContent());
  const shown = await page.getByRole("main").innerText();
  await bob.chart(PATIENT);
  await bob.addAllergy({ substance: "Shellfish", criticality: "High" });
  await bob.saveState("Saved");
  await bar(alice).getByRole("button", { name: `${before + 1} entries changed later` }).waitFor();
  assert.equal(await page.getByRole("main").innerText(), shown);
  await bar(alice).getByRole("button", { name: "Back to now" }).click();
  await alice.entry("Allergies", "Shellfish").waitFor();
  await alice.entry("Problems", "Lobar pneumonia").waitFor();
  await page.getByRole("button", { name: "Add allergy" }).waitFor();
  assert.ok(!page.url().includes("at="));
});

test("on opening, the chart tells what others changed since, until that is seen", async () => {
  const { page } = alice;
  await alice.chart(PATIENT);
  await alice.patients();
  await server.command(ROOM, put("Observation", "potassium", { status: "final", category: category("laboratory"), code: { text: "Potassium" }, effectiveDateTime: at("18:00"), valueQuantity: { value: 4.4, unit: "mmol/L" } }), PEOPLE.bob);
  await server.command(ROOM, put("ServiceRequest", "again", { status: "active", intent: "order", code: { text: "Electrolytes again" }, authoredOn: at("18:10") }), PEOPLE.bob);
  await server.command(ROOM, put("Flag", "own", { status: "active", code: { text: "Isolation" } }), PEOPLE.alice);
  await alice.chart(PATIENT);
  const note = page.getByRole("region", { name: "Since you last looked" });
  await note.getByText(/^Since you last looked \(today, \d\d:\d\d\): 1 (result, 1 order|order, 1 result) by Bob Diaz\.$/).waitFor();
  await note.getByRole("button", { name: "Show the entries" }).click();
  await alice.screenshot("last-look-light");
  await alice.colours("dark");
  await alice.screenshot("last-look-dark");
  await alice.colours("light");
  await note.getByRole("link", { name: "Electrolytes again" }).click();
  await page.locator('[data-entry="again"]:focus').getByText(/^Since you looked added by Bob Diaz/).waitFor();
  await note.getByRole("button", { name: "Seen" }).click();
  await note.waitFor({ state: "detached" });
  await alice.saveState("Saved");
  await alice.chart(PATIENT);
  assert.equal(await note.count(), 0);
});

test("timeline and past are legible light and dark, at the desk and on a tablet", async () => {
  const { page } = alice;
  for (const [device, size] of [["desk", { width: 1440, height: 900 }], ["tablet", { width: 820, height: 1180 }]]) {
    await page.setViewportSize(size);
    for (const colours of ["light", "dark"]) {
      await alice.colours(colours);
      await timeline(alice);
      await until("events", async () => (await events(alice)).length > 0);
      await alice.screenshot(`timeline-${device}-${colours}`);
      await day(alice);
      await alice.screenshot(`timeline-day-${device}-${colours}`);
      for (const tab of ["", "/results"]) {
        await page.goto(`${server.http}/patients/${PATIENT}${tab}?at=${new Date(steps[1].ms).toISOString()}&as=alice`);
        await asOf(alice, steps[1].ms);
        await bar(alice).getByRole("button", { name: /entries changed later/ }).waitFor();
        await alice.screenshot(`past${tab.replace("/", "-")}-${device}-${colours}`);
      }
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
});

const chart = largestChart();
const MOMENT_WITHIN_MS = 300;

test("a moment of a chart of 4 MB is there soon, and its timeline is", { skip: chart ? false : "no folder ../shared/data/synthea" }, async () => {
  const folder = await temporaryFolder("timeline-large");
  const data = join(folder.path, "store");
  chartroom(["--data", data, "import", chart.path]);
  const large = await Server.start(data);
  const chromium = await browser();
  try {
    const window = await Window.open(chromium, large, "alice");
    const { page } = window;
    const id = chart.room.replace("patient:", "");
    for (const [index, substance] of ["Latex", "Penicillin", "Peanuts"].entries()) {
      const last = Math.floor(Date.now() / 1000);
      await until("the next second", () => Math.floor(Date.now() / 1000) > last);
      await large.command(chart.room, { kind: "put", resource: { resourceType: "AllergyIntolerance", id: `a${index}`, code: { text: substance }, patient: { reference: `Patient/${id}` } } }, PEOPLE.bob);
    }
    await page.goto(`${large.http}/patients/${id}?as=alice`);
    await window.saveState("Saved");
    await page.getByRole("link", { name: "As it was" }).click();
    const slider = bar(window).getByRole("slider", { name: "Moment" });
    await until("the moments", async () => /Peanuts/.test((await slider.getAttribute("aria-valuetext")) ?? ""));
    const times = [];
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowRight", "ArrowLeft"]) {
      await bar(window).and(page.locator('[aria-busy="false"]')).waitFor();
      times.push(await page.evaluate(stepped, key));
    }
    const median = times.toSorted((a, b) => a - b)[2];
    judge(`a moment of ${(chart.bytes / 1e6).toFixed(2)} MB (${times.map((ms) => ms.toFixed(0)).join(", ")} ms), median`, median, MOMENT_WITHIN_MS);
    await bar(window).getByRole("button", { name: "Back to now" }).click();
    const began = performance.now();
    await window.tab("Timeline");
    await page.getByRole("listitem").filter({ has: page.locator("time") }).first().waitFor();
    console.log(`its timeline: ${(await page.getByRole("status").filter({ hasText: /events, / }).textContent()).trim()}, drawn in ${(performance.now() - began).toFixed(0)} ms`);
    assert.deepEqual(window.faults, []);
  } finally {
    await chromium.close();
    await large.end();
    await folder.remove();
  }
});

/** In the page: presses a key on the slider; milliseconds from its coming to rest until the chart of then is drawn. */
function stepped(key) {
  const bar = document.querySelector('section[aria-label="The chart as it was"]');
  const slider = bar.querySelector('[role="slider"]');
  const busy = () => bar.getAttribute("aria-busy") === "true";
  return new Promise((resolve) => {
    let began;
    const watch = new MutationObserver(() => {
      if (busy()) began ??= performance.now();
      else if (began !== undefined) {
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
      }
    });
    watch.observe(bar, { attributes: true, attributeFilter: ["aria-busy"] });
    slider.focus();
    slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  });
}
