// The documentation of a chart as two people write it: a note together with cursors, its signature
// while the other types, amendments, addenda, documents, and what may not be filed or signed.
import assert from "node:assert/strict";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { until } from "../support/server.mjs";
import { checked } from "./axe.mjs";
import { refusalsInStore } from "./client.mjs";
import { Line } from "./line.mjs";
import { Ward, Window } from "./pages.mjs";
import { note as noteCommand, put } from "./resources.mjs";

const PATIENT = "niamh-oyelaran";
const ROOM = `patient:${PATIENT}`;
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

let ward, server, alice, bob, line;

before(async () => {
  ward = await Ward.open("documentation");
  ({ server, alice, bob } = ward);
  line = await Line.start(server.port);
  bob.server = { http: `http://127.0.0.1:${line.port}` };
  await server.command(ROOM, put("Encounter", "stay", { status: "in-progress", class: { code: "IMP" }, type: [{ text: "Hospital admission" }], subject: { reference: `Patient/${PATIENT}` }, period: { start: "2026-11-20T08:00:00Z" } }));
  for (const window of [alice, bob]) await documentation(window);
});

after(async () => {
  await line?.end();
  await ward?.close();
});

afterEach(() => ward.faultless());

async function documentation(window, patient = PATIENT) {
  await window.page.goto(`${window.server.http}/patients/${patient}/notes?as=${window.person}`);
  await tree(window).waitFor({ state: "attached" });
}

function tree({ page }) {
  return page.getByRole("tree", { name: "Notes" });
}

function row(window, text) {
  return tree(window).locator("[data-value] > div").filter({ hasText: text }).first();
}

function note({ page }, title) {
  return page.getByRole("article", { name: title, exact: true });
}

function editor({ page }) {
  return page.getByRole("textbox", { name: /^Text of/ });
}

function late({ page }) {
  return page.getByRole("alert").filter({ hasText: "Your text came too late" });
}

/** Begins a note of a kind. */
async function begin({ page }, kind, title) {
  await page.getByRole("button", { name: "New note" }).click();
  await page.getByRole("menuitem", { name: kind }).click();
  const dialog = page.getByRole("dialog", { name: "Add note" });
  await dialog.getByRole("textbox", { name: "Title" }).fill(title);
  await dialog.getByRole("button", { name: "Add note" }).click();
  await dialog.waitFor({ state: "detached" });
}

async function write(window, words) {
  await editor(window).click();
  await window.page.keyboard.press("Control+End");
  await window.page.keyboard.type(words);
}

async function sign(window, title) {
  await note(window, title).getByRole("button", { name: "Sign" }).click();
  await note(window, title).getByText(/^Signed by/).waitFor();
  await window.saveState("Saved");
}

async function stored(title) {
  const { resources } = await server.document(ROOM);
  return Object.values(resources.DocumentReference ?? {}).find(({ description }) => description === title);
}

async function events(id) {
  const { events } = await server.json(`/rooms/${encodeURIComponent(ROOM)}/events`);
  return events.filter(({ resource_id: about }) => about === id).map(({ event }) => event);
}

function signedText({ content }) {
  return Buffer.from(content[0].attachment.data, "base64").toString();
}

test("a note that has nothing but headings cannot be signed, and says why", async () => {
  await begin(alice, "Progress note", "Ward round");
  await note(alice, "Ward round").getByText("There is nothing beneath the headings yet.").waitFor();
  await alice.page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Text of Ward round");
  assert.ok(await note(alice, "Ward round").getByRole("button", { name: "Sign" }).isDisabled());
  await alice.page.getByRole("textbox", { name: "Text of Ward round" }).waitFor();
  await alice.pictures("documentation-1-begun");
});

test("two people write one note at once, and each sees where the other is", async () => {
  await row(bob, "Ward round").click();
  await Promise.all([write(alice, "Walks with a frame. "), editor(bob).click()]);
  await bob.page.keyboard.press("Control+Home");
  await bob.page.keyboard.press("End");
  await Promise.all([bob.page.keyboard.type(" slept well"), alice.page.keyboard.type("Physiotherapy today.")]);
  for (const window of [alice, bob]) {
    await editor(window).filter({ hasText: "slept well" }).filter({ hasText: "Walks with a frame. Physiotherapy today." }).waitFor();
  }
  await alice.page.locator(".cr-caret-name", { hasText: "Bob Diaz" }).waitFor();
  await bob.page.locator(".cr-caret-name", { hasText: "Alice Chen" }).waitFor();
  await note(alice, "Ward round").getByRole("listitem", { name: "Bob Diaz is in this note" }).waitFor();
  await alice.colleague("Bob Diaz, in Documentation").waitFor();
  await alice.pictures("documentation-2-together");
  await alice.saveState("Saved");
  await bob.saveState("Saved");
});

test("undo takes back one's own typing alone", async () => {
  await editor(bob).press("Control+z");
  await editor(alice).filter({ hasNotText: "slept well" }).filter({ hasText: "Physiotherapy today." }).waitFor();
  await editor(bob).press("Control+y");
  await editor(alice).filter({ hasText: "slept well" }).waitFor();
});

test("a reload in the middle comes back to the note and to every letter", async () => {
  await bob.reload();
  await editor(bob).filter({ hasText: "slept well" }).filter({ hasText: "Physiotherapy today." }).waitFor();
  await bob.reload();
  await editor(bob).waitFor();
  await bob.saveState("Saved");
});

test("what is typed without a connection is kept and arrives", async () => {
  line.silence(true);
  line.cut();
  await bob.saveState(/Offline|Connecting/);
  await editor(bob).press("Control+End");
  // As one edit: letters by themselves are more, of which the last may be kept later.
  await bob.page.keyboard.insertText(" Ate half of lunch.");
  await bob.saveState(/1 edit not yet saved/);
  // Before that the window asks whether it may go.
  await bob.connection(/1 edit waits, kept on this device/).waitFor();
  line.silence(false);
  line.cut();
  await bob.reload();
  await editor(alice).filter({ hasText: "Ate half of lunch." }).waitFor();
  await bob.saveState("Saved");
});

test("signed while the other types: the signed text stands, and the late words become an addendum of theirs", async () => {
  await editor(bob).filter({ hasText: "Ate half of lunch." }).waitFor();
  line.silence(true);
  await write(bob, "Refused the evening dose.");
  await sign(alice, "Ward round");
  const signed = await stored("Ward round");
  assert.deepEqual([signed.docStatus, signed.authenticator.display], ["final", "Alice Chen"]);
  assert.ok(!signedText(signed).includes("Refused"), "what Alice did not see is not in what she signed");
  line.silence(false);
  line.cut();
  await late(bob).filter({ hasText: "Alice Chen signed the note" }).filter({ hasText: "Refused the evening dose." }).waitFor();
  await note(bob, "Ward round").getByText(/^Signed by Alice Chen/).waitFor();
  await bob.pictures("documentation-3-too-late");
  await bob.reload();
  await late(bob).filter({ hasText: "Refused the evening dose." }).waitFor();
  await late(bob).getByRole("button", { name: "Make it an addendum" }).click();
  await late(bob).waitFor({ state: "detached" });
  await editor(bob).filter({ hasText: "Refused the evening dose." }).waitFor();
  await bob.saveState("Saved");
  const addendum = await stored("Addendum to Ward round");
  assert.deepEqual([addendum.docStatus, addendum.author[0].display, addendum.relatesTo[0].target.reference], ["preliminary", "Bob Diaz", `DocumentReference/${signed.id}`]);
  await row(alice, "Addendum to Ward round").filter({ hasText: "Proposed addendum" }).waitFor();
  await note(alice, "Ward round").getByRole("region", { name: "Addendum to Ward round" }).filter({ hasText: "Proposed addendum by Bob Diaz" }).waitFor();
  const text = await server.json(`/rooms/${encodeURIComponent(ROOM)}/texts/DocumentReference/${signed.id}/content`);
  assert.ok(!JSON.stringify(text).includes("Refused"), "the signed text is as it was signed");
  assert.ok((await events(signed.id)).includes("NOTE_SIGNED"));
  assert.ok((await events(addendum.id)).includes("NOTE_ADDENDUM"));
});

test("the addendum is signed, and is read beneath its note", async () => {
  await sign(bob, "Addendum to Ward round");
  await note(alice, "Ward round").getByRole("region", { name: "Addendum to Ward round" }).filter({ hasText: "signed by Bob Diaz" }).filter({ hasText: "Refused the evening dose." }).waitFor();
  await alice.pictures("documentation-4-addendum");
});

test("an amendment needs a reason; the colleague reads it, and the old version", async () => {
  await note(alice, "Ward round").getByRole("button", { name: "Amend" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Amend the signed note" });
  await dialog.getByRole("textbox", { name: "Text" }).fill("Walks without help.");
  await dialog.getByRole("button", { name: "Amend" }).click();
  await dialog.getByText("Say why, for those who read the chart later.").waitFor();
  await alice.pictures("documentation-5-amending");
  await dialog.getByRole("textbox", { name: "Reason" }).fill("The frame was of the neighbour");
  await dialog.getByRole("button", { name: "Amend" }).click();
  await dialog.waitFor({ state: "detached" });
  await row(bob, "Ward round").click();
  const read = note(bob, "Ward round");
  await read.filter({ hasText: "Walks without help." }).filter({ hasText: "Reason: The frame was of the neighbour" }).getByText(/^Amended by Alice Chen/).waitFor();
  await read.getByRole("listitem", { name: "Alice Chen is in this note" }).waitFor();
  await read.getByRole("button", { name: "Earlier versions" }).click();
  await read.getByRole("article", { name: "As signed by Alice Chen" }).filter({ hasText: "Walks with a frame." }).waitFor();
  await bob.pictures("documentation-6-amended");
  await alice.saveState("Saved");
  assert.ok((await events((await stored("Ward round")).id)).includes("NOTE_AMENDED"));
});

test("what is refused of a window that was closed meanwhile is told by the next one, on every page of the chart", async () => {
  await begin(alice, "Progress note", "Late round");
  await write(alice, "Asleep at two.");
  await alice.saveState("Saved");
  await row(bob, "Late round").click();
  await editor(bob).filter({ hasText: "Asleep at two." }).waitFor();
  await bob.saveState("Saved");
  line.silence(true);
  line.cut();
  await bob.saveState(/Offline|Connecting/);
  await note(bob, "Late round").getByRole("button", { name: "Sign" }).click();
  await note(bob, "Late round").getByText(/^Signed by/).waitFor();
  await bob.connection(/1 edit waits, kept on this device/).waitFor();
  await bob.page.goto("about:blank");
  // What Bob signed is not what stands.
  await write(alice, " Awake at four.");
  await alice.saveState("Saved");
  line.silence(false);
  line.cut();
  await bob.page.goto(`${bob.server.http}/patients/${PATIENT}?as=bob`);
  const refused = bob.page.getByRole("region", { name: "Edits that were not saved" });
  await refused.getByRole("alert", { name: "Not saved: sign Late round" }).waitFor();
  assert.equal(await refused.getByRole("button", { name: "Try again" }).count(), 0, "nobody signs what they have not read");
  await bob.saveState("1 edit was not accepted");
  await refused.getByText("Asleep at two.").waitFor();
  for (const scheme of ["dark", "light"]) {
    await bob.colours(scheme);
    assert.deepEqual((await checked(bob.page)).findings, []);
  }
  await bob.pictures("documentation-10-refused-elsewhere");
  await bob.tab("Documentation");
  await refused.getByRole("button", { name: "Discard" }).click();
  await refused.waitFor({ state: "detached" });
  await until("the device keeps it no more", () => bob.page.evaluate(refusalsInStore, 0));
  await bob.reload();
  await bob.opened();
  await bob.saveState("Saved");
  assert.equal(await refused.count(), 0);
  assert.equal((await stored("Late round")).docStatus, "preliminary");
  await row(bob, "Ward round").click();
});

test("a document is filed from the form, and shown to both", async () => {
  await alice.page.getByRole("button", { name: "Upload" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Upload a document" });
  await dialog.getByRole("textbox", { name: "Title" }).fill("Wound, left heel");
  await dialog.getByLabel("Kind").selectOption({ label: "Photograph" });
  await dialog.locator("input[type=file]").setInputFiles({ name: "heel.png", mimeType: "image/png", buffer: PNG });
  await dialog.getByRole("button", { name: "File document" }).click();
  await dialog.waitFor({ state: "detached" });
  await note(alice, "Wound, left heel").getByRole("img", { name: "Wound, left heel" }).waitFor();
  await alice.saveState("Saved");
  await row(bob, "Wound, left heel").click();
  const image = note(bob, "Wound, left heel").getByRole("img", { name: "Wound, left heel" });
  assert.equal(await image.evaluate((img) => img.decode().then(() => img.naturalWidth)), 1, "the page may show the image");
  assert.ok((await events((await stored("Wound, left heel")).id)).includes("DOCUMENT_UPLOADED"));
});

test("a file of another type, one of 50 MB and one that is not what it says are refused beside the field", async () => {
  const large = join(ward.folder.path, "scan.pdf");
  await writeFile(large, "%PDF-1.7");
  await truncate(large, 50 * 1024 * 1024);
  await alice.page.evaluate(() => {
    window.reads = 0;
    const { readAsDataURL } = FileReader.prototype;
    FileReader.prototype.readAsDataURL = function (blob) {
      window.reads += 1;
      return readAsDataURL.call(this, blob);
    };
  });
  await alice.page.getByRole("button", { name: "Upload" }).click();
  const dialog = alice.page.getByRole("dialog", { name: "Upload a document" });
  const file = dialog.locator("input[type=file]");
  await dialog.getByRole("textbox", { name: "Title" }).fill("Letter of the practice");
  await file.setInputFiles({ name: "tool.exe", mimeType: "application/x-msdownload", buffer: Buffer.from("MZ") });
  await dialog.getByText("tool.exe is of another type.").waitFor();
  await file.setInputFiles(large);
  await dialog.getByText("scan.pdf has 50 MB; a document has 4 MB at most.").waitFor();
  await dialog.getByRole("button", { name: "File document" }).click();
  await dialog.getByText("scan.pdf has 50 MB").waitFor();
  assert.equal(await alice.page.evaluate(() => window.reads), 0, "a file that is too large is not read");
  await alice.pictures("documentation-7-refused-file");
  await file.setInputFiles({ name: "letter.pdf", mimeType: "application/pdf", buffer: Buffer.from("<script>") });
  await dialog.getByRole("button", { name: "File document" }).click();
  await dialog.getByText("letter.pdf is no PDF file").waitFor();
  assert.equal(await dialog.getByRole("textbox", { name: "Title" }).inputValue(), "Letter of the practice");
  const dropped = await alice.page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["%PDF-1.4 a letter"], "letter.pdf", { type: "application/pdf" }));
    return data;
  });
  await dialog.getByText("Choose a file, or drop it here").or(dialog.getByText("letter.pdf", { exact: true })).first().dispatchEvent("drop", { dataTransfer: dropped });
  await dialog.getByRole("button", { name: "File document" }).click();
  await dialog.waitFor({ state: "detached" });
  const undo = alice.page.getByRole("alert").filter({ hasText: "Filed Letter of the practice" }).getByRole("button", { name: "Undo" });
  // It goes by itself, but not once it had the focus.
  await undo.focus();
  const [opened] = await Promise.all([alice.context.waitForEvent("page"), note(alice, "Letter of the practice").getByRole("link", { name: "Open in a new tab" }).click()]);
  const [download] = await Promise.all([alice.page.waitForEvent("download"), note(alice, "Letter of the practice").getByRole("link", { name: "Download" }).click()]);
  assert.equal(download.suggestedFilename(), "letter.pdf");
  assert.match(opened.url(), /^blob:/);
  await opened.close();
  await undo.click();
  await row(bob, "Letter of the practice").waitFor({ state: "detached" });
});

test("one who may only read sees the note being written, and can do nothing to it", async () => {
  await begin(alice, "Consult note", "Cardiology");
  await write(alice, "Murmur over the heart.");
  const charlie = await Window.open(ward.chromium, server, "charlie");
  await documentation(charlie);
  await row(charlie, "Cardiology").click();
  await editor(charlie).filter({ hasText: "Murmur over the heart." }).waitFor();
  await alice.page.keyboard.type(" No oedema.");
  await editor(charlie).filter({ hasText: "No oedema." }).waitFor();
  await editor(charlie).click();
  await charlie.page.keyboard.type("xyz");
  assert.ok(!(await editor(charlie).innerText()).includes("xyz"));
  for (const name of ["New note", "Upload", "Sign", "Edit Cardiology", "Remove Cardiology"]) assert.equal(await charlie.page.getByRole("button", { name, exact: true }).count(), 0, name);
  assert.deepEqual(charlie.faults, []);
  await charlie.context.close();
});

test("a text that two people begin apart is shown twice, and is not signed before somebody has chosen", async () => {
  await server.command(ROOM, noteCommand(PATIENT, "handover", "Handover"));
  for (const window of [alice, bob]) {
    await row(window, "Handover").click();
    await editor(window).waitFor();
  }
  line.silence(true);
  await write(bob, "Slept through.");
  await bob.saveState(/Saving/);
  await write(alice, "Restless at night.");
  await until("the server has Alice's text", async () => (await server.text(`/rooms/${encodeURIComponent(ROOM)}/texts/DocumentReference/handover/content`)).includes("Restless at night."));
  await alice.saveState("Saved");
  line.silence(false);
  line.cut();
  const dispute = (window) => note(window, "Handover").getByRole("group", { name: "Conflict in Handover" });
  for (const window of [alice, bob]) {
    await dispute(window).filter({ hasText: "Slept through." }).filter({ hasText: "Restless at night." }).waitFor();
    await note(window, "Handover").getByText("Two texts of this note stand beside each other.").waitFor();
    assert.ok(await note(window, "Handover").getByRole("button", { name: "Sign" }).isDisabled());
  }
  await alice.pictures("documentation-9-begun-apart");
  await dispute(alice).getByRole("button", { name: "Keep all, one beneath the other" }).click();
  for (const window of [alice, bob]) {
    await dispute(window).waitFor({ state: "detached" });
    // A caret may stand within the words of the other side.
    await editor(window).filter({ hasText: "Slept through." }).waitFor();
  }
  await sign(alice, "Handover");
  assert.equal(signedText(await stored("Handover")), "Restless at night.\n\nSlept through.");
});

test("letters that came in the moment of a signature are shown apart from what was signed", async () => {
  const at = { resourceType: "DocumentReference", id: "race" };
  await server.command(ROOM, noteCommand(PATIENT, at.id, "Night round"));
  await server.command(ROOM, { kind: "setText", ...at, element: "content", text: "Sleeps.\nCoughs." });
  await server.command(ROOM, { kind: "patch", ...at, elements: { docStatus: "final", authenticator: { display: "Alice Chen" }, content: [{ attachment: { contentType: "text/plain", data: Buffer.from("Sleeps.").toString("base64") } }] } });
  await row(bob, "Night round").click();
  const apart = note(bob, "Night round").getByRole("region", { name: "Not in what was signed" });
  await apart.filter({ hasText: "Coughs." }).filter({ hasNotText: "Sleeps." }).getByRole("button", { name: "Make them an addendum" }).click();
  await editor(bob).filter({ hasText: "Coughs." }).waitFor();
});

test("a note that was removed is put back with its text", async () => {
  await begin(alice, "Procedure note", "Chest drain");
  await write(alice, "Drain in the fifth space.");
  await row(bob, "Chest drain").click();
  await editor(bob).filter({ hasText: "Drain in the fifth space." }).waitFor();
  await alice.page.getByRole("button", { name: "Remove Chest drain" }).click();
  await alice.page.getByText("Removed Chest drain").waitFor();
  await bob.page.getByText(/^Alice Chen removed Chest drain ·/).waitFor();
  await bob.page.getByRole("button", { name: "Put it back" }).click();
  for (const window of [alice, bob]) await editor(window).filter({ hasText: "Drain in the fifth space." }).waitFor();
});

test("the tree is searched and walked with the keyboard", async () => {
  await alice.page.getByRole("searchbox", { name: "Search notes" }).fill("without help");
  await alice.page.getByRole("status", { name: "Notes shown" }).filter({ hasText: /^1 of \d+ notes$/ }).waitFor();
  await alice.page.getByRole("searchbox", { name: "Search notes" }).press("Tab");
  await alice.page.getByText("By kind").click();
  await tree(alice).getByRole("treeitem").first().focus();
  await alice.page.keyboard.press("ArrowDown");
  await alice.page.keyboard.press("Enter");
  await note(alice, "Ward round").waitFor();
  await alice.page.getByRole("searchbox", { name: "Search notes" }).fill("");
});

test("thousands of notes stay smooth", async () => {
  const many = Array.from({ length: 3000 }, (_, index) => filed(index));
  for (let start = 0; start < many.length; start += 250) await server.command("patient:casimir-doyle", many.slice(start, start + 250));
  await documentation(alice, "casimir-doyle");
  await alice.page.getByRole("status", { name: "Notes shown" }).filter({ hasText: "3,000 notes" }).waitFor();
  await alice.page.getByText("By kind").click();
  await row(alice, "Show 60 more").waitFor();
  await alice.watchFrames();
  await alice.page.getByRole("searchbox", { name: "Search notes" }).pressSequentially("visit 2999", { delay: 40 });
  await alice.page.getByRole("status", { name: "Notes shown" }).filter({ hasText: "1 of 3,000 notes" }).waitFor();
  await row(alice, "Visit 2999").click();
  await note(alice, "Visit 2999").filter({ hasText: "Seen in the clinic, visit 2999." }).waitFor();
  await alice.smooth();
});

function filed(index) {
  const text = `Seen in the clinic, visit ${index}.\n${"Nothing to report. ".repeat(60)}`;
  return {
    kind: "put",
    resource: {
      resourceType: "DocumentReference",
      id: `visit-${index}`,
      status: "current",
      type: { coding: [{ system: "http://loinc.org", code: "11506-3" }], text: "Progress note" },
      description: `Visit ${index}`,
      subject: { reference: "Patient/casimir-doyle" },
      date: new Date(Date.UTC(2020, 0, 1) + index * 3_600_000).toISOString(),
      content: [{ attachment: { contentType: "text/plain; charset=utf-8", data: Buffer.from(text).toString("base64") } }],
    },
  };
}

test("on a tablet nothing is wider than the page", async () => {
  // What others wrote since may be told over the tree.
  const since = bob.page.getByRole("region", { name: "Since you last looked" });
  await bob.page.addLocatorHandler(since, () => since.getByRole("button", { name: "Seen" }).click());
  await documentation(bob);
  await row(bob, "Ward round").click();
  await note(bob, "Ward round").waitFor();
  await bob.page.setViewportSize({ width: 820, height: 1180 });
  await bob.pictures("documentation-8-tablet");
  await until("the page fits", async () => (await bob.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0);
});
