// The workspace of a server with sign-in, and a provider that is not ours.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server, freePort, importSamples, temporaryFolder, until } from "../support/server.mjs";
import { checked } from "./axe.mjs";
import { Window, browser } from "./pages.mjs";
import { Hospital } from "./provider.mjs";

const NAME = "St. Elsewhere";
const PEOPLE = {
  alice: { name: "Alice Chen", roles: ["physician"] },
  erin: { name: "Erin Novak", roles: ["porter"] },
  charlie: { name: "Charlie Okafor", roles: ["physician"], may: "user/*.rs" },
  dora: { name: "Dora Klein", roles: ["clerk"] },
  olga: { name: "Olga Lund", roles: ["operator"] },
};
const ROLES = {
  physician: { writes: ["patient:*", "facility:alerts", "pharmacy:queue"] },
  clerk: { reads: ["patient:*", "facility:alerts"] },
  operator: { may: ["operate"] },
};

let folder, hospital, server, chromium;

before(async () => {
  folder = await temporaryFolder("workspace-sign-in");
  const data = join(folder.path, "store");
  await importSamples(data);
  const port = await freePort();
  hospital = await Hospital.open(await freePort(), `http://127.0.0.1:${port}`, PEOPLE);
  const file = async (name, value) => {
    const path = join(folder.path, name);
    await writeFile(path, JSON.stringify(value));
    return path;
  };
  const signIn = await file("sign-in.json", await hospital.signInFile(NAME));
  const roles = await file("roles.json", { roles: ROLES });
  server = await Server.start(data, { port, args: ["--sign-in", signIn, "--roles", roles] });
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await server?.end();
  await hospital?.close();
  await folder?.remove();
});

/** A window of somebody's at an address, not signed in. */
async function at(person, address = "/") {
  const window = await Window.open(chromium, server, person);
  await window.page.goto(server.http + address);
  return window;
}

/** Fills in the provider's form, in the window or in its pop-up. */
async function atProvider(page, person) {
  await page.getByPlaceholder("Enter any login").fill(person);
  await page.getByPlaceholder("and password").fill("none");
  await page.getByRole("button", { name: "Sign-in" }).click();
}

/** A window of somebody's who has signed in. */
async function signedIn(person, address) {
  const window = await at(person, address);
  await window.page.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await atProvider(window.page, person);
  await window.page.getByRole("button", { name: `Signed in as ${PEOPLE[person].name}` }).waitFor();
  return window;
}

/** Presses "Sign in again" and goes through what the pop-up asks. */
async function again(window, person, press = (button) => button.click()) {
  const opened = window.page.waitForEvent("popup");
  await press(window.connection("").getByRole("button", { name: "Sign in again" }));
  const popup = await opened;
  if (person) await atProvider(popup, person);
  if (!popup.isClosed()) await popup.waitForEvent("close");
}

/** Asserts that axe finds nothing on what is shown, light and dark, and takes pictures of it. */
async function sound(window, name) {
  for (const scheme of ["light", "dark"]) {
    await window.colours(scheme);
    await window.screenshot(`sign-in-${name}-${scheme}`);
    assert.deepEqual((await checked(window.page)).findings, [], `${name}, ${scheme}`);
  }
  await window.colours("light");
}

async function end(window) {
  assert.deepEqual(window.faults, [], `${window.person}'s window is free of errors`);
  await window.context.close();
}

/** The chart of a sample patient. */
const CHART = "/patients/casimir-doyle";

test("somebody signs in at the provider and comes back to the chart that they asked for", async () => {
  const window = await at("alice", `${CHART}/orders`);
  await window.page.getByRole("heading", { name: "Sign in to Chartroom" }).waitFor();
  await sound(window, "page");
  await window.page.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await atProvider(window.page, "alice");
  await window.panel("Medication orders").waitFor();
  assert.equal(new URL(window.page.url()).pathname, `${CHART}/orders`);
  await window.saveState("Saved");
  // Nothing of the token outlives the window.
  assert.deepEqual(await window.page.evaluate(() => Object.entries(localStorage).filter(([, value]) => value.includes("token"))), []);
  const log = await server.logged();
  assert.doesNotMatch(log, /eyJ/);
  await end(window);
});

test("the provider's no is told on the page to sign in at", async () => {
  const window = await at("alice", CHART);
  await window.page.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await window.page.getByRole("link", { name: "Cancel" }).click();
  await window.page.getByRole("alert").filter({ hasText: "You were not signed in" }).waitFor();
  await sound(window, "declined");
  await end(window);
});

test("a server that does not answer at the start is said to be away, and asked again", async () => {
  const window = await Window.open(chromium, server, "alice");
  await window.page.route("**/sign-in/app", (route) => route.abort());
  await window.page.goto(server.http);
  await window.page.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
  await sound(window, "unreachable");
  await window.page.unroute("**/sign-in/app");
  await window.page.getByRole("button", { name: "Try again" }).click();
  await window.page.getByRole("heading", { name: "Sign in to Chartroom" }).waitFor();
  await end(window);
});

test("somebody to whom no chart is open reads why, and finds no chart by its address", async () => {
  const window = await signedIn("erin");
  await window.page.getByRole("heading", { name: "No chart is open to you" }).waitFor();
  await sound(window, "nothing-open");
  await window.page.goto(server.http + CHART);
  await window.page.getByRole("heading", { name: "This chart cannot be opened" }).waitFor();
  await sound(window, "no-such-chart");
  await end(window);
});

test("somebody whose sign-in or role is for reading is offered nothing to write", async () => {
  for (const person of ["charlie", "dora"]) {
    const window = await signedIn(person, CHART);
    await window.panel("Allergies").waitFor();
    await window.saveState("Read only");
    assert.equal(await window.page.getByRole("button", { name: /^(Add|Edit|Remove) / }).count(), 0);
    await end(window);
  }
});

test("a sign-in is renewed as it runs out, and nobody notices", async () => {
  hospital.seconds = 7;
  const window = await signedIn("alice", CHART);
  await window.saveState("Saved");
  // Everything that the page says of the connection from now on.
  await window.page.evaluate(() => {
    window.said = new Set();
    const listen = () => document.querySelectorAll("[role=status][aria-label=Connection], [role=status][aria-label='Save state']").forEach((place) => window.said.add(place.textContent));
    new MutationObserver(listen).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const renewed = hospital.renewals;
  await until("two renewals", () => hospital.renewals >= renewed + 2, { within: 40_000 });
  await window.addAllergy({ substance: "Latex", criticality: "High" });
  await window.saveState("Saved");
  const said = await window.page.evaluate(() => [...window.said]);
  assert.deepEqual(said.filter((text) => /Offline|sign-in/.test(text)), []);
  hospital.seconds = 300;
  await end(window);
});

test("a sign-in that the provider ends keeps the page, what waits and what is being typed", async () => {
  hospital.seconds = 7;
  const window = await signedIn("alice", CHART);
  await window.saveState("Saved");
  hospital.locked.add("alice");
  await window.connection("Your sign-in has ended").waitFor();
  await window.addAllergy({ substance: "Penicillin", criticality: "High" });
  await window.connection("1 edit waits, kept on this device").waitFor();
  await window.panel("Problems").getByRole("button", { name: "Add problem" }).click();
  const dialog = window.page.getByRole("dialog", { name: "Add problem" });
  await dialog.getByRole("combobox", { name: "Problem" }).fill("Half a thou");
  await sound(window, "ended");
  const desk = window.page.viewportSize();
  await window.page.setViewportSize({ width: 768, height: 1024 });
  await sound(window, "ended-tablet");
  await window.page.setViewportSize(desk);
  hospital.locked.delete("alice");
  hospital.seconds = 300;
  await again(window, undefined, async (button) => {
    while (!(await button.evaluate((element) => element === document.activeElement))) await window.page.keyboard.press("Tab");
    await window.page.keyboard.press("Enter");
  });
  await window.connection("").filter({ hasNotText: "sign-in" }).waitFor();
  await until("the focus is back in the form", () => dialog.evaluate((element) => element.contains(document.activeElement)));
  assert.equal(await dialog.getByRole("combobox", { name: "Problem" }).inputValue(), "Half a thou");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await window.saveState("Saved");
  await window.entry("Allergies", "Penicillin").waitFor();
  await end(window);
});

test("a page takes no other person's sign-in, and lets its own person try again", async () => {
  hospital.seconds = 7;
  const window = await signedIn("alice", CHART);
  await window.saveState("Saved");
  hospital.locked.add("alice");
  await window.connection("Your sign-in has ended").waitFor();
  hospital.seconds = 300;
  // The provider has forgotten Alice, and Erin is at the keyboard.
  await window.context.clearCookies();
  await again(window, "erin");
  await window.connection("another person's").waitFor();
  await sound(window, "another-person");
  hospital.locked.delete("alice");
  await again(window, "alice");
  await window.saveState("Saved");
  await end(window);
});

test("a sign-in that is taken back is told on the page, and on the one that loads after it", async () => {
  const olga = await signedIn("olga");
  const operator = await olga.page.evaluate(() => JSON.parse(Object.entries(sessionStorage).find(([key]) => key.startsWith("oidc.user:"))[1]).access_token);
  const window = await signedIn("alice", CHART);
  await window.saveState("Saved");
  const headers = { authorization: `Bearer ${operator}`, "content-type": "application/json" };
  const answer = await fetch(`${server.http}/sign-in/revoke`, { method: "POST", headers, body: JSON.stringify({ person: "alice" }) });
  assert.equal(answer.status, 204);
  const second = Math.ceil(Date.now() / 1000);
  await window.connection("Your sign-in was taken back").waitFor();
  await sound(window, "taken-back");
  await window.reload();
  await window.page.getByRole("alert").filter({ hasText: "Your sign-in was taken back" }).waitFor();
  await sound(window, "taken-back-page");
  // What is issued within the second of the taking back is taken back with it.
  await until("the next second", () => Date.now() / 1000 > second);
  await window.page.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await window.panel("Allergies").waitFor();
  await window.saveState("Saved");
  await end(window);
  await end(olga);
});

test("signing out wipes the device if asked to, and ends the provider's session", async () => {
  const window = await signedIn("alice", CHART);
  await window.saveState("Saved");
  const kept = () => window.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  assert.notDeepEqual(await kept(), []);
  const other = await window.context.newPage();
  await other.goto(server.http);
  await other.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await other.getByRole("heading", { name: "Patients", level: 1 }).waitFor();
  await window.page.getByRole("button", { name: "Signed in as Alice Chen" }).click();
  await window.page.getByRole("menuitem", { name: "Sign out…" }).click();
  const dialog = window.page.getByRole("dialog", { name: "Sign out" });
  await dialog.waitFor();
  await sound(window, "out");
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await window.page.getByRole("button", { name: "Yes, sign me out" }).click();
  await window.page.getByRole("status").filter({ hasText: "You are signed out" }).waitFor();
  await sound(window, "left");
  await other.getByRole("status").filter({ hasText: "You are signed out" }).waitFor();
  assert.deepEqual(await kept(), []);
  assert.deepEqual(await window.page.evaluate(() => Object.keys(sessionStorage)), []);
  await window.page.getByRole("button", { name: `Sign in at ${NAME}` }).click();
  await window.page.getByPlaceholder("Enter any login").waitFor();
  await end(window);
});
