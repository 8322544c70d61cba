// The guide's page about notes: begun, written together, signed, too late, amended; and documents.
import assert from "node:assert/strict";
import { PATIENT } from "./chart.mjs";

export const PAGE = "documentation.md";
const TITLE = "Ward round";
const LATE = "Refused the evening dose.";

function row({ page }, text) {
  return page.getByRole("tree", { name: "Notes" }).locator("[data-value] > div").filter({ hasText: text }).first();
}

function note({ page }, title = TITLE) {
  return page.getByRole("article", { name: title, exact: true });
}

function editor({ page }) {
  return page.getByRole("textbox", { name: /^Text of/ });
}

async function write(window, words) {
  await editor(window).click();
  await window.page.keyboard.press("Control+End");
  await window.page.keyboard.type(words);
}

export const STEPS = {
  "Begin a note": async (section, { alice, bob }) => {
    const { page } = alice;
    // Bob comes over the line from here on, so that his words can be late.
    await bob.page.goto(`${bob.server.http}/patients/${PATIENT}/notes?as=bob`);
    await bob.saveState("Saved");
    await alice.tab("Documentation");
    await page.getByRole("button", { name: section.name("New note") }).click();
    await page.getByRole("menuitem", { name: section.name("Progress note") }).click();
    const form = page.getByRole("dialog", { name: "Add note" });
    await form.getByRole("textbox", { name: section.name("Title") }).fill(TITLE);
    await form.getByRole("button", { name: section.name("Add note") }).click();
    await form.waitFor({ state: "detached" });
    await note(alice).getByText("There is nothing beneath the headings yet.").waitFor();
    await section.picture("note-begun", alice);
    await row(bob, TITLE).waitFor();
  },

  "Write together": async (section, { alice, bob }) => {
    await row(bob, TITLE).click();
    await write(alice, "Walks with a frame. ");
    await editor(bob).filter({ hasText: "Walks with a frame." }).waitFor();
    await write(bob, "Slept well.");
    await alice.page.locator(".cr-caret-name", { hasText: "Bob Diaz" }).waitFor();
    await editor(alice).filter({ hasText: "Slept well." }).waitFor();
    await section.picture("note-together", alice);
    await editor(bob).press("Control+z");
    await editor(alice).filter({ hasNotText: "Slept well." }).filter({ hasText: "Walks with a frame." }).waitFor();
    await editor(bob).press("Control+y");
    await editor(alice).filter({ hasText: "Slept well." }).waitFor();
    for (const window of [alice, bob]) await window.saveState("Saved");
  },

  "Sign a note": async (section, { alice, bob, line }) => {
    await note(alice).getByText(/Bob Diaz has the cursor in this text/).waitFor();
    line.silence(true);
    await write(bob, ` ${LATE}`);
    await note(alice).getByRole("button", { name: section.name("Sign") }).click();
    await note(alice).getByText(/^Signed by Alice Chen/).waitFor();
    await section.picture("note-signed", alice);
    await alice.saveState("Saved");
  },

  "When your text comes too late": async (section, { alice, bob, line }) => {
    line.silence(false);
    line.cut();
    const late = bob.page.getByRole("alert").filter({ hasText: section.name("Your text came too late") });
    await late.filter({ hasText: LATE }).waitFor();
    await section.picture("too-late", bob);
    await late.getByRole("button", { name: section.name("Make it an addendum") }).click();
    await editor(bob).filter({ hasText: LATE }).waitFor();
    await bob.saveState("Saved");
    await note(bob, `Addendum to ${TITLE}`).getByRole("button", { name: section.name("Sign") }).click();
    await note(alice).getByRole("region", { name: `Addendum to ${TITLE}` }).filter({ hasText: "signed by Bob Diaz" }).waitFor();
  },

  "Amend a signed note": async (section, { alice, bob }) => {
    await note(alice).getByRole("button", { name: section.name("Add addendum") }).waitFor();
    await note(alice).getByRole("button", { name: section.name("Amend") }).click();
    const form = alice.page.getByRole("dialog", { name: "Amend the signed note" });
    await form.getByRole("textbox", { name: section.name("Text") }).fill("Walks without help. Slept well.");
    await form.getByRole("textbox", { name: section.name("Reason") }).fill("The frame was the neighbour's");
    await section.picture("amend", alice, form);
    await form.getByRole("button", { name: "Amend" }).click();
    await form.waitFor({ state: "detached" });
    await row(bob, TITLE).click();
    await note(bob).filter({ hasText: "Walks without help." }).getByText(/^Amended by Alice Chen/).waitFor();
    await note(bob).getByRole("button", { name: section.name("Earlier versions") }).click();
    await note(bob).getByRole("article", { name: "As signed by Alice Chen" }).filter({ hasText: "Walks with a frame." }).waitFor();
  },

  "Upload a document": async (section, { alice, bob }) => {
    const { page } = alice;
    await page.getByRole("button", { name: section.name("Upload") }).click();
    const form = page.getByRole("dialog", { name: "Upload a document" });
    await form.getByRole("textbox", { name: section.name("Title") }).fill("Wound, left heel");
    await form.getByLabel(section.name("Kind")).selectOption({ label: "Photograph" });
    await form.locator("input[type=file]").setInputFiles({ name: "heel.png", mimeType: "image/png", buffer: await photograph(page) });
    await form.getByRole("button", { name: section.name("File document") }).click();
    await form.waitFor({ state: "detached" });
    await note(alice, "Wound, left heel").getByRole("img", { name: "Wound, left heel" }).waitFor();
    await section.picture("uploaded", alice);
    await row(bob, "Wound, left heel").waitFor();
    assert.ok(section.text.includes("up to 4 MB"));
  },
};

/** What stands for a photograph: rings, in the colours of skin. */
async function photograph(page) {
  const base64 = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 320 });
    const draw = canvas.getContext("2d");
    for (const [radius, colour] of [[600, "#d9b08c"], [110, "#c98f72"], [70, "#a85a4a"], [30, "#7c2f2b"]]) {
      draw.fillStyle = colour;
      draw.beginPath();
      draw.arc(240, 160, radius, 0, 2 * Math.PI);
      draw.fill();
    }
    return canvas.toDataURL("image/png").split(",")[1];
  });
  return Buffer.from(base64, "base64");
}
