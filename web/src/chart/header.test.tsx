import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { codeStatus, indicators } from "./indicators";

const PEANUT: Resource = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Peanut" }, clinicalStatus: { coding: [{ code: "active" }] } };
const FALLS: Resource = { resourceType: "Flag", id: "f1", status: "active", code: { text: "Fall risk" } };
const POTASSIUM: Resource = {
  resourceType: "Observation",
  id: "o1",
  status: "final",
  code: { coding: [{ system: "http://loinc.org", code: "2823-3", display: "Potassium" }] },
  effectiveDateTime: "2026-03-01",
  valueQuantity: { value: 7.2, unit: "mmol/L" },
  interpretation: [{ coding: [{ code: "HH" }] }],
};
const NONE = { allergies: [], flags: [], observations: [], communications: [], consents: [] };

it("counts what counts, live", async () => {
  const { room } = await renderChart([PEANUT]);
  const summary = screen.getByRole("group", { name: "Chart summary" });
  expect(summary).toHaveTextContent("1 allergy0 medications0 problems");
  act(() => room.colleague("AllergyIntolerance", "a2", { code: { text: "Latex" }, criticality: "high" }));
  act(() => room.colleague("MedicationRequest", "m1", { status: "active" }));
  act(() => room.colleague("MedicationRequest", "m2", { status: "draft" }));
  expect(summary).toHaveTextContent("2 allergies1 medication0 problems");
  const warnings = within(screen.getByRole("list", { name: "Critical indicators" }));
  expect(warnings.getByRole("listitem")).toHaveTextContent("High criticality: Latex");
});

it("collapses to what must stay in sight", async () => {
  const { user } = await renderChart([PEANUT, FALLS]);
  const toggle = screen.getByRole("button", { name: "Details of the patient", expanded: true });
  expect(screen.getByLabelText("Allergies summary")).toBeVisible();
  await user.click(toggle);
  expect(screen.getByLabelText("Allergies summary")).not.toBeVisible();
  expect(screen.getByRole("group", { name: "Chart summary" })).toHaveTextContent(/^1 allergy.*1 flag$/);
});

it("takes a critical result for one until it is acknowledged or overtaken", () => {
  const told = (chart: Partial<typeof NONE> & object) => indicators({ ...NONE, ...chart }).map(({ kind, text }) => `${kind}: ${text}`);
  expect(told({ observations: [POTASSIUM] as never })).toEqual(["Critical result: Potassium 7.2 mmol/L"]);
  const later = { ...POTASSIUM, id: "o2", effectiveDateTime: "2026-03-02", interpretation: [] };
  expect(told({ observations: [POTASSIUM, later] as never })).toEqual([]);
  const seen = { resourceType: "Communication", id: "k1", status: "completed", about: [{ reference: "Observation/o1" }] };
  expect(told({ observations: [POTASSIUM], communications: [seen] } as never)).toEqual([]);
  expect(told({ flags: [FALLS, { ...FALLS, id: "f2", status: "inactive" }] as never })).toEqual(["Flag: Fall risk"]);
});

it("knows the code status from a flag, an observation or a consent, and says where they differ", () => {
  expect(codeStatus(NONE)).toBeUndefined();
  const flag = { ...FALLS, code: { text: "Code status: Full code" }, period: { start: "2024-01-01" } };
  const consent = { resourceType: "Consent", id: "c1", status: "active", category: [{ coding: [{ code: "dnr" }] }], dateTime: "2025-01-01" };
  const observation = { ...POTASSIUM, code: { text: "Code status" }, valueQuantity: undefined, valueCodeableConcept: { text: "Do not intubate" } };
  expect(codeStatus({ ...NONE, flags: [flag] })).toEqual({ text: "Full code", date: "2024-01-01", others: [] });
  expect(codeStatus({ ...NONE, flags: [flag], consents: [consent] })).toMatchObject({ text: "Do not resuscitate", others: ["Full code"] });
  expect(codeStatus({ ...NONE, observations: [observation] })).toMatchObject({ text: "Do not intubate" });
});
