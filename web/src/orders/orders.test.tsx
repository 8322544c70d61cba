import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { orderActs } from "./acts";
import { orderElements, orderRank, readOrder, serviceKind, statusReason, validateOrder } from "./order";

const ALICE = { id: "alice", name: "Alice Chen" };
const DRAFT: Resource = {
  resourceType: "MedicationRequest",
  id: "m1",
  status: "draft",
  intent: "order",
  medicationCodeableConcept: { text: "Amoxicillin" },
  dosageInstruction: [{ text: "500 mg by mouth three times a day" }],
  requester: { display: "Bob Diaz" },
};
const POTASSIUM: Resource = {
  resourceType: "ServiceRequest",
  id: "s1",
  status: "active",
  intent: "order",
  category: [{ coding: [{ system: "http://snomed.info/sct", code: "108252007" }] }],
  code: { text: "Potassium" },
};

const renderOrders = (...resources: Resource[]) => renderChart(resources, "alice", "/orders");
const panel = (title: string) => within(screen.getByRole("region", { name: title }));

it("groups orders by kind, with the ended ones apart", async () => {
  await renderOrders(DRAFT, POTASSIUM, { ...POTASSIUM, id: "s2", code: { text: "Sodium" }, status: "revoked" });
  expect(panel("Medication orders").getByRole("row", { name: /Amoxicillin.*500 mg/ })).toHaveTextContent("Draft");
  expect(panel("Laboratory orders").getByRole("row", { name: /Potassium/ })).toHaveTextContent("Active");
  expect(panel("Laboratory orders").getByRole("button", { name: "Completed and cancelled (1)" })).toBeVisible();
  expect(screen.queryByRole("region", { name: "Other orders" })).toBeNull();
});

it("signs a draft in the signer's name, and takes it back", async () => {
  const { room, user } = await renderOrders(DRAFT);
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  expect(room.get("MedicationRequest", "m1")).toMatchObject({ status: "active", requester: { display: "Alice Chen" } });
  expect(screen.queryByRole("button", { name: "Sign Amoxicillin" })).toBeNull();
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  expect(room.get("MedicationRequest", "m1")).toMatchObject({ status: "draft", requester: { display: "Bob Diaz" } });
});

it("asks for what is missing where a draft cannot be signed", async () => {
  const { room, user } = await renderOrders({ ...DRAFT, dosageInstruction: undefined });
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit medication order" }));
  const dosage = dialog.getByRole("textbox", { name: "Dosage" });
  expect(dosage).toHaveAccessibleDescription(/Say how much, how and how often/);
  await user.type(dosage, "500 mg twice a day");
  await user.click(dialog.getByRole("button", { name: "Sign order" }));
  expect(room.calls).toEqual([
    {
      kind: "patch",
      id: "m1",
      value: { status: "active", requester: { display: "Alice Chen" }, dosageInstruction: [{ text: "500 mg twice a day" }] },
    },
  ]);
});

it("does not sign what people disagree about", async () => {
  const { room } = await renderOrders(DRAFT);
  act(() =>
    room.dispute([{ resource_type: "MedicationRequest", id: "m1", kind: "group", elements: ["dosageInstruction"], safety: true, values: [] }]),
  );
  expect(screen.getByRole("button", { name: "Sign Amoxicillin" })).toBeDisabled();
});

it("cancels with a reason, and not without", async () => {
  const { room, user } = await renderOrders(POTASSIUM);
  await user.click(screen.getByRole("button", { name: "Cancel Potassium" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Cancel order: Potassium" }));
  await user.click(dialog.getByRole("button", { name: "Cancel order" }));
  expect(dialog.getByRole("textbox", { name: "Reason" })).toHaveAccessibleDescription(/Say why/);
  await user.click(dialog.getByRole("button", { name: "Duplicate order" }));
  await user.click(dialog.getByRole("button", { name: "Cancel order" }));
  const order = room.get("ServiceRequest", "s1");
  expect(order?.["status"]).toBe("revoked");
  expect(order && statusReason(order)).toBe("Duplicate order");
});

it("does not cancel what was done meanwhile", async () => {
  const { room, user } = await renderOrders(POTASSIUM);
  await user.click(screen.getByRole("button", { name: "Cancel Potassium" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Cancel order: Potassium" }));
  act(() => room.colleague("ServiceRequest", "s1", { status: "completed" }));
  await user.type(dialog.getByRole("textbox", { name: "Reason" }), "No longer needed");
  await user.click(dialog.getByRole("button", { name: "Cancel order" }));
  expect(room.calls).toEqual([]);
  expect(await screen.findByText("Potassium has changed meanwhile")).toBeVisible();
});

it("drafts an imaging order, and signs only with a question", async () => {
  const { room, user } = await renderOrders();
  await user.click(screen.getByRole("button", { name: "Add imaging order" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add imaging order" }));
  await user.type(dialog.getByRole("combobox", { name: "Study" }), "Plain chest X-ray");
  await user.click(dialog.getByRole("button", { name: "Sign order" }));
  expect(dialog.getByRole("textbox", { name: "Reason" })).toHaveAccessibleDescription(/Say what the study is to answer/);
  await user.click(dialog.getByRole("button", { name: "Save draft" }));
  expect(room.calls[0]?.value).toMatchObject({
    resourceType: "ServiceRequest",
    status: "draft",
    intent: "order",
    category: [{ coding: [{ code: "363679005" }] }],
    code: { coding: [{ code: "399208008" }] },
    priority: "routine",
    subject: { reference: "Patient/1" },
  });
  expect(room.calls[0]?.value).not.toHaveProperty("dosageInstruction");
});

it("shows a colleague's signature at once", async () => {
  const { room } = await renderOrders(DRAFT);
  act(() => room.colleague("MedicationRequest", "m1", { status: "active" }));
  const row = panel("Medication orders").getByRole("row", { name: /Amoxicillin/ });
  expect(row).toHaveTextContent("Active");
  expect(row).toHaveTextContent("Bob Diaz");
});

it("offers a reader neither signature nor cancellation", async () => {
  await renderChart([DRAFT], "charlie", "/orders");
  expect(screen.queryByRole("button", { name: /^(Sign|Cancel|Edit|Add) / })).toBeNull();
});

it("puts drafts first, then what is urgent", () => {
  const ranked = [POTASSIUM, { ...POTASSIUM, priority: "stat" }, DRAFT, { ...POTASSIUM, priority: "urgent" }];
  expect([...ranked].sort((a, b) => orderRank(a) - orderRank(b))).toEqual([DRAFT, ranked[1], ranked[3], POTASSIUM]);
});

it("knows the kind of a request by code or by word", () => {
  expect(serviceKind(POTASSIUM)).toBe("laboratory");
  expect(serviceKind({ ...POTASSIUM, category: [{ text: "Radiology" }] })).toBe("imaging");
  expect(serviceKind({ ...POTASSIUM, category: undefined })).toBe("other");
});

it("writes only what changed, and keeps other extensions beside a reason", () => {
  expect(orderElements("medication", { ...readOrder(DRAFT), priority: "stat" }, new Set(["priority"]), DRAFT, ALICE)).toEqual({ priority: "stat" });
  const other = { url: "https://example.org/x", valueString: "y" };
  const [, cancel] = orderActs({ ...POTASSIUM, extension: [other] }, ALICE);
  expect(cancel?.elements?.("Why")["extension"]).toHaveLength(2);
  expect(validateOrder("laboratory", { ...readOrder(POTASSIUM), name: { text: " ", concept: null } })).toHaveProperty("name");
});

it.each([
  ["medication", "combobox", "Drug", "Dosage"],
  ["laboratory", "combobox", "Test", "Note"],
  ["imaging", "combobox", "Study", "Reason"],
] as const)("keeps the text of a refused %s order, with the reason", async (kind, role, name, field) => {
  const { room, user } = await renderOrders();
  await user.click(screen.getByRole("button", { name: `Add ${kind} order` }));
  const dialog = within(await screen.findByRole("dialog", { name: `Add ${kind} order` }));
  await user.type(dialog.getByRole(role, { name }), "Something new");
  await user.type(dialog.getByRole("textbox", { name: field }), "As I wrote it");
  await user.click(dialog.getByRole("button", { name: "Sign order" }));
  await act(async () => room.refuse("refused", "not today"));
  expect(screen.getByText("Not today.")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Open again with your text" }));
  const again = within(await screen.findByRole("dialog", { name: `Add ${kind} order` }));
  expect(again.getByRole(role, { name })).toHaveValue("Something new");
  expect(again.getByRole("textbox", { name: field })).toHaveValue("As I wrote it");
});
