import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { medicationElements, readMedication, validateMedication } from "./medication";

const ATENOLOL: Resource = {
  resourceType: "MedicationRequest",
  id: "m1",
  status: "active",
  intent: "order",
  medicationCodeableConcept: { text: "Atenolol 50 mg oral tablet" },
  dosageInstruction: [{ doseAndRate: [{ doseQuantity: { value: 50, unit: "mg" } }] }],
  authoredOn: "2024-01-01",
};

it("lists active medications first and past ones a page at a time", async () => {
  const past = Array.from({ length: 120 }, (_, at) => ({ ...ATENOLOL, id: `p${at}`, status: "stopped" }));
  const { user } = await renderChart([ATENOLOL, ...past]);
  const panel = within(screen.getByRole("region", { name: "Medications" }));
  expect(panel.getAllByRole("row")).toHaveLength(2);
  await user.click(panel.getByRole("button", { name: "Past medications (120)" }));
  expect(within(panel.getByRole("table", { name: "Past medications" })).getAllByRole("row")).toHaveLength(51);
  await user.click(panel.getByRole("button", { name: "Show 70 more of 70" }));
  expect(within(panel.getByRole("table", { name: "Past medications" })).getAllByRole("row")).toHaveLength(121);
  expect(screen.getByLabelText("Chart summary")).toHaveTextContent("1 medication");
});

it("prescribes with status, intent and subject", async () => {
  const { room, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "Add medication" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add medication" }));
  await user.type(dialog.getByRole("combobox", { name: "Drug" }), "Insulin glargine");
  await user.type(dialog.getByRole("textbox", { name: "Dosage" }), "10 units at night");
  await user.click(dialog.getByRole("button", { name: "Add medication" }));
  expect(room.calls[0]?.value).toMatchObject({
    resourceType: "MedicationRequest",
    status: "active",
    intent: "order",
    medicationCodeableConcept: { text: "Insulin glargine" },
    dosageInstruction: [{ text: "10 units at night" }],
    subject: { reference: "Patient/1" },
    requester: { display: "Alice Chen" },
  });
});

it("replaces the parts of a dose by new words, never beside them", () => {
  const values = { ...readMedication(ATENOLOL), dosage: "Half a tablet" };
  expect(medicationElements(values, new Set(["dosage"]), ATENOLOL)).toEqual({
    dosageInstruction: [{ text: "Half a tablet" }],
  });
});

it("puts a named drug in the place of a referenced one", () => {
  const before = { resourceType: "MedicationRequest", id: "m2", medicationReference: { reference: "Medication/1" } };
  const values = { ...readMedication(before), drug: { text: "Aspirin", concept: null } };
  expect(medicationElements(values, new Set(["drug"]), before)).toEqual({
    medicationCodeableConcept: { text: "Aspirin" },
    medicationReference: null,
  });
});

it("wants a drug, a status and an intent", () => {
  const values = { drug: { text: "", concept: null }, dosage: "", status: "", intent: "" };
  expect(Object.keys(validateMedication(values))).toEqual(["drug", "status", "intent"]);
});
