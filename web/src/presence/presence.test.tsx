import { act, fireEvent, screen, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
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
  expect(room.presence.own).toEqual({ tab: "chart" });
});

it("says that somebody is typing in a field, and screen readers hear once that they are there", async () => {
  const { room, user } = await renderChart([ASTHMA]);
  await user.click(screen.getByRole("button", { name: "Edit Asthma" }));
  const dialog = within(await screen.findByRole("dialog"));
  act(() => room.visitor({ tab: "chart", resource: "Condition/c1", element: "onsetDateTime", typing: true }));
  expect(dialog.getByText("Bob Diaz is typing here")).toHaveAttribute("aria-hidden");
  expect(dialog.getByText("Bob Diaz is editing this").closest("[aria-live]")).toHaveAttribute("aria-live", "polite");
  act(() => room.visitor({ tab: "chart", resource: "Condition/c1", element: "onsetDateTime" }));
  expect(dialog.queryByText("Bob Diaz is typing here")).not.toBeInTheDocument();
});

it("is editing while typing, and no more after a minute of nothing", async () => {
  const { room, user } = await renderChart([ASTHMA]);
  await user.click(screen.getByRole("button", { name: "Edit Asthma" }));
  const onset = within(await screen.findByRole("dialog")).getByRole("textbox", { name: "Onset date" });
  const at = { tab: "chart", resource: "Condition/c1", element: "onsetDateTime" };
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    act(() => onset.focus());
    fireEvent.input(onset, { target: { value: "2002" } });
    expect(room.presence.own).toEqual({ ...at, typing: true });
    act(() => vi.advanceTimersByTime(59_000));
    expect(room.presence.own).toMatchObject(at);
    act(() => vi.advanceTimersByTime(2_000));
    expect(room.presence.own).toEqual({ tab: "chart" });
    fireEvent.input(onset, { target: { value: "2003" } });
    expect(room.presence.own).toMatchObject(at);
  } finally {
    vi.useRealTimers();
  }
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
