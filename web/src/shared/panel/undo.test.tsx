import { act, screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../../test/renderChart";
import type { Resource } from "../chartroom";

const allergy = (id: string, text: string): Resource => ({ resourceType: "AllergyIntolerance", id, code: { text } });
const DRAFT: Resource = {
  resourceType: "MedicationRequest",
  id: "m1",
  status: "draft",
  intent: "order",
  medicationCodeableConcept: { text: "Amoxicillin" },
  dosageInstruction: [{ text: "500 mg" }],
  requester: { display: "Bob Diaz" },
};

it("shows one notice, of the last edit", async () => {
  const { user } = await renderChart([allergy("a1", "Latex"), allergy("a2", "Peanut")]);
  await user.click(screen.getByRole("button", { name: "Remove Latex" }));
  await user.click(screen.getByRole("button", { name: "Remove Peanut" }));
  await waitFor(() => expect(screen.getAllByRole("button", { name: "Undo" })).toHaveLength(1));
  expect(screen.getByText("Removed Peanut")).toBeVisible();
});

it("takes the notice away with the chart", async () => {
  const { user } = await renderChart([allergy("a1", "Latex")]);
  await user.click(screen.getByRole("button", { name: "Remove Latex" }));
  expect(screen.getByRole("button", { name: "Undo" })).toBeVisible();
  await user.click(screen.getByRole("link", { name: "Patients" }));
  await waitFor(() => expect(screen.queryByRole("button", { name: "Undo" })).toBeNull());
});

it("takes the notice away when a colleague leaves nothing to take back", async () => {
  const { room, user } = await renderChart([DRAFT], "alice", "/orders");
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  act(() => room.colleague("MedicationRequest", "m1", { note: [{ text: "Seen" }] }));
  expect(screen.getByRole("button", { name: "Undo" })).toBeVisible();
  act(() => room.colleague("MedicationRequest", "m1", { status: "completed", requester: { display: "Bob Diaz" } }));
  await waitFor(() => expect(screen.queryByRole("button", { name: "Undo" })).toBeNull());
});

it("undoes and does again by keyboard, and says what", async () => {
  const { room, user } = await renderChart([DRAFT], "alice", "/orders");
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  await user.keyboard("{Control>}z{/Control}");
  expect(room.get("MedicationRequest", "m1")).toHaveProperty("status", "draft");
  expect(await screen.findByText("Undone: sign Amoxicillin")).toBeVisible();
  await user.keyboard("{Control>}{Shift>}z{/Shift}{/Control}");
  expect(room.get("MedicationRequest", "m1")).toHaveProperty("status", "active");
  expect(await screen.findByText("Done again: sign Amoxicillin")).toBeVisible();
});

it("leaves the keys to a dialog", async () => {
  const { room, user } = await renderChart([DRAFT], "alice", "/orders");
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  await user.click(screen.getByRole("button", { name: "Add medication order" }));
  await screen.findByRole("dialog", { name: "Add medication order" });
  await user.keyboard("{Control>}z{/Control}");
  expect(room.get("MedicationRequest", "m1")).toHaveProperty("status", "active");
});

it("says so where there is nothing to undo", async () => {
  const { user } = await renderChart([DRAFT]);
  await user.keyboard("{Control>}z{/Control}");
  expect(await screen.findByText("Nothing to undo in this chart.")).toBeVisible();
});
