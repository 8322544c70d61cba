// For people who see otherwise: print twice as large, colours that the system forces, less motion.
// The screenshots are for people to look at.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Ward } from "./pages.mjs";
import { allergy, daysAgo, draft, potassium, prescription } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
/** A desk's window of 1440 pixels at 200 %. */
const ZOOMED = { width: 720, height: 450 };

let ward, server, alice, page;

before(async () => {
  ward = await Ward.open("sight");
  ({ server, alice } = ward);
  ({ page } = alice);
  await server.command(ROOM, [
    allergy(PATIENT, "latex", "Latex", { criticality: "high" }),
    prescription(PATIENT, "heparin", "Heparin 5000 units", { priority: "stat" }),
    draft(PATIENT, "draft", "Paracetamol 1 g"),
    potassium(PATIENT, "k-1", 5.6, daysAgo(1)),
    potassium(PATIENT, "k-2", 4.1, daysAgo(2)),
  ]);
  await ward.dispute("AllergyIntolerance/latex", [
    ["alice;Alice Chen", { criticality: "low" }],
    ["bob;Bob Diaz", { criticality: "unable-to-assess" }],
  ]);
  await ward.bob.chart(PATIENT);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

/** Every surface in turn, each with a screenshot; `check` looks at it. */
async function tour(name, check) {
  const seen = async (surface) => {
    await check?.(surface);
    await alice.screenshot(`sight-${name}-${surface}`);
  };
  await alice.patients();
  await page.getByRole("table", { name: "Patients", exact: true }).waitFor();
  await seen("patients");
  await alice.chart(PATIENT);
  await page.getByRole("group", { name: /Conflict in Latex/ }).first().waitFor();
  await alice.colleague(/Bob Diaz/).waitFor();
  await seen("chart");
  await page.getByRole("group", { name: /Conflict in Latex/ }).first().scrollIntoViewIfNeeded();
  await seen("conflict");
  await page.getByRole("button", { name: "Edit Latex" }).click();
  await page.getByRole("dialog", { name: "Edit allergy" }).waitFor();
  await seen("dialog");
  await page.keyboard.press("Escape");
  await alice.tab("Orders");
  await alice.entry("Medication orders", /Paracetamol/).waitFor();
  await seen("orders");
  await alice.tab("Results");
  await page.getByRole("table", { name: "Laboratory" }).waitFor();
  await seen("results");
  await page.getByRole("article", { name: "Heart rate" }).scrollIntoViewIfNeeded();
  await page.locator("figure svg path.recharts-line-curve").first().waitFor();
  await seen("vital-signs");
  await page.goto(`${server.http}/pharmacy?as=alice`);
  await page.getByRole("article").first().waitFor();
  await seen("pharmacy");
}

/** Words that are cut off where nothing tells that there are more, and what is wider than the window. */
function cutOff() {
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  const named = (element) => `${element.tagName.toLowerCase()} ${element.textContent.trim().slice(0, 60)}`;
  const clipped = [...document.querySelectorAll("body *")].filter((element) => {
    if (!element.checkVisibility({ visibilityProperty: true }) || element.closest(".visually-hidden") || !element.textContent.trim()) return false;
    const { overflowX, overflowY, textOverflow } = getComputedStyle(element);
    const isCut = (overflowX === "hidden" || overflowX === "clip") && element.scrollWidth > element.clientWidth + 1 && textOverflow !== "ellipsis";
    return isCut || (overflowY === "hidden" && element.scrollHeight > element.clientHeight + 2 && element.clientHeight > 0);
  });
  return [...(wide > 0 ? [`the page is ${wide} px wider than the window`] : []), ...clipped.map(named)];
}

test("at 200 % nothing is cut off, and nothing needs scrolling sideways", async () => {
  await page.setViewportSize(ZOOMED);
  await tour("zoom", async (surface) => assert.deepEqual(await page.evaluate(cutOff), [], surface));
});

test("with colours that the system forces, every state is told by more than colour", async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ forcedColors: "active", colorScheme, reducedMotion: "reduce" });
    await tour(`forced-${colorScheme}`);
  }
  await page.emulateMedia({ forcedColors: "none", colorScheme: "light", reducedMotion: "reduce" });
});

test("who asks for less motion is shown none", async () => {
  await alice.chart(PATIENT);
  await ward.bob.editAllergy("Latex", (form) => form.getByLabel("Reaction").fill("Hives"));
  await alice.entry("Allergies", /Latex/).filter({ hasText: "Bob Diaz" }).waitFor();
  await alice.panel("Problems").getByRole("button", { name: /^Resolved and inactive/ }).click();
  await page.getByRole("button", { name: "Edit Latex" }).click();
  assert.deepEqual(await page.evaluate(moving), []);
  await page.keyboard.press("Escape");
});

/** What moves or grows for longer than a blink; colours may fade. */
function moving() {
  const still = new Set(["offset", "computedOffset", "easing", "composite", "animationTimingFunction"]);
  const isStill = (name) => still.has(name) || /color|background/i.test(name);
  return document
    .getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().duration > 10 && effect.getKeyframes().some((frame) => !Object.keys(frame).every(isStill)))
    .map(({ effect }) => effect.target.className);
}
