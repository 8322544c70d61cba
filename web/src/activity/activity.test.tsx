import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { FakeRoom } from "../../test/fakeChartroom";
import { renderChart } from "../../test/renderChart";
import type { Activity, Json, Room } from "../shared/chartroom";
import { entryText, hasOlder, kindOf } from "./entries";

it("tells who did what, the latest first, as it happens", async () => {
  const { room } = await renderChart([], "alice", "/activity");
  expect(await screen.findByText(/Nothing was done/)).toBeVisible();
  act(() => room.colleague("Condition", "c1", { code: { text: "Asthma" } }));
  act(() => void room.put({ resourceType: "Condition", id: "c2", code: { text: "Gout" } }));
  const list = within(await screen.findByRole("list", { name: "Activity" }));
  const entries = list.getAllByRole("listitem");
  expect(entries[0]).toHaveTextContent("Alice Chen created c2YouNot saved yet");
  expect(entries[1]).toHaveTextContent("Bob Diaz created c1");
  expect(entries[1]).not.toHaveTextContent(/You|Not saved yet/);
});

it("is filtered by person and by kind", async () => {
  const { room, user } = await renderChart([], "alice", "/activity");
  act(() => {
    room.colleague("Condition", "c1", { code: { text: "Asthma" } });
    room.colleague("AllergyIntolerance", "a1", { code: { text: "Latex" } });
    room.put({ resourceType: "Condition", id: "c2", code: { text: "Gout" } });
  });
  await screen.findByText("3 entries");
  await user.selectOptions(screen.getByRole("combobox", { name: "Person" }), "Bob Diaz");
  expect(screen.getByText("2 entries")).toBeVisible();
  await user.selectOptions(screen.getByRole("combobox", { name: "Kind" }), "Allergies");
  expect(within(screen.getByRole("list", { name: "Activity" })).getByRole("listitem")).toHaveTextContent("Bob Diaz created a1");
  await user.selectOptions(screen.getByRole("combobox", { name: "Person" }), "Alice Chen (you)");
  expect(screen.getByText("Nothing like this among what is loaded.")).toBeVisible();
});

it("says which result was acknowledged, and whether there may be older entries", () => {
  const room = new FakeRoom("patient:1", [{ resourceType: "Observation", id: "k1", status: "final", code: { text: "Potassium" }, valueQuantity: { value: 7.2, unit: "mmol/L" } }]);
  const told = (details: Json) => ({ text: "x", author: { id: "bob", name: "Bob Diaz" }, event: { event: "RESULT_ACKNOWLEDGED", resource_type: "Communication", details, seq: 150 } }) as unknown as Activity;
  const text = (details: Json) => entryText(told(details), room as unknown as Room);
  expect(text({ observation: "Observation/k1" })).toBe("Bob Diaz acknowledged Potassium 7.2 mmol/L");
  expect(text({ observation: "Observation/gone" })).toBe("Bob Diaz acknowledged a result");
  expect(kindOf(told(null))).toBe("results");
  expect([hasOlder([told(null)], 100), hasOlder([told(null)], 200), hasOlder([], 200)]).toEqual([true, false, false]);
});
