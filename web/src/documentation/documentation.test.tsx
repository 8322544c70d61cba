import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { FakeText } from "../../test/fakeChartroom";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { contentOf, toBase64 } from "./content";
// Loaded beforehand, so that no test waits for it.
import "./DocumentationTab";
import { isBlank, kindOf, NOTE_KINDS, template } from "./kinds";
import { typedText } from "./late";
import { noteOf, stateText } from "./note";
import { branches, found } from "./tree";
import { FILE_BYTES_MAX, fileProblem, readFile } from "./upload";
import { amendment, contextOf, signature } from "./write";

// The editor measures what jsdom does not lay out; the browser tests write in it.
vi.mock("./NoteEditor", () => ({ default: ({ text, label }: { text: FakeText; label: string }) => <textarea aria-label={label} defaultValue={text.toString()} onChange={(event) => text.replace(event.target.value)} /> }));

const ALICE = { id: "alice", name: "Alice Chen" };
const NOW = new Date("2026-11-29T08:00:00Z");

function filed(id: string, text: string, more: Record<string, unknown> = {}): Resource {
  return {
    resourceType: "DocumentReference",
    id,
    status: "current",
    type: { coding: [{ system: "http://loinc.org", code: "11506-3" }], text: "Progress note" },
    date: "2020-01-02T08:00:00Z",
    content: [{ attachment: { contentType: "text/plain; charset=utf-8", data: toBase64(text) } }],
    ...more,
  };
}

const DRAFT: Resource = { ...filed("draft", ""), docStatus: "preliminary", description: "Ward round", content: [{ attachment: { contentType: "text/plain" } }] };
const SIGNED = filed("signed", "Walks with a frame. Größe 1,70 m.", { docStatus: "final", description: "Morning round", authenticator: { display: "Bob Diaz" } });

function open(resources: readonly Resource[]) {
  return renderChart(resources, "alice", "/notes");
}

async function openNote(resources: readonly Resource[], title: string, as = "alice") {
  const chart = await renderChart(resources, as, "/notes");
  const tree = await screen.findByRole("tree", { name: "Notes" });
  await chart.user.click(within(tree).getByText(title));
  return { ...chart, article: await screen.findByRole("article", { name: title }) };
}

it("reads what is in a document, and of markup the words alone", () => {
  expect(contentOf(SIGNED)).toEqual({ kind: "text", text: "Walks with a frame. Größe 1,70 m." });
  expect(contentOf(DRAFT)).toEqual({ kind: "shared" });
  expect(contentOf(filed("a", "<p>One</p><script>alert(1)</script><p>Two</p>", { content: [{ attachment: { contentType: "text/html", data: toBase64("<p>One</p><p>Two &amp; three</p>") } }] }))).toEqual({ kind: "text", text: "One\nTwo & three" });
  expect(contentOf({ resourceType: "Composition", id: "c", section: [{ title: "Plan", text: { div: "<div>Home tomorrow</div>" } }] })).toEqual({ kind: "text", text: "Plan\nHome tomorrow" });
  expect(contentOf({ resourceType: "DocumentReference", id: "u", content: [{ attachment: { contentType: "application/pdf", url: "Binary/1" } }] })).toEqual({ kind: "elsewhere", url: "Binary/1" });
  expect(contentOf(filed("b", "", { content: [{ attachment: { contentType: "text/plain", data: "%%%" } }] }))).toEqual({ kind: "text", text: "This text cannot be read." });
});

it("says how a note stands", () => {
  const state = (more: Record<string, unknown>) => stateText(noteOf(filed("n", "", more)));
  expect(state({})).toBe("Filed");
  expect(state({ docStatus: "preliminary" })).toBe("Draft");
  expect(state({ docStatus: "preliminary", relatesTo: [{ code: "appends", target: { reference: "DocumentReference/x" } }] })).toBe("Proposed addendum");
  expect(state({ docStatus: "amended" })).toBe("Amended");
  expect(state({ docStatus: "final", status: "entered-in-error" })).toBe("Entered in error");
  expect(noteOf({ resourceType: "DocumentReference", id: "bare" })).toMatchObject({ title: "Document", state: "filed", author: "", date: "" });
});

it("groups by encounter and by kind, the latest first, addenda beneath their note", () => {
  const stay: Resource = { resourceType: "Encounter", id: "e", type: [{ text: "Hospital admission (procedure)" }], period: { start: "2020-01-01" } };
  const at = { context: { encounter: [{ reference: "Encounter/e" }] } };
  const notes = [filed("old", "", { ...at, date: "2020-01-01" }), filed("new", "", { ...at, date: "2020-01-03" }), filed("more", "", { relatesTo: [{ code: "appends", target: { reference: "DocumentReference/old" } }] }), DRAFT].map(noteOf);
  const [loose, admission] = branches(notes, "encounter", [stay]);
  expect(loose).toMatchObject({ label: "No encounter", leaves: [{ note: { title: "Ward round" } }] });
  expect(admission?.label).toBe("Hospital admission · 1 Jan 2020");
  expect(admission?.leaves.map(({ note, addenda }) => [note.key, addenda.length])).toEqual([["DocumentReference/new", 0], ["DocumentReference/old", 1]]);
  expect(branches(notes, "kind", [stay]).map(({ label }) => label)).toEqual(["Progress note"]);
});

it("lists notes that append each other, none of them twice", () => {
  const appends = (id: string, of: string) => noteOf(filed(id, "", { relatesTo: [{ code: "appends", target: { reference: `DocumentReference/${of}` } }] }));
  const [group] = branches([appends("a", "b"), appends("b", "a"), appends("c", "a")], "kind", []);
  expect(group?.leaves).toHaveLength(3);
});

it("finds words in texts, and keeps the note of an addendum", () => {
  const more = filed("more", "refused the dose", { relatesTo: [{ code: "appends", target: { reference: "DocumentReference/signed" } }] });
  const notes = [SIGNED, more, DRAFT].map(noteOf);
  expect(found(notes, "DOSE refused").map(({ key }) => key)).toEqual(["DocumentReference/signed", "DocumentReference/more"]);
  expect(found(notes, "nowhere")).toEqual([]);
});

it("has headings for each kind of note, which are no text", () => {
  for (const kind of NOTE_KINDS) expect(isBlank(template(kind))).toBe(true);
  expect(isBlank("Plan:\nHome")).toBe(false);
  expect(kindOf("18842-5")?.label).toBe("Discharge summary");
});

it("puts together what was typed too late, in the order of the text", () => {
  const typed = (at: number, word: string) => [...word].map((letter, place) => ({ index: at + place, delete: 0, insert: letter }));
  expect(typedText(typed(10, "late"))).toBe("late");
  expect(typedText([...typed(50, "second"), ...typed(5, "first")])).toBe("first\nsecond");
  expect(typedText([...typed(3, "wrong"), { index: 3, delete: 5, insert: "right" }])).toBe("right");
  expect(typedText([...typed(3, "abc"), { index: 4, delete: 4, insert: "" }])).toBe("a");
  expect(typedText([{ index: 3, delete: 9, insert: "" }])).toBe("");
});

it("signs with the text that was seen, and amends with a reason that stands beside other extensions", () => {
  const signed = signature(DRAFT, "Größe", ALICE, NOW);
  expect(signed).toMatchObject({ docStatus: "final", authenticator: { display: "Alice Chen" }, content: [{ attachment: { data: "R3LDtsOfZQ==", creation: NOW.toISOString() } }] });
  const before: Resource = { ...DRAFT, extension: [{ url: "urn:other", valueString: "kept" }] };
  expect(amendment(before, "Other", "wrong side", ALICE, NOW)["extension"]).toEqual([{ url: "urn:other", valueString: "kept" }, { url: expect.stringContaining("amendment-reason"), valueString: "wrong side" }]);
  expect(contextOf({ encounter: [{ reference: "Encounter/1" }], event: [] }, "")).toEqual({ event: [] });
  expect(contextOf({ encounter: [{ reference: "Encounter/1" }] }, "")).toBeNull();
});

it("refuses files before it reads them, and those that are not what they say", async () => {
  expect(fileProblem(null)).toBe("Choose a file.");
  expect(fileProblem({ name: "a.exe", type: "application/x-msdownload", size: 10 })).toMatch(/another type/);
  expect(fileProblem({ name: "a.pdf", type: "application/pdf", size: 50 * 1024 * 1024 })).toBe("a.pdf has 50 MB; a document has 4 MB at most.");
  expect(fileProblem({ name: "a.pdf", type: "application/pdf", size: FILE_BYTES_MAX })).toBeNull();
  expect(fileProblem({ name: "a.txt", type: "text/plain", size: 0 })).toBe("a.txt is empty.");
  expect(await readFile(new File(["%PDF-1.7"], "a.pdf", { type: "application/pdf" }))).toEqual({ data: btoa("%PDF-1.7") });
  expect(await readFile(new File(["<svg>"], "a.png", { type: "image/png" }))).toEqual({ problem: "a.png is no PNG file, whatever its name says." });
  expect(await readFile(new File([new Uint8Array([0xff, 0xfe])], "a.txt", { type: "text/plain" }))).toEqual({ problem: "a.txt is no plain text in UTF-8." });
});

it("begins a note of a kind with its headings, which cannot be signed", async () => {
  const { user, room } = await open([]);
  await user.click(await screen.findByRole("button", { name: "New note" }));
  await user.click(await screen.findByRole("menuitem", { name: "Discharge summary" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add note" }));
  await user.click(dialog.getByRole("button", { name: "Add note" }));
  const article = within(await screen.findByRole("article", { name: "Discharge summary" }));
  expect(await article.findByText(/nothing beneath the headings/)).toBeVisible();
  expect(article.getByRole("button", { name: "Sign" })).toBeDisabled();
  expect(room.list("DocumentReference")[0]).toMatchObject({ docStatus: "preliminary", description: "Discharge summary", subject: { reference: "Patient/1" }, author: [{ display: "Alice Chen" }] });
});

it("signs what is written; a refused signature is told, and the note is a draft again", async () => {
  const { user, room, article } = await openNote([DRAFT], "Ward round");
  expect(await within(article).findByText(/The note is empty/)).toBeVisible();
  await user.type(await within(article).findByRole("textbox", { name: "Text of Ward round" }), "Walks.");
  await user.click(within(article).getByRole("button", { name: "Sign" }));
  await waitFor(() => expect(room.get("DocumentReference", "draft")).toMatchObject({ docStatus: "final", authenticator: { display: "Alice Chen" } }));
  expect(await within(article).findByText(/not saved at the server yet/)).toBeVisible();
  act(() => room.refuse("changed-since-viewed", "the note changed since its signer saw it"));
  expect(await screen.findByText("Ward round was not signed")).toBeVisible();
  expect(await within(article).findByRole("button", { name: "Sign" })).toBeEnabled();
});

it("signs nothing while two texts stand beside each other", async () => {
  const { room, article } = await openNote([DRAFT], "Ward round");
  const side = (name: string, value: string) => ({ value, author: { id: name, name }, authored_ms: 1, hash: name, shown: name === "Alice" });
  act(() => room.dispute([{ resource_type: "DocumentReference", id: "draft", kind: "text", elements: ["content"], safety: true, values: [side("Alice", "One"), side("Bob", "Two")] }]));
  expect(await within(article).findByText(/Two texts of this note/)).toBeVisible();
  const dispute = within(within(article).getByRole("group", { name: "Conflict in Ward round" }));
  expect(dispute.getByText("Two")).toBeVisible();
  expect(dispute.getByRole("button", { name: "Keep the text of Bob" })).toBeEnabled();
});

it("makes late words a proposed addendum of who typed them", async () => {
  const { user, room } = await openNote([SIGNED], "Morning round");
  act(() => room.refuseTyping("signed", [{ index: 4, delete: 0, insert: "Refused the dose." }]));
  const late = within(await screen.findByRole("alert"));
  expect(late.getByText(/Bob Diaz signed the note while you were writing/)).toBeVisible();
  expect(late.getByText("Refused the dose.")).toBeVisible();
  await user.click(late.getByRole("button", { name: "Make it an addendum" }));
  expect(room.refused).toEqual([]);
  const addendum = room.list("DocumentReference").find(({ id }) => id !== "signed");
  expect(addendum).toMatchObject({ docStatus: "preliminary", relatesTo: [{ code: "appends", target: { reference: "DocumentReference/signed" } }] });
  expect(String(await room.text("DocumentReference", addendum!.id, "content"))).toBe("Refused the dose.");
});

it("amends with a reason, and shows the version before", async () => {
  const { user, room, article } = await openNote([DRAFT], "Ward round");
  act(() => room.colleague("DocumentReference", "draft", { docStatus: "final", content: [{ attachment: { contentType: "text/plain", data: toBase64("Left side") } }] }));
  await user.click(await within(article).findByRole("button", { name: "Amend" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Amend the signed note" }));
  await user.click(dialog.getByRole("button", { name: "Amend" }));
  expect(await dialog.findByText(/Say why/)).toBeVisible();
  expect(dialog.getByText(/The text is as it was signed/)).toBeVisible();
  await user.clear(dialog.getByRole("textbox", { name: "Text" }));
  await user.type(dialog.getByRole("textbox", { name: "Text" }), "Right side");
  await user.type(dialog.getByRole("textbox", { name: "Reason" }), "Wrong side");
  await user.click(dialog.getByRole("button", { name: "Amend" }));
  expect(room.get("DocumentReference", "draft")).toMatchObject({ docStatus: "amended" });
  expect(await within(article).findByText("Reason: Wrong side")).toBeVisible();
  await user.click(within(article).getByRole("button", { name: "Earlier versions" }));
  expect(within(await within(article).findByRole("article", { name: "As signed by Bob Diaz" })).getByText("Left side")).toBeVisible();
});

it("says who is in a note, and shows a reader nothing to press", async () => {
  const { room, article } = await openNote([DRAFT], "Ward round", "charlie");
  act(() => room.visitor({ tab: "notes", resource: "DocumentReference/draft" }));
  expect(await within(article).findByRole("listitem", { name: "Bob Diaz is in this note" })).toBeVisible();
  expect(within(article).queryByRole("button")).toBeNull();
  expect(screen.queryByRole("button", { name: "New note" })).toBeNull();
  expect(room.presence.own).toMatchObject({ tab: "notes", resource: "DocumentReference/draft" });
});

it("keeps the form where a note is refused", async () => {
  const { user, room } = await open([]);
  await user.click(await screen.findByRole("button", { name: "New note" }));
  await user.click(await screen.findByRole("menuitem", { name: "Consult note" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add note" }));
  await user.type(dialog.getByRole("textbox", { name: "Title" }), "Cardiology");
  await user.click(dialog.getByRole("button", { name: "Add note" }));
  await act(async () => room.refuse("read-only", "read only"));
  await user.click(await screen.findByRole("button", { name: "Open again with your text" }));
  expect(within(await screen.findByRole("dialog", { name: "Add note" })).getByRole("textbox", { name: "Title" })).toHaveValue("Cardiology");
});
