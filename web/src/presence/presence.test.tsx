import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { colleagues, whereText } from "./people";

const ASTHMA: Resource = { resourceType: "Condition", id: "c1", code: { text: "Asthma" }, onsetDateTime: "2001", clinicalStatus: { coding: [{ code: "active" }] } };

it("shows who else is on the patient and where, until they go", async () => {
  const { room } = await renderChart([]);
  expect(screen.queryByRole("list", { name: "Also on this patient" })).toBeNull();
  act(() => room.visitor({ tab: "orders" }));
  const group = within(screen.getByRole("list", { name: "Also on this patient" }));
  expect(group.getByRole("listitem", { name: "Bob Diaz, in Orders" })).toBeVisible();
  act(() => room.visitor(undefined));
  expect(screen.queryByRole("list", { name: "Also on this patient" })).toBeNull();
});

it("says in the form and at the row what somebody else is editing", async () => {
  const { room, user } = await renderChart([ASTHMA]);
  act(() => room.visitor({ tab: "chart", resource: "Condition/c1", element: "code" }));
  expect(screen.getByRole("img", { name: "Bob Diaz is editing this" })).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Edit Asthma" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText("Bob Diaz is editing this")).toBeInTheDocument();
  await user.click(dialog.getByRole("textbox", { name: "Onset date" }));
  expect(room.presence.own).toMatchObject({ tab: "chart", resource: "Condition/c1", element: "onsetDateTime" });
  await user.click(dialog.getByRole("button", { name: "Cancel" }));
  expect(room.presence.own).toEqual({ tab: "chart", resource: undefined, element: undefined });
});

it("counts a person once, whatever windows they have, and oneself never", () => {
  const bob = { id: "bob", name: "Bob Diaz" };
  const windows = [
    { window: "1", person: bob, at: { tab: "chart" } },
    { window: "2", person: bob, at: { tab: "orders" } },
    { window: "3", person: { id: "alice", name: "Alice Chen" }, at: { tab: "chart" } },
    { window: "4", person: null, at: {} },
  ];
  expect(colleagues(windows, "alice").map(whereText)).toEqual(["Bob Diaz, in Chart review and Orders", "Somebody"]);
});
