import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";

it("tells who did what, the latest first, as it happens", async () => {
  const { room } = await renderChart([], "alice", "/activity");
  expect(await screen.findByText(/Nothing was done/)).toBeVisible();
  act(() => room.colleague("Condition", "c1", { code: { text: "Asthma" } }));
  act(() => void room.put({ resourceType: "Condition", id: "c2", code: { text: "Gout" } }));
  const list = within(await screen.findByRole("list", { name: "Activity" }));
  const entries = list.getAllByRole("listitem");
  expect(entries[0]).toHaveTextContent("Alice Chen created c2Not saved yet");
  expect(entries[1]).toHaveTextContent("Bob Diaz created c1");
  expect(entries[1]).not.toHaveTextContent("Not saved yet");
});
