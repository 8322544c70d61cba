import { readFileSync } from "node:fs";
import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { ChartEvent, Resource } from "../shared/chartroom";
import { MATTERS, matterOf } from "./matters";
import { gathered, newsOf, type News } from "./notice";

const order = (id: string, drug: string, status = "active"): Resource => ({ resourceType: "MedicationRequest", id, status, intent: "order", medicationCodeableConcept: { text: drug } });
const LATEX: Resource = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Latex" }, criticality: "high" };
const notices = () => screen.findByRole("region", { name: "Notices" });
const signed = ["MEDICATION_PRESCRIBED", "ORDER_PLACED", "ORDER_SIGNED"];

it("tells who did what in which tab, and goes there", async () => {
  const { room, user } = await renderChart([order("m1", "Amoxicillin")]);
  const before = document.activeElement;
  act(() => room.clinical(signed, order("m1", "Amoxicillin")));
  const notice = within(await notices()).getByRole("group", { name: "Bob Diaz signed Amoxicillin, in Orders" });
  expect(document.activeElement).toBe(before);
  await user.click(within(notice).getByRole("button", { name: "Show what Bob Diaz did in Orders" }));
  // The chart review has a row of the same medication.
  await waitFor(() => expect(document.querySelector("[data-pointed]")).toHaveAttribute("data-entry", "m1"));
  expect(document.querySelector("[data-pointed]")).toHaveFocus();
  expect(screen.queryByRole("region", { name: "Notices" })).not.toBeInTheDocument();
});

it("opens the tab whose row it tells of", async () => {
  const { room, user } = await renderChart([LATEX], "alice", "/orders");
  act(() => room.clinical(["ALLERGY_ADDED"], LATEX));
  await user.click(await screen.findByRole("button", { name: "Show what Bob Diaz did in Chart review" }));
  await waitFor(() => expect(document.querySelector("[data-pointed]")).toHaveAttribute("data-entry", "a1"));
  expect(window.location.pathname).toBe("/patients/1");
});

it("gathers what one person does in one tab, and is no live region of its own", async () => {
  const { room } = await renderChart([]);
  act(() => {
    for (const id of ["1", "2", "3", "4"]) room.clinical(signed, order(id, `Drug ${id}`));
  });
  const notice = within(await notices()).getByRole("group", { name: /^Bob Diaz made 4 changes in Orders/ });
  expect(notice).toHaveTextContent("Drug 1, Drug 2, Drug 3 and 1 more");
  expect(notice.closest("[aria-live], [role=alert], [role=status], [role=log]")).toBeNull();
});

it("is silent for own edits, imports, and what its row shows in view", async () => {
  const inView = { top: 300, bottom: 340, height: 40 } as DOMRect;
  vi.spyOn(HTMLTableRowElement.prototype, "getBoundingClientRect").mockReturnValue(inView);
  const { room } = await renderChart([order("m1", "Amoxicillin")]);
  act(() => {
    room.clinical(signed, order("own", "Own"), { author: { id: "alice", name: "Alice Chen" } });
    room.clinical(signed, order("imported", "Imported"), { import: true });
    room.clinical(signed, order("m1", "Amoxicillin"));
    room.clinical(["CONDITION_ADDED"], { resourceType: "Condition", id: "c1", code: { text: "Gout" } });
  });
  const groups = within(await notices()).getAllByRole("group");
  expect(groups.map((one) => one.getAttribute("aria-label"))).toEqual(["Bob Diaz added the problem Gout, in Chart review"]);
  vi.restoreAllMocks();
});

it("tells that somebody changed what one wrote oneself", async () => {
  const { room } = await renderChart([order("m1", "Amoxicillin")], "alice", "/activity");
  const side = (id: string, name: string) => ({ value: { dosageInstruction: name }, author: { id, name }, authored_ms: 1, hash: id, shown: id === "alice" });
  act(() => {
    room.dispute([{ resource_type: "MedicationRequest", id: "m1", kind: "element", elements: ["dosageInstruction"], safety: true, values: [side("alice", "Alice Chen"), side("bob", "Bob Diaz")] }]);
    room.clinical(["MEDICATION_UPDATED", "CONFLICT_DETECTED"], order("m1", "Amoxicillin"));
  });
  expect(within(await notices()).getByRole("group", { name: "Bob Diaz changed what you wrote in Amoxicillin, in Orders" })).toHaveAttribute("data-grave");
});

it("is dismissed by hand and goes when its tab is opened", async () => {
  const { room, user } = await renderChart([], "alice", "/activity");
  act(() => room.clinical(signed, order("m1", "Amoxicillin")));
  await user.click(within(await notices()).getByRole("button", { name: "Dismiss" }));
  expect(screen.queryByRole("region", { name: "Notices" })).not.toBeInTheDocument();
  act(() => room.clinical(signed, order("m2", "Ibuprofen")));
  await notices();
  await user.click(screen.getByRole("tab", { name: /^Orders/ }));
  expect(screen.queryByRole("region", { name: "Notices" })).not.toBeInTheDocument();
});

it("stays as long as it takes to read it, behind a dialog too", async () => {
  const { room } = await renderChart([]);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  act(() => room.clinical(signed, order("m1", "Amoxicillin")));
  await notices();
  const dialog = document.body.appendChild(document.createElement("div"));
  dialog.role = "dialog";
  act(() => vi.advanceTimersByTime(60_000));
  dialog.remove();
  act(() => vi.advanceTimersByTime(9_000));
  expect(screen.queryByRole("region", { name: "Notices" })).toBeVisible();
  act(() => vi.advanceTimersByTime(1_000));
  expect(screen.queryByRole("region", { name: "Notices" })).toBeNull();
  vi.useRealTimers();
});

it("keeps three, and the grave ones to the last", () => {
  const piece = (who: string, isGrave = false): News => ({ who, entry: `Condition/${who}`, id: who, did: "added the problem", label: "Gout", tab: "chart", shownIn: "chart", isGrave });
  const first = gathered([], [piece("Dora", true), piece("Emil"), piece("Fred")]);
  expect(first.map(({ who }) => who)).toEqual(["Dora", "Fred", "Emil"]);
  expect(gathered(first, [piece("Gina")]).map(({ who }) => who)).toEqual(["Dora", "Gina", "Fred"]);
  expect(gathered(first, [piece("Emil")]).map(({ who, news }) => `${who} ${news.length}`)).toEqual(["Dora 1", "Emil 1", "Fred 1"]);
});

it("knows what matters", () => {
  const event = (name: string, resource: Partial<Resource>, more: Partial<ChartEvent> = {}) =>
    ({ event: name, resource_type: resource.resourceType, resource_id: "x", resource: { id: "x", ...resource }, changed: [], changes: [], action: "updated", author: null, ...more }) as unknown as ChartEvent;
  const did = (...events: ChartEvent[]) => matterOf(events)?.did;
  const potassium = (code: string) => ({ resourceType: "Observation", status: "final", code: { text: "Potassium" }, valueQuantity: { value: 5.9, unit: "mmol/L" }, interpretation: [{ coding: [{ code }] }] });
  expect([did(event("ALLERGY_ADDED", { criticality: "high" })), did(event("ALLERGY_ADDED", { criticality: "low" }))]).toEqual(["added the allergy", undefined]);
  expect(did(event("ALLERGY_UPDATED", { criticality: "low" }, { changed: ["criticality"] }))).toBe("changed the allergy");
  expect([did(event("RESULT_AVAILABLE", potassium("H"))), did(event("RESULT_AVAILABLE", potassium("N")))]).toEqual(["reported", undefined]);
  expect(did(event("CRITICAL_VALUE_ALERT", potassium("HH")), event("RESULT_AVAILABLE", potassium("HH")))).toBeUndefined();
  const report = event("DIAGNOSTIC_REPORT_FINALIZED", { resourceType: "DiagnosticReport", status: "final", code: { text: "Chest X-ray" } });
  expect(newsOf([report], { labelOf: () => undefined, isOwnDispute: () => false })[0]).toMatchObject({ did: "finished the report", label: "Chest X-ray", tab: "results" });
  expect(did(event("ORDER_UPDATED", { status: "on-hold" }, { changed: ["status"] }))).toBe("put on hold");
  expect(did(event("ORDER_UPDATED", { status: "on-hold" }, { changed: ["note"] }))).toBeUndefined();
  expect(did(event("MEDICATION_DISCONTINUED", { status: "completed" }))).toBeUndefined();
  expect(did(event("MEDICATION_DISCONTINUED", {}, { action: "deleted" }))).toBe("removed the order");
  expect(did(event("RESOURCE_UPDATED", { resourceType: "Observation", code: { text: "Code status" } }))).toBe("changed the code status");
  const [news] = newsOf([event("RESULT_AVAILABLE", potassium("H"))], { labelOf: () => undefined, isOwnDispute: () => false });
  expect(news).toMatchObject({ who: "Someone", label: "Potassium 5.9 mmol/L (High)", tab: "results" });
  const docs = readFileSync("../docs/events.md", "utf8");
  expect(MATTERS.filter(({ event: name }) => !docs.includes(`\`${name}\``))).toEqual([]);
});
