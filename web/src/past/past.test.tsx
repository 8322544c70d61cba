import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { FakeRoom } from "../../test/fakeChartroom";
import { renderChart } from "../../test/renderChart";
import type { ChartEvent, Room } from "../shared/chartroom";
import { chartPath } from "../chart/address";
import { momentsOf, momentText, placeOf } from "./moments";
import { lookText } from "./LastLookNote";
import { loadPast } from "./pastRoom";
import { lastVisit } from "./visit";

const MORNING = new Date(2026, 10, 20, 8, 0, 0);

/** Asthma at eight, inactive at nine, gout at ten; by Bob. */
async function day() {
  const chart = await renderChart([]);
  const { room } = chart;
  const at = (hour: number, write: () => void) => {
    room.clock = () => new Date(2026, 10, 20, hour, 0, 0);
    act(write);
  };
  at(8, () => room.colleague("Condition", "c1", { code: { text: "Asthma" }, clinicalStatus: { coding: [{ code: "active" }] } }));
  at(9, () => room.colleague("Condition", "c1", { code: { text: "Severe asthma" } }));
  at(10, () => room.colleague("Condition", "c2", { code: { text: "Gout" } }));
  return { ...chart, at };
}

function goTo(at: Date) {
  act(() => window.history.pushState(null, "", chartPath("1", "chart", { at: at.getTime() })));
}

it("shows the chart as it was, with nothing to be changed, and goes back to now", async () => {
  const { user } = await day();
  goTo(MORNING);
  const bar = within(await screen.findByRole("region", { name: "The chart as it was" }));
  await bar.findByText("20 Nov 2026, 08:00:00");
  const problems = within(screen.getByRole("region", { name: "Problems" }));
  expect(problems.getByRole("row", { name: /^Asthma/ })).toBeVisible();
  expect(problems.queryByRole("row", { name: /Gout/ })).toBeNull();
  expect(screen.getByRole("group", { name: "Chart summary" })).toHaveTextContent("1 problem");
  expect(screen.queryByRole("button", { name: /^(Add|Edit|Remove) / })).toBeNull();
  await user.click(bar.getByRole("button", { name: "Back to now" }));
  expect(await screen.findByRole("row", { name: /Gout/ })).toBeVisible();
  expect(screen.getByRole("button", { name: "Add problem" })).toBeVisible();
});

it("marks what was changed later, and says by whom", async () => {
  await day();
  goTo(MORNING);
  await screen.findByText("20 Nov 2026, 08:00:00");
  expect((await screen.findByText(/^Later /)).textContent).toBe("Later changed by Bob Diaz, 20 Nov 2026, 09:00: Problem");
  expect(screen.getByRole("button", { name: "2 entries changed later" })).toBeVisible();
});

it("stays as it was while others write", async () => {
  const { at, room } = await day();
  goTo(MORNING);
  await screen.findByText("20 Nov 2026, 08:00:00");
  at(11, () => room.colleague("Condition", "c3", { code: { text: "Anaemia" } }));
  at(12, () => room.colleague("Condition", "c1", undefined));
  const problems = within(screen.getByRole("region", { name: "Problems" }));
  expect(problems.queryByRole("row", { name: /Anaemia/ })).toBeNull();
  expect(problems.getByRole("row", { name: /^Asthma/ })).toBeVisible();
  expect(await screen.findByText(/^Later removed by Bob Diaz/)).toBeVisible();
});

it("steps from change to change with the arrow keys", async () => {
  const { user } = await day();
  goTo(MORNING);
  const slider = await screen.findByRole("slider", { name: "Moment" });
  await waitFor(() => expect(slider).toHaveAttribute("aria-valuetext", expect.stringContaining("Bob Diaz added problem Asthma")));
  act(() => slider.focus());
  await user.keyboard("{ArrowRight}");
  expect(slider).toHaveAttribute("aria-valuetext", expect.stringMatching(/09:00:00 · Bob Diaz changed problem Severe asthma/));
  await screen.findByText("20 Nov 2026, 09:00:00");
  expect(await screen.findByRole("row", { name: /^Severe asthma/ })).toBeVisible();
});

it("reads every list as of then where much was changed since", async () => {
  const room = new FakeRoom("patient:1", []);
  room.clock = () => MORNING;
  room.colleague("Condition", "c1", { code: { text: "Asthma" } });
  room.clock = () => new Date(2026, 10, 20, 9);
  room.colleague("Condition", "c1", undefined);
  for (let number = 0; number < 150; number += 1) room.colleague("Observation", `o${number}`, { status: "final" });
  const { open } = await loadPast(room as unknown as Room, MORNING.getTime(), { id: "alice", name: "Alice Chen" });
  expect(open.room.list("Condition").map(({ id }) => id)).toEqual(["c1"]);
  expect(open.room.get("Condition", "c1")).toMatchObject({ code: { text: "Asthma" } });
  expect(open.room.list("Observation")).toEqual([]);
  expect(() => open.room.remove("Condition", "c1")).toThrow(expect.objectContaining({ code: "read-only" }));
});

it("has a page for a time that is none", async () => {
  await renderChart([]);
  act(() => window.history.pushState(null, "", "/patients/1?at=yesterday"));
  expect(await screen.findByRole("heading", { name: "There is no such time" })).toBeVisible();
});

it("makes one moment of a second, and one entry of an import", () => {
  const done = (authored: string, id: string, isImport = false) =>
    ({ authored, import: isImport, event: "RESOURCE_DELETED", action: "deleted", author: { id: "b", name: "Bob" }, changes: [], changed: [], resource_type: "Condition", resource_id: id, resource: { resourceType: "Condition", id } }) as unknown as ChartEvent;
  const moments = momentsOf([done("2026-01-01T10:00:01.900Z", "b"), done("2026-01-01T10:00:01Z", "a"), done("2026-01-01T09:00:00Z", "x", true), done("2026-01-01T09:00:00Z", "y", true)]);
  expect(moments.map(({ done }) => done.length)).toEqual([2, 2]);
  expect(moments.map((moment) => momentText(moment).split(" · ")[1])).toEqual(["2 entries imported", "Bob deleted problem, and 1 more"]);
  expect(placeOf(moments, Date.parse("2026-01-01T09:30:00Z"))).toBe(0);
  expect(placeOf(moments, Date.parse("2027-01-01T00:00:00Z"))).toBe(1);
  expect(placeOf([], 0)).toBe(0);
});

it("tells on opening what others changed since the last look, until it is seen", async () => {
  window.localStorage.setItem("chartroom-visit alice patient:1", JSON.stringify({ heads: ["0"], ms: Date.now() - 60_000 }));
  const { room, user } = await renderChart([], "alice", "", [], { before: (room) => room.colleague("Condition", "c1", { code: { text: "Asthma" } }) });
  const note = within(await screen.findByRole("region", { name: "Since you last looked" }));
  expect(note.getByRole("status")).toHaveTextContent(/^Since you last looked \(today, \d\d:\d\d\): 1 problem by Bob Diaz\.$/);
  expect(screen.getByText(/^Since you looked added by Bob Diaz/)).toBeVisible();
  await user.click(note.getByRole("button", { name: "Show the entries" }));
  expect(note.getByRole("link", { name: "Asthma" })).toHaveAttribute("href", "/patients/1?entry=Condition%2Fc1");
  await user.click(note.getByRole("button", { name: "Seen" }));
  expect(screen.queryByRole("region", { name: "Since you last looked" })).toBeNull();
  expect(screen.queryByText(/^Since you looked/)).toBeNull();
  expect(lastVisit(window.localStorage, "alice", "patient:1")?.heads).toEqual(room.heads());
});

it("counts what was changed by person and kind", () => {
  const change = (type: string, name?: string) => ({ key: "", type, id: "", label: "", people: name ? [{ id: name, name }] : [], ms: 1, action: "created" as const, changed: [] });
  const now = new Date(2026, 10, 21, 9, 0);
  const look = { visit: { heads: [], ms: new Date(2026, 10, 20, 22, 10).getTime() }, changes: [change("Observation", "Bob Diaz"), change("Observation", "Bob Diaz"), change("ServiceRequest", "Bob Diaz"), change("Condition")] };
  expect(lookText(look, now)).toBe("Since you last looked (yesterday, 22:10): 2 results, 1 order by Bob Diaz; 1 problem by others.");
});

it("takes what it cannot read for a first visit", () => {
  window.localStorage.setItem("chartroom-visit alice patient:9", "{");
  expect(lastVisit(window.localStorage, "alice", "patient:9")).toBeUndefined();
  window.localStorage.setItem("chartroom-visit alice patient:9", '{"heads":[7],"ms":1}');
  expect(lastVisit(window.localStorage, "alice", "patient:9")).toBeUndefined();
});
