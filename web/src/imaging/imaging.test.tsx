import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Json, Resource } from "../shared/chartroom";
import { placesOf } from "./endpoint";
import { formsOf } from "./form";
import { regionsOf } from "./region";
import { amendments, isImagingReport, readReport, reportElements, reportsByStudy } from "./report";
import { studiesOf, studyOf } from "./study";

const ALICE = { id: "alice", name: "Alice Chen" };
const CHEST_SERIES = {
  uid: "1.2.3",
  number: 1,
  modality: { code: "DX", display: "Digital Radiography" },
  bodySite: { system: "http://snomed.info/sct", code: "51185008", display: "Thoracic structure" },
  numberOfInstances: 2,
  instance: [{ title: "Image of chest" }, { title: "Image of chest" }],
};
const CHEST: Resource = {
  resourceType: "ImagingStudy",
  id: "chest",
  status: "available",
  description: "Chest X-ray",
  started: "2026-03-01T10:00:00Z",
  reasonCode: [{ text: "Cough" }],
  identifier: [{ type: { coding: [{ code: "ACSN" }] }, value: "A-77" }],
  series: [CHEST_SERIES],
};
const WRIST: Resource = { resourceType: "ImagingStudy", id: "wrist", status: "registered", description: "X-ray of left wrist", started: "2026-04-01" };
const ORDER: Resource = { resourceType: "ServiceRequest", id: "o1", status: "active", intent: "order", category: [{ text: "Imaging" }], code: { text: "CT head" } };
const REPORT: Resource = {
  resourceType: "DiagnosticReport",
  id: "r1",
  status: "preliminary",
  category: [{ coding: [{ code: "RAD" }] }],
  code: { text: "Chest X-ray" },
  imagingStudy: [{ reference: "ImagingStudy/chest" }],
  conclusion: "No pneumonia.",
};

async function renderImaging(resources: readonly Resource[], as = "alice") {
  const chart = await renderChart(resources, as, "/imaging");
  await screen.findByRole("region", { name: "Studies" });
  return chart;
}

const card = (name: string) => within(screen.getByRole("article", { name }));
const panel = (title: string) => within(screen.getByRole("region", { name: title }));

it("shows studies by region, with what is recorded of their series", async () => {
  const { user } = await renderImaging([CHEST, WRIST]);
  expect(within(screen.getByRole("region", { name: "Chest 1 study" })).getByRole("article", { name: "Chest X-ray" })).toHaveTextContent(/1 Mar 2026 · Available.*Digital radiography · 1 series, 2 images.*For Cough.*No report yet/);
  await user.click(card("Chest X-ray").getByRole("button", { name: "Chest X-ray" }));
  expect(card("Chest X-ray").getByText("A-77")).toBeVisible();
  expect(card("Chest X-ray").getByRole("row", { name: /Series 1 Digital radiography Thoracic structure 2 images ?Image of chest \(2\)/ })).toBeVisible();
});

it("says plainly that a study has no series, or a series no images", async () => {
  const { user } = await renderImaging([WRIST, { ...CHEST, series: [{ ...CHEST_SERIES, numberOfInstances: undefined, instance: undefined }] }]);
  expect(card("X-ray of left wrist").getByText(/No series recorded/)).toBeVisible();
  expect(card("X-ray of left wrist").getByText("Registered, no images yet")).toBeVisible();
  await user.click(card("X-ray of left wrist").getByRole("button", { name: "X-ray of left wrist" }));
  expect(card("X-ray of left wrist").getByText("The record of this study lists no series.")).toBeVisible();
  expect(card("Chest X-ray").getByText(/1 series, no images listed/)).toBeVisible();
});

it("shows the studies of one region, by keyboard too", async () => {
  const { user } = await renderImaging([CHEST, WRIST]);
  const map = within(screen.getByRole("group", { name: "Region of the body" }));
  expect(map.getByRole("button", { name: "Head, 0 studies" })).toBeDisabled();
  map.getByRole("button", { name: "Arms, 1 study" }).focus();
  await user.keyboard("{Enter}");
  expect(screen.queryByRole("article", { name: "Chest X-ray" })).toBeNull();
  expect(screen.getByRole("status", { name: "Studies shown" })).toHaveTextContent("1 study of the arms, of 2");
  await user.keyboard("{Enter}");
  expect(screen.getByRole("article", { name: "Chest X-ray" })).toBeVisible();
});

it("lists studies by date", async () => {
  const { user } = await renderImaging([CHEST, WRIST]);
  await user.click(screen.getByRole("radio", { name: "By date" }));
  const rows = within(screen.getByRole("table", { name: "Studies" })).getAllByRole("rowheader");
  expect(rows.map((row) => within(row).getByRole("button").textContent)).toEqual(["X-ray of left wrist", "Chest X-ray"]);
});

it("marks a study that comes, without moving the others", async () => {
  const { room } = await renderImaging([CHEST]);
  act(() => room.colleague("ImagingStudy", "newer", { ...CHEST, id: "newer", description: "Chest CT", started: "2026-05-01" } as Record<string, Json>));
  const names = within(screen.getByRole("region", { name: "Chest 2 studies" })).getAllByRole("article").map((one) => one.getAttribute("aria-label"));
  expect(names).toEqual(["Chest X-ray", "Chest CT"]);
  expect(card("Chest CT").getByText("New")).toBeVisible();
  expect(screen.getByRole("log", { name: "Changes by others" })).toHaveTextContent("Bob Diaz added Chest CT");
  expect(screen.getByRole("button", { name: "Sort latest first, studies" })).toBeVisible();
});

it("lists an order as not done until a study names it", async () => {
  const { room } = await renderImaging([ORDER]);
  expect(panel("Ordered, not done yet").getByRole("row", { name: /CT head/ })).toBeVisible();
  act(() => room.colleague("ImagingStudy", "head", { status: "available", description: "CT head", basedOn: [{ reference: "ServiceRequest/o1" }] }));
  expect(panel("Ordered, not done yet").queryByRole("row", { name: /CT head/ })).toBeNull();
  act(() => room.colleague("ImagingStudy", "head", { status: "cancelled" }));
  expect(panel("Ordered, not done yet").getByRole("row", { name: /CT head/ })).toBeVisible();
});

it("writes a report of a study, and finalises it", async () => {
  const { room, user } = await renderImaging([CHEST]);
  await user.click(card("Chest X-ray").getByRole("button", { name: "Chest X-ray" }));
  await user.click(card("Chest X-ray").getByRole("button", { name: "Write report of Chest X-ray" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add imaging report" }));
  expect(dialog.getByRole("combobox", { name: "Study" })).toHaveDisplayValue("Chest X-ray, 1 Mar 2026");
  await user.click(dialog.getByRole("button", { name: "Save as final" }));
  expect(dialog.getByRole("textbox", { name: "Conclusion" })).toHaveAccessibleDescription(/Say what the images show/);
  await user.type(dialog.getByRole("textbox", { name: "Conclusion" }), "No pneumonia.");
  await user.click(dialog.getByRole("button", { name: "Save preliminary" }));
  expect(room.calls[0]?.value).toMatchObject({
    status: "preliminary",
    category: [{ coding: [{ code: "RAD" }] }],
    imagingStudy: [{ reference: "ImagingStudy/chest" }],
    conclusion: "No pneumonia.",
    resultsInterpreter: [{ display: "Alice Chen" }],
    subject: { reference: "Patient/1" },
  });
  expect(card("Chest X-ray").getAllByText(/Preliminary/)[0]).toBeVisible();
  await user.click(panel("Reports").getByRole("button", { name: "Finalise Chest X-ray" }));
  expect(panel("Reports").getByRole("row", { name: /Chest X-ray/ })).toHaveTextContent("Final");
});

it("amends a final report with a reason, and not without", async () => {
  const { room, user } = await renderImaging([CHEST, { ...REPORT, status: "final" }]);
  await user.click(panel("Reports").getByRole("button", { name: "Amend Chest X-ray" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit imaging report" }));
  const reason = dialog.getByRole("textbox", { name: "Reason for the amendment" });
  expect(reason).toHaveAccessibleDescription(/Say why the report is amended/);
  await user.type(dialog.getByRole("textbox", { name: "Conclusion" }), " Nodule, 6 mm.");
  await user.type(reason, "Second reading");
  await user.click(dialog.getByRole("button", { name: "Save amendment" }));
  const report = room.get("DiagnosticReport", "r1");
  expect(report).toMatchObject({ status: "amended", conclusion: "No pneumonia. Nodule, 6 mm." });
  expect(report && amendments(report)).toEqual(["Second reading – Alice Chen"]);
  expect(panel("Reports").getByRole("row", { name: /Amended: Second reading – Alice Chen/ })).toBeVisible();
});

it("marks a report that becomes final at somebody else's", async () => {
  const { room } = await renderImaging([CHEST, REPORT]);
  expect(card("Chest X-ray").getByText("Preliminary report")).toBeVisible();
  act(() => room.colleague("DiagnosticReport", "r1", { status: "final" }));
  expect(card("Chest X-ray").getByText("Final report")).toBeVisible();
  expect(card("Chest X-ray").getByText("New")).toBeVisible();
  expect(panel("Reports").getByRole("row", { name: /Chest X-ray/ })).toHaveTextContent("Bob Diaz");
});

it("keeps what a colleague wrote while the report's form was open in sight", async () => {
  const { room, user } = await renderImaging([CHEST, REPORT]);
  await user.click(panel("Reports").getByRole("button", { name: "Edit Chest X-ray" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit imaging report" }));
  await user.type(dialog.getByRole("textbox", { name: "Conclusion" }), " Heart of normal size.");
  act(() => room.colleague("DiagnosticReport", "r1", { conclusion: "Effusion on the left." }));
  expect(dialog.getByRole("note")).toHaveTextContent("Bob Diaz changed this to “Effusion on the left.” meanwhile.");
  expect(dialog.getByRole("textbox", { name: "Conclusion" })).toHaveValue("No pneumonia. Heart of normal size.");
});

it("shows both values of a disputed conclusion, and makes nothing final meanwhile", async () => {
  const { room } = await renderImaging([CHEST, REPORT]);
  const side = (conclusion: string, name: string, shown: boolean) => ({ value: { conclusion }, author: { id: name, name }, authored_ms: 1, hash: name, shown });
  const values = [side("No pneumonia.", "Alice Chen", true), side("Pneumonia on the left.", "Bob Diaz", false)];
  act(() => room.dispute([{ resource_type: "DiagnosticReport", id: "r1", kind: "element", elements: ["conclusion"], safety: false, values } as never]));
  expect(panel("Reports").getByRole("button", { name: "Keep Pneumonia on the left. (Bob Diaz)" })).toBeVisible();
  expect(panel("Reports").queryByRole("button", { name: "Finalise Chest X-ray" })).toBeNull();
  act(() => room.dispute([]));
  expect(panel("Reports").getByRole("button", { name: "Finalise Chest X-ray" })).toBeVisible();
});

it("offers a reader nothing to write", async () => {
  const { user } = await renderImaging([CHEST, REPORT, ORDER], "charlie");
  await user.click(card("Chest X-ray").getByRole("button", { name: "Chest X-ray" }));
  expect(card("Chest X-ray").getByText("No pneumonia.", { selector: "p" })).toBeVisible();
  expect(screen.queryByRole("button", { name: /^(Write|Add|Edit|Amend|Finalise|Cancel) / })).toBeNull();
});

it("finds a report's study by reference, by order, or by an encounter with one study", () => {
  const studies = studiesOf([
    { ...CHEST, id: "a", basedOn: [{ reference: "ServiceRequest/o1" }], encounter: { reference: "Encounter/e1" } },
    { ...CHEST, id: "b", encounter: { reference: "urn:uuid:e2" } },
    { ...CHEST, id: "c", encounter: { reference: "Encounter/e3" } },
    { ...CHEST, id: "d", encounter: { reference: "Encounter/e3" } },
  ]);
  const report = (id: string, elements: object): Resource => ({ resourceType: "DiagnosticReport", id, ...elements });
  const found = reportsByStudy(studies, [
    report("named", { imagingStudy: [{ reference: "ImagingStudy/b" }], basedOn: [{ reference: "ServiceRequest/o1" }] }),
    report("ordered", { basedOn: [{ reference: "ServiceRequest/o1" }] }),
    report("met", { encounter: { reference: "Encounter/e2" } }),
    report("unclear", { encounter: { reference: "Encounter/e3" } }),
  ]);
  expect([...found].map(([key, reports]) => [key, reports.map(({ id }) => id)])).toEqual([
    ["b", ["named", "met"]],
    ["a", ["ordered"]],
  ]);
});

it("knows regions by code, else by word", () => {
  const site = (code: string, display = "") => ({ system: "http://snomed.info/sct", code, display });
  expect(regionsOf([site("8205005")], "")).toEqual(["arms"]);
  expect(regionsOf([site("261179002", "thoracic"), site("0", "Abdomen")], "")).toEqual(["chest", "abdomen"]);
  expect(regionsOf([], "CT abdomen and pelvis")).toEqual(["abdomen", "pelvis"]);
  expect(regionsOf([], "MRI of thoracic spine")).toEqual(["spine"]);
  expect(regionsOf([site("0", "Whole body")], "Chest")).toEqual(["chest"]);
  expect(regionsOf([], "")).toEqual(["other"]);
});

it("knows imaging reports by category or by their study", () => {
  expect(isImagingReport(REPORT)).toBe(true);
  expect(isImagingReport({ ...REPORT, category: [{ coding: [{ code: "LAB" }] }], imagingStudy: undefined })).toBe(false);
  expect(isImagingReport({ ...REPORT, category: undefined })).toBe(true);
});

it("leads to the images only where a page has them", () => {
  const study = { ...CHEST, contained: [{ resourceType: "Endpoint", id: "e", name: "Archive", address: "https://pacs.example/1" }], endpoint: [{ reference: "#e" }, { reference: "Endpoint/dicom" }] };
  const endpoints = new Map([["dicom", { resourceType: "Endpoint", id: "dicom", name: "Node", address: "dicom://node:104" }]]);
  expect(placesOf(study, endpoints)).toEqual([
    { key: "#e", name: "Archive", href: "https://pacs.example/1" },
    { key: "Endpoint/dicom", name: "Node", href: undefined },
  ]);
});

it("reads a plain text that was issued, and says what it cannot show", () => {
  const forms = formsOf({ ...REPORT, presentedForm: [{ contentType: "text/plain", data: "w5xkZW1hLg==" }, { contentType: "application/pdf", data: "AAAA" }] });
  expect(forms.map(({ title, text }) => [title, text])).toEqual([
    ["text/plain", "Üdema."],
    ["application/pdf", undefined],
  ]);
});

it("writes only what changed of a report, and signs what becomes final", () => {
  const values = { ...readReport(REPORT), conclusion: "Clear." };
  expect(reportElements(values, new Set(["conclusion"]), REPORT, ALICE)).toEqual({ conclusion: "Clear." });
  expect(reportElements({ ...values, status: "final" }, new Set(["status"]), REPORT, ALICE)).toMatchObject({ status: "final", resultsInterpreter: [{ display: "Alice Chen" }] });
});

it("names a study without a description by what it is of", () => {
  const site = { code: "51185008", display: "Thoracic structure (body structure)" };
  expect(studyOf({ ...CHEST, description: undefined, series: [{ ...CHEST_SERIES, bodySite: site }] }).label).toBe("Digital radiography, thoracic structure");
});

it("reads a study of odd shape without a fault", () => {
  const odd = studyOf({ resourceType: "ImagingStudy", id: "odd", series: "none", identifier: [{}], modality: [{}] });
  expect(odd).toMatchObject({ label: "Imaging study", modality: "Modality not recorded", status: "Status not recorded", extent: "No series recorded", regions: ["other"] });
});
