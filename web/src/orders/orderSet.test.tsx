import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";

const ASPIRIN: Resource = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Aspirin" } };

async function openSet(title: string, ...resources: Resource[]) {
  const { user, ...chart } = await renderChart(resources, "alice", "/orders");
  await user.click(screen.getByRole("button", { name: "Order set" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Order set" }));
  await user.selectOptions(dialog.getByRole("combobox", { name: "Set" }), title);
  return { user, dialog, ...chart };
}

it("signs what is checked as one edit, and takes it back as one", async () => {
  const { room, user, dialog } = await openSet("Post-operative pain");
  expect(dialog.getByRole("checkbox", { name: /Oxycodone/ })).not.toBeChecked();
  await user.click(dialog.getByRole("checkbox", { name: /Ibuprofen/ }));
  await user.click(dialog.getByRole("button", { name: "Sign 2 orders" }));
  expect(room.calls).toHaveLength(1);
  expect(room.calls[0]).toMatchObject({
    kind: "batch",
    value: [
      { resourceType: "MedicationRequest", status: "active", dosageInstruction: [{ text: "Three tablets by mouth every 8 hours" }], requester: { display: "Alice Chen" } },
      { resourceType: "ServiceRequest", status: "active", code: { coding: [{ code: "2160-0" }] } },
    ],
  });
  expect(await screen.findByText(/Signed 2 orders: Post-operative pain/)).toBeVisible();
});

it("leaves unchecked what the patient is allergic to, and wants a reason for it", async () => {
  const { room, user, dialog } = await openSet("Chest pain", ASPIRIN);
  const aspirin = dialog.getByRole("checkbox", { name: /Aspirin/ });
  expect(aspirin).not.toBeChecked();
  expect(dialog.getByRole("status", { name: "Warnings" })).toHaveTextContent("Allergy recorded: Aspirin");
  await user.click(aspirin);
  await user.click(dialog.getByRole("button", { name: "Sign 5 orders" }));
  expect(dialog.getByRole("textbox", { name: "Reason to sign anyway" })).toHaveAccessibleDescription(/Say why you sign/);
  expect(room.calls).toEqual([]);
});

it("wants a dosage for what is signed", async () => {
  const { room, user, dialog } = await openSet("Post-operative pain");
  await user.clear(dialog.getByRole("textbox", { name: /Dosage of Ibuprofen/ }));
  await user.click(dialog.getByRole("button", { name: "Sign 3 orders" }));
  expect(dialog.getByText(/Say how much, how and how often/)).toBeVisible();
  expect(room.calls).toEqual([]);
});

it("keeps what was chosen of a refused set", async () => {
  const { room, user, dialog } = await openSet("Post-operative pain");
  await user.click(dialog.getByRole("checkbox", { name: /Ibuprofen/ }));
  await user.click(dialog.getByRole("button", { name: "Sign 2 orders" }));
  await act(async () => room.refuse("read-only", "no"));
  expect(screen.getByText("Order set Post-operative pain was not saved")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Open again with your text" }));
  const again = within(await screen.findByRole("dialog", { name: "Order set" }));
  expect(again.getByRole("checkbox", { name: /Ibuprofen/ })).not.toBeChecked();
  expect(again.getByRole("button", { name: "Sign 2 orders" })).toBeEnabled();
});
