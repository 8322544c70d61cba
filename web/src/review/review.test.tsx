import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { PROCEDURES } from "./entries";
import { latestVitals } from "./VitalsPanel";

const VITAL = { resourceType: "Observation", status: "final", category: [{ coding: [{ code: "vital-signs" }] }] };
const PULSE = { ...VITAL, code: { text: "Heart rate", coding: [{ system: "http://loinc.org", code: "8867-4" }] } };
const OLD: Resource = { ...PULSE, id: "v1", effectiveDateTime: "2025-01-01", valueQuantity: { value: 70, unit: "/min" } };
const NEW: Resource = { ...PULSE, id: "v2", effectiveDateTime: "2025-02-01", valueQuantity: { value: 112, unit: "/min" } };
const PRESSURE: Resource = {
  ...VITAL,
  id: "v3",
  code: { text: "Blood pressure" },
  effectiveDateTime: "2025-02-01",
  component: [
    { code: { coding: [{ code: "8480-6" }] }, valueQuantity: { value: 120, unit: "mm[Hg]" } },
    { code: { coding: [{ code: "8462-4" }] }, valueQuantity: { value: 80, unit: "mm[Hg]" } },
  ],
};

it("shows the latest of each vital sign and the one before", async () => {
  const { room } = await renderChart([OLD, NEW, PRESSURE]);
  const panel = within(screen.getByRole("region", { name: "Vital signs" }));
  expect(panel.getByRole("row", { name: /Blood pressure 120\/80 mmHg/ })).toBeVisible();
  expect(panel.getByRole("row", { name: /Heart rate 112 \/min 70 \/min 1 Feb 2025/ })).toBeVisible();
  act(() => room.colleague("Observation", "v4", { ...NEW, id: "v4", effectiveDateTime: "2025-03-01", valueQuantity: { value: 90, unit: "/min" } } as never));
  expect(panel.getByRole("row", { name: /Heart rate 90 \/min 112 \/min/ })).toBeVisible();
});

it("leaves out what was withdrawn", () => {
  expect(latestVitals([OLD, { ...NEW, status: "entered-in-error" }]).map(({ latest }) => latest.id)).toEqual(["v1"]);
});

it("adds an immunization with code and date", async () => {
  const { room, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "Add immunization" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add immunization" }));
  await user.click(dialog.getByRole("button", { name: "Add immunization" }));
  expect(dialog.getByRole("combobox", { name: "Vaccine" })).toHaveAccessibleDescription("Name the vaccine.");
  await user.type(dialog.getByRole("combobox", { name: "Vaccine" }), "tdap");
  await user.clear(dialog.getByRole("textbox", { name: "Given on" }));
  await user.type(dialog.getByRole("textbox", { name: "Given on" }), "2024-05");
  await user.click(dialog.getByRole("button", { name: "Add immunization" }));
  expect(room.calls[0]?.value).toMatchObject({
    resourceType: "Immunization",
    status: "completed",
    vaccineCode: { coding: [{ code: "115" }] },
    occurrenceDateTime: "2024-05",
    patient: { reference: "Patient/1" },
  });
});

it("shows encounters and care plans without offering to write them", async () => {
  const encounter = { resourceType: "Encounter", id: "e1", status: "in-progress", class: { code: "IMP", display: "inpatient" } };
  const plan = { resourceType: "CarePlan", id: "p1", status: "active", title: "Asthma self management" };
  await renderChart([encounter, plan]);
  expect(screen.getByRole("row", { name: /inpatient/ })).toBeVisible();
  expect(screen.getByRole("row", { name: /Asthma self management/ })).toBeVisible();
  expect(screen.queryByRole("button", { name: /(Add|Edit|Remove) (encounter|inpatient|care|Asthma)/ })).toBeNull();
});

it("puts a date in the place of a period", () => {
  const before = { resourceType: "Procedure", id: "p1", performedPeriod: { start: "2020-01-01" } };
  const values = { ...PROCEDURES.read(before), date: "2021" };
  expect(PROCEDURES.elements(values, new Set(["date"]), before)).toEqual({ performedPeriod: null, performedDateTime: "2021" });
});

it("has a page for an address that is none", async () => {
  await renderChart([], "alice");
  act(() => window.history.pushState(null, "", "/patients/1/nowhere"));
  expect(await screen.findByRole("heading", { name: "There is no such page of the chart" })).toBeVisible();
});
