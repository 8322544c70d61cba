import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import { heardAlert, seenResults } from "../alerts/read";
import type { CriticalAlert } from "../results/critical/critical";
import type { ChartEvent, Resource } from "../shared/chartroom";
import { codeStatus } from "./codeStatus";
import { indicators } from "./indicators";

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
const NONE = { allergies: [], flags: [], observations: [], alerts: [], seen: new Map(), consents: [], orders: [] };
const SNOMED = "http://snomed.info/sct";
const LOINC = "http://loinc.org";

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

it("offers no change of a chart that the person may only read", async () => {
  await renderChart([PEANUT], "alice", "", [], { before: (room) => (room.readOnly = true) });
  expect(screen.getByRole("status", { name: "Save state" })).toHaveTextContent("Read only");
  expect(screen.getByRole("row", { name: /Peanut/ })).toBeVisible();
  expect(screen.queryByRole("button", { name: /^(Add|Edit|Remove) / })).toBeNull();
});

it("collapses to what must stay in sight", async () => {
  const { user } = await renderChart([PEANUT, FALLS]);
  const toggle = screen.getByRole("button", { name: "Details of the patient", expanded: true });
  expect(screen.getByRole("list", { name: "Critical indicators" })).toBeVisible();
  await user.click(toggle);
  expect(screen.queryByRole("list", { name: "Critical indicators" })).toBeNull();
  expect(screen.getByLabelText("Allergies summary")).toBeVisible();
  expect(screen.getByRole("group", { name: "Chart summary" })).toHaveTextContent(/^1 allergy.*1 flag$/);
});

function told(chart: object) {
  return indicators({ ...NONE, ...chart }).map(({ kind, text }) => `${kind}: ${text}`);
}

it("takes a critical result for one until it is acknowledged or overtaken", () => {
  expect(told({ observations: [POTASSIUM] })).toEqual(["Critical result: Potassium 7.2 mmol/L"]);
  const later = { ...POTASSIUM, id: "o2", effectiveDateTime: "2026-03-02", interpretation: [] };
  expect(told({ observations: [POTASSIUM, later] })).toEqual([]);
  const seen = seenResults([{ resourceType: "Communication", id: "k1", status: "completed", about: [{ reference: "Observation/o1" }] }]);
  expect(told({ observations: [POTASSIUM], seen })).toEqual([]);
  expect(told({ observations: [{ ...POTASSIUM, status: "entered-in-error" }] })).toEqual([]);
});

it("knows a critical result by any code of its interpretation, by its words, and by the alert that it raised", () => {
  const said = (interpretation: object) => told({ observations: [{ ...POTASSIUM, interpretation: [interpretation] }] }).length;
  expect([{ coding: [{ system: "local", code: "7" }, { code: "LL" }] }, { coding: [{ code: "H>" }] }, { text: "Critical high" }].map(said)).toEqual([1, 1, 1]);
  expect([{ coding: [{ code: "H" }] }, { coding: [{ code: ">" }] }, { text: "Not critical" }].map(said)).toEqual([0, 0, 0]);
  const event = { room: "patient:1", seq: 3, resource_type: "Observation", resource_id: "o1", time: "2026-03-01T08:00:00Z", details: {} } as ChartEvent;
  const alert: CriticalAlert = { ...heardAlert(event), withdrawn: undefined };
  const byLimit = { ...POTASSIUM, interpretation: [] };
  expect(told({ observations: [byLimit], alerts: [alert] })).toEqual(["Critical result: Potassium 7.2 mmol/L"]);
  expect(told({ observations: [POTASSIUM], alerts: [alert] })).toHaveLength(1);
  expect(told({ observations: [byLimit], alerts: [{ ...alert, withdrawn: "Corrected: now 4.1 mmol/L" }] })).toEqual([]);
});

it("puts flags for safety before those for the office, and no code status among them", () => {
  const flag = (id: string, text: string, category: string) => ({ ...FALLS, id, code: { text }, category: [{ coding: [{ code: category }] }] });
  const dnr = { ...FALLS, id: "f4", code: { coding: [{ system: SNOMED, code: "304253006" }] } };
  const flags = [flag("f1", "Needs an interpreter", "admin"), flag("f2", "Fall risk", "safety"), { ...FALLS, id: "f3", status: "inactive" }, dnr];
  expect(told({ flags })).toEqual(["Flag: Fall risk", "Flag: Needs an interpreter"]);
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

it("knows the code status by its codes, however it is worded", () => {
  const coded = (system: string, code: string, display?: string) => ({ coding: [display ? { system, code, display } : { system, code }] });
  const of = (records: object) => codeStatus({ ...NONE, ...records })?.text;
  const flag = (code: object) => ({ flags: [{ ...FALLS, code }] });
  expect(of(flag(coded(SNOMED, "450476008")))).toBe("Do not resuscitate");
  expect(of(flag(coded(SNOMED, "304252001", "Zur Reanimation")))).toBe("Zur Reanimation");
  const observation = (code: object, value: object) => ({ observations: [{ resourceType: "Observation", id: "o", status: "final", code, ...value }] });
  expect(of(observation(coded(SNOMED, "304251008"), { valueCodeableConcept: coded(SNOMED, "304253006") }))).toBe("Do not resuscitate");
  expect(of(observation(coded(LOINC, "100822-6"), { valueCodeableConcept: coded(LOINC, "LA33470-8", "Yes CPR") }))).toBe("Yes CPR");
  expect(of(observation(coded(LOINC, "81351-9"), { valueBoolean: true }))).toBe("Do not resuscitate");
  expect(of(observation(coded(LOINC, "81351-9"), { valueBoolean: false }))).toBe("No order against resuscitation");
  const consent = (provision: object) => ({ consents: [{ resourceType: "Consent", id: "c", status: "active", category: [coded("x", "dnr")], provision }] });
  expect(of(consent({ code: [coded(SNOMED, "304252001", "For resuscitation")] }))).toBe("For resuscitation");
  expect(of(consent({}))).toBe("Do not resuscitate");
  const order = (more: object) => ({ orders: [{ resourceType: "ServiceRequest", id: "s", status: "active", category: [coded(LOINC, "100822-6")], ...more }] });
  expect(of(order({ code: coded(LOINC, "LA33471-6", "No CPR: Do Not Attempt Resuscitation") }))).toBe("No CPR: Do Not Attempt Resuscitation");
  expect(of(order({ doNotPerform: true, code: { text: "CPR" } }))).toBe("Do not resuscitate");
  expect(of(order({ status: "revoked" }))).toBeUndefined();
  expect(of(observation(coded("local", "304251008"), { valueCodeableConcept: coded(SNOMED, "304253006") }))).toBe("Do not resuscitate");
  expect(of(observation(coded("local", "304251008"), { valueBoolean: true }))).toBeUndefined();
});
