// Two people, two windows, one chart: what one does the other sees, and what the server acknowledged
// is said to be saved. The screenshots are for people to look at.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { judge } from "./budget.mjs";
import { Ward } from "./pages.mjs";

const PATIENT = "niamh-oyelaran";
const SEEN_WITHIN_MS = 200;

let ward, server, alice, bob;

before(async () => {
  ward = await Ward.open("browser");
  ({ server, alice, bob } = ward);
});

after(() => ward?.close());

afterEach(() => ward.faultless());

/** Lets Alice act and tells how long after her last click Bob's page shows it. */
async function seenByBob(what, words, act, { gone = false } = {}) {
  const seen = await bob.moment(words, { gone });
  await act();
  const [clicked, shown] = [await alice.lastClick(), await seen()];
  judge(`${what}, until the other sees it`, shown - clicked, SEEN_WITHIN_MS);
}

test("the list names every patient, and a search finds one", async () => {
  await alice.patients();
  const rows = alice.page.getByRole("table", { name: "Patients" }).getByRole("rowheader");
  await rows.nth(4).waitFor();
  assert.equal(await rows.count(), 5);
  await alice.screenshot("1-patients");
  await alice.page.getByRole("searchbox", { name: "Search patients" }).fill("oyelaran");
  await alice.page.getByRole("link", { name: /Oyelaran/ }).click();
  await alice.panel("Allergies").waitFor();
  await alice.saveState("Saved");
  await alice.entry("Allergies", /peanuts/).waitFor();
  await alice.screenshot("2-chart");
});

test("an allergy that Alice adds appears at Bob's", async () => {
  await bob.chart(PATIENT);
  await alice.watchClicks();
  await seenByBob("adding", "Codeine", () => alice.addAllergy({ substance: "Codeine", criticality: "Low", reaction: "Vomiting" }));
  await alice.saveState("Saved");
  const stored = Object.values((await server.document(`patient:${PATIENT}`)).resources.AllergyIntolerance);
  assert.ok(stored.some((allergy) => allergy.code.text === "Codeine" && allergy.criticality === "low"), "saved means that the server has it");
  await bob.screenshot("3-added-seen-by-bob");
});

test("an edit by Alice appears at Bob's", async () => {
  await seenByBob("editing", "Wheezing", () => alice.editAllergy("Codeine", (dialog) => dialog.getByLabel("Reaction").fill("Wheezing")));
  await alice.saveState("Saved");
  await bob.screenshot("4-edited-seen-by-bob");
});

test("Bob's edit of another field appears at Alice's, and hers stands", async () => {
  await bob.editAllergy("Codeine", (dialog) => dialog.getByLabel("Criticality").selectOption({ label: "High" }));
  const row = alice.entry("Allergies", /Codeine/);
  await row.filter({ hasText: "High criticality" }).filter({ hasText: "Wheezing" }).waitFor();
});

test("an allergy that Alice removes goes from Bob's", async () => {
  await seenByBob("removing", "Wheezing", () => alice.removeAllergy("Codeine"), { gone: true });
  await alice.saveState("Saved");
  await bob.entry("Allergies", /Codeine/).waitFor({ state: "detached" });
  await bob.screenshot("5-removed-seen-by-bob");
});

test("an edit made while the server is away is kept, saved on its return, and seen", async () => {
  await server.end();
  await alice.saveState(/Offline/);
  await alice.addAllergy({ substance: "Latex", criticality: "High" });
  await alice.entry("Allergies", /Latex/).waitFor();
  await alice.saveState(/Offline.*not yet saved/);
  await alice.screenshot("6-offline-with-an-unsaved-edit");
  await server.start();
  await alice.saveState("Saved");
  await bob.entry("Allergies", /Latex/).waitFor();
  await bob.saveState("Saved");
  const stored = Object.values((await server.document(`patient:${PATIENT}`)).resources.AllergyIntolerance);
  assert.ok(stored.some((allergy) => allergy.code.text === "Latex"));
  await bob.screenshot("7-back-and-seen-by-bob");
});

test("two edits of one field made apart are both shown as a conflict, and a choice settles it", async () => {
  await server.end();
  await alice.saveState(/Offline/);
  await bob.saveState(/Offline/);
  await alice.editAllergy("Latex", (dialog) => dialog.getByLabel("Reaction").fill("Hives"));
  await bob.editAllergy("Latex", (dialog) => dialog.getByLabel("Reaction").fill("Anaphylaxis"));
  await server.start();
  const conflict = (window) => window.page.getByRole("group", { name: "Conflict in Latex" }).first();
  for (const window of [alice, bob]) {
    await conflict(window).filter({ hasText: "Hives" }).filter({ hasText: "Anaphylaxis" }).waitFor();
  }
  await alice.screenshot("8-conflict");
  await conflict(alice).getByRole("button", { name: /Keep .*Anaphylaxis/ }).click();
  for (const window of [alice, bob]) {
    await conflict(window).waitFor({ state: "detached" });
    await window.entry("Allergies", /Latex/).filter({ hasText: "Anaphylaxis" }).waitFor();
    await window.saveState("Saved");
  }
});
