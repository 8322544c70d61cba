// The manual checklist of a release as tests: Alice and Bob write, Charlie may only read, and Dana, a
// pharmacist, has the queue open. What one does, all see; the times from page to page are printed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Server, importSamples, temporaryFolder } from "../support/server.mjs";
import { signInArguments, token } from "../support/sign_in.mjs";
import { judge } from "./budget.mjs";
import { Line } from "./line.mjs";
import { Ward } from "./pages.mjs";
import { potassium, put } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const SEEN_WITHIN_MS = 300;

let ward, server, line, alice, bob, charlie, pharmacist;

before(async () => {
  ward = await Ward.open("checklist");
  ({ server, alice } = ward);
  line = await Line.start(server.port);
  bob = await ward.join("bob", line);
  charlie = await ward.join("charlie");
  pharmacist = await ward.join("dana");
  await pharmacist.page.goto(`${server.http}/pharmacy?as=dana`);
  await column("New orders").waitFor();
  for (const window of [alice, bob, charlie]) await window.chart(PATIENT);
  await alice.watchClicks();
});

after(async () => {
  await ward?.close();
  await line?.end();
});

afterEach(() => ward.faultless());

function everybody() {
  return [alice, bob, charlie];
}

function column(name) {
  return pharmacist.page.getByRole("region", { name });
}

/** Lets Alice act and prints how long after her last click the slowest of the others shows it. */
async function seenByAll(what, words, act, options) {
  const seen = await Promise.all([bob, charlie].map((window) => window.moment(words, options)));
  await act();
  const clicked = await alice.lastClick();
  const slowest = Math.max(...(await Promise.all(seen.map((shown) => shown())))) - clicked;
  judge(`${what}, until every page shows it`, slowest, SEEN_WITHIN_MS);
}

test("one patient is open in three browsers, and each says who else is there", async () => {
  await alice.colleague("Bob Diaz, in Chart review").waitFor();
  await bob.colleague("Charlie Okafor, in Chart review").waitFor();
  await charlie.colleague("Alice Chen, in Chart review").waitFor();
  await bob.tab("Results");
  for (const window of [alice, charlie]) await window.colleague("Bob Diaz, in Results").waitFor();
  await bob.tab("Chart review");
});

test("an allergy is added, changed and removed for all, and the badges follow", async () => {
  const allergies = async () => Number(/(\d+) allerg/.exec(await alice.page.getByRole("group", { name: "Chart summary" }).innerText())[1]);
  const before = await allergies();
  const badges = (count) => Promise.all(everybody().map((window) => window.count(`${count} allergies`).waitFor()));
  await seenByAll("an allergy added", "Codeine", () => alice.addAllergy({ substance: "Codeine", criticality: "High", reaction: "Hives" }));
  await badges(before + 1);
  for (const window of everybody()) await window.page.getByRole("list", { name: "Critical indicators" }).getByText("High criticality: Codeine").waitFor();
  await seenByAll("an allergy changed", "Vomiting", () => alice.editAllergy("Codeine", (form) => form.getByLabel("Reaction").fill("Vomiting")));
  for (const window of [bob, charlie]) await window.entry("Allergies", /Codeine/).filter({ hasText: "Alice Chen" }).waitFor();
  await seenByAll("an allergy removed", "Vomiting", () => alice.removeAllergy("Codeine"), { gone: true });
  await badges(before);
});

test("the activity names who did it, on every page", async () => {
  for (const window of everybody()) {
    await window.tab("Activity");
    const entries = window.page.getByRole("list", { name: "Activity" }).getByRole("listitem");
    for (const words of [/Alice Chen added .*Codeine/, /Alice Chen changed .*Codeine/, /Alice Chen deleted .*Codeine/]) await entries.filter({ hasText: words }).first().waitFor();
  }
});

test("a prescription reaches every order page and every pharmacist, and what the pharmacist does comes back", async () => {
  for (const window of everybody()) await window.tab("Orders");
  await alice.orderMedication({ drug: "Amoxicillin 250 MG Oral Capsule", dosage: "One capsule three times a day" }, "Sign order");
  for (const window of [bob, charlie]) await window.entry("Medication orders", /Amoxicillin/).filter({ hasText: "Active" }).filter({ hasText: "Alice Chen" }).waitFor();
  const order = column("New orders").getByRole("article").filter({ hasText: "Amoxicillin" }).filter({ hasText: "Oyelaran" });
  await order.getByRole("button", { name: /^Verify/ }).click();
  await column("To dispense").getByRole("article").filter({ hasText: "Amoxicillin" }).getByRole("button", { name: /^Dispense/ }).click();
  await column("Ready").getByRole("article").filter({ hasText: "Amoxicillin" }).waitFor();
  const dispensed = Object.values((await server.document(ROOM)).resources.MedicationDispense);
  assert.ok(dispensed.some(({ status }) => status === "completed"));
});

test("a critical result alerts everybody, wherever they are, and one acknowledgement is everybody's", async () => {
  await bob.patients();
  await server.command(ROOM, potassium(PATIENT, "k-critical", 7.2));
  const dialog = ({ page }) => page.getByRole("dialog", { name: "Critical value" });
  for (const window of [alice, bob, charlie, pharmacist]) await dialog(window).filter({ hasText: "Potassium 7.2" }).waitFor();
  await charlie.count("1 critical result").waitFor();
  assert.equal(await dialog(charlie).getByRole("button", { name: /^Acknowledge/ }).count(), 0);
  await dialog(bob).getByRole("button", { name: "Acknowledge" }).click();
  // Elsewhere it goes; who has the chart open reads who did it first.
  await dialog(pharmacist).waitFor({ state: "detached" });
  for (const window of [alice, charlie]) {
    await dialog(window).filter({ hasText: "Acknowledged by Bob Diaz" }).waitFor();
    await window.calm();
    await dialog(window).getByRole("button", { name: "Close" }).click();
    await dialog(window).waitFor({ state: "detached" });
    await window.count("1 critical result").waitFor({ state: "detached" });
  }
  await bob.chart(PATIENT);
  assert.equal(await dialog(bob).count(), 0);
});

test("an alert stands above every page until it is ended", async () => {
  await alice.raise("Alert", "Corridor B is flooded");
  for (const window of [bob, charlie, pharmacist]) await window.alerts.getByText("Corridor B is flooded").waitFor();
  assert.equal(await charlie.alerts.getByRole("button", { name: /^Acknowledge/ }).count(), 0);
  await bob.alerts.getByRole("button", { name: /^Acknowledge/ }).click();
  await alice.alerts.getByRole("button", { name: "1 alert" }).click();
  const drawer = alice.page.getByRole("dialog", { name: "Alerts for everybody" });
  await drawer.getByText("Seen by Bob Diaz").first().waitFor();
  await drawer.getByRole("button", { name: "End for everybody" }).click();
  await drawer.getByRole("button", { name: "Close" }).click();
  for (const window of [alice, bob, charlie, pharmacist]) await window.alerts.getByRole("button", { name: "No alerts" }).waitFor();
});

test("who is offline writes on, and so do the others; afterwards everything is everywhere", async () => {
  for (const window of everybody()) await window.tab("Chart review");
  line.away();
  await bob.connection("Offline").waitFor();
  await alice.colleague(/Bob Diaz/).waitFor({ state: "detached" });
  await bob.addAllergy({ substance: "Morphine", criticality: "High" });
  await bob.connection(/1 edit waits, kept on this device/).waitFor();
  await bob.addAllergy({ substance: "Pollen", criticality: "Low" });
  await bob.connection(/2 edits wait/).waitFor();
  await alice.addAllergy({ substance: "Latex", criticality: "High" });
  await charlie.entry("Allergies", /Latex/).waitFor();
  assert.equal(await charlie.entry("Allergies", /Morphine/).count(), 0);
  line.away(false);
  await bob.saveState("Saved");
  for (const window of everybody()) for (const substance of [/Morphine/, /Pollen/, /Latex/]) await window.entry("Allergies", substance).waitFor();
  await bob.connection("Offline").waitFor({ state: "detached" });
});

test("two values of one field, written apart, are shown to all until one chooses", async () => {
  line.away();
  await bob.connection("Offline").waitFor();
  await alice.editAllergy("Latex", (form) => form.getByLabel("Reaction").fill("Hives"));
  await bob.editAllergy("Latex", (form) => form.getByLabel("Reaction").fill("Anaphylaxis"));
  line.away(false);
  const conflict = ({ page }) => page.getByRole("group", { name: "Conflict in Latex" });
  for (const window of everybody()) {
    await conflict(window).filter({ hasText: /Hives.*Alice Chen/ }).filter({ hasText: /Anaphylaxis.*Bob Diaz/ }).waitFor();
    await window.count("1 conflict").waitFor();
  }
  assert.equal(await conflict(charlie).getByRole("button").count(), 0);
  await alice.page.getByRole("button", { name: /^Keep .*Anaphylaxis/ }).click();
  for (const window of everybody()) {
    await conflict(window).waitFor({ state: "detached" });
    await window.entry("Allergies", /Latex/).filter({ hasText: "Anaphylaxis" }).waitFor();
  }
});

test("a reload in the middle keeps everything, also what the server does not have yet", async () => {
  await alice.saveState("Saved");
  await server.end();
  await alice.connection("Offline").waitFor();
  await alice.addAllergy({ substance: "Penicillin V", criticality: "High" });
  await alice.connection(/1 edit waits, kept on this device/).waitFor();
  // The page itself comes from the server.
  await server.start();
  await alice.reload();
  await alice.entry("Allergies", /Penicillin V/).waitFor();
  await alice.saveState("Saved");
  await bob.reload();
  for (const window of everybody()) await window.entry("Allergies", /Penicillin V/).waitFor();
});

test("one person in two tabs is one colleague, and both tabs show what either does", async () => {
  const second = await alice.another();
  await second.chart(PATIENT);
  await second.addAllergy({ substance: "Nickel", criticality: "Low" });
  await alice.entry("Allergies", /Nickel/).waitFor();
  await alice.removeAllergy("Nickel");
  await second.entry("Allergies", /Nickel/).waitFor({ state: "detached" });
  await second.saveState("Saved");
  const also = bob.page.getByRole("list", { name: "Also on this patient" });
  await also.getByRole("listitem", { name: /Alice Chen/ }).waitFor();
  assert.equal(await also.getByRole("listitem", { name: /Alice Chen/ }).count(), 1);
  assert.equal(await second.page.getByRole("listitem", { name: /Alice Chen/ }).count(), 0, "nobody is their own colleague");
  assert.deepEqual(second.faults, []);
  await second.page.close();
});

test("who may only read sees everything as it happens and is offered nothing", async () => {
  for (const name of ["Chart review", "Orders", "Results", "Activity"]) {
    await charlie.tab(name);
    const offered = await charlie.page.getByRole("main").getByRole("button", { name: /^(Add|Edit|Remove|Sign|Cancel|Keep|Acknowledge|Save)\b/ }).allTextContents();
    assert.deepEqual(offered, [], `${name} offers nothing to write with`);
  }
  await charlie.page.goto(`${server.http}/pharmacy?as=charlie`);
  await charlie.page.getByRole("article").first().waitFor();
  assert.equal(await charlie.page.getByRole("main").getByRole("button", { name: /^(Verify|Receive|Dispense|Ready|Complete|Quantity)/ }).count(), 0);
  await charlie.alerts.getByRole("button", { name: /alerts?$/ }).click();
  await charlie.page.getByRole("dialog", { name: "Alerts for everybody" }).waitFor();
  assert.equal(await charlie.page.getByRole("button", { name: "Raise an alert" }).count(), 0);
});

test("a server with sign-in refuses what a reader writes all the same", async () => {
  const folder = await temporaryFolder("checklist-reader");
  const data = join(folder.path, "store");
  await importSamples(data);
  const args = await signInArguments(folder.path, { reader: { reads: ["patient:*"] } });
  const guarded = await Server.start(data, { args });
  try {
    const headers = { authorization: `Bearer ${token("charlie", 60, { roles: ["reader"], scope: "user/*.cruds" })}`, "content-type": "application/json" };
    const room = `${guarded.http}/rooms/${encodeURIComponent(ROOM)}`;
    assert.equal((await fetch(`${room}/document`, { headers })).status, 200);
    const body = JSON.stringify(put("AllergyIntolerance", "forged", { code: { text: "Forged" }, patient: { reference: `Patient/${PATIENT}` } }));
    const answer = await fetch(`${room}/commands`, { method: "POST", headers, body });
    assert.ok([403, 422].includes(answer.status), `answered ${answer.status}: ${await answer.text()}`);
    const { resources } = await (await fetch(`${room}/document`, { headers })).json();
    assert.equal(resources.AllergyIntolerance.forged, undefined);
  } finally {
    await guarded.end();
    await folder.remove();
  }
});
