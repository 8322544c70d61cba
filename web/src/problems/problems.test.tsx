import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { blankProblem, problemElements, readProblem, validateProblem } from "./problem";

const NOW = new Date(2026, 10, 23);
const SPRAIN: Resource = {
  resourceType: "Condition",
  id: "c1",
  code: { text: "Sprain of ankle" },
  clinicalStatus: { coding: [{ code: "resolved" }] },
  onsetDateTime: "1970-02-12T23:11:46+00:00",
  abatementDateTime: "1970-03-12T23:11:46+00:00",
  subject: { reference: "Patient/1" },
};

it("collapses what is resolved and shows it on request", async () => {
  const { user } = await renderChart([SPRAIN, { ...SPRAIN, id: "c2", code: { text: "Asthma" }, clinicalStatus: {} }]);
  const panel = within(screen.getByRole("region", { name: "Problems" }));
  expect(panel.getByRole("row", { name: /Asthma/ })).toBeVisible();
  expect(panel.queryByRole("row", { name: /Sprain/ })).toBeNull();
  await user.click(panel.getByRole("button", { name: "Resolved and inactive (1)" }));
  expect(panel.getByRole("row", { name: /Sprain of ankle.*12 Feb 1970 – 12 Mar 1970/ })).toBeVisible();
});

it("writes nothing where a recorded time is shown as its date", () => {
  expect(problemElements(readProblem(SPRAIN), new Set(), SPRAIN)).toEqual({});
});

it("removes the end of a problem that is active again", () => {
  const values = { ...readProblem(SPRAIN), clinicalStatus: "active" };
  expect(problemElements(values, new Set(["clinicalStatus"]), SPRAIN)).toMatchObject({
    clinicalStatus: { coding: [{ code: "active" }] },
    abatementDateTime: null,
  });
});

it("puts an onset date in the place of an onset age", () => {
  const before = { ...SPRAIN, onsetDateTime: undefined, onsetAge: { value: 12, unit: "a" } };
  const values = { ...readProblem(before), onset: "1999" };
  expect(problemElements(values, new Set(["onset"]), before)).toEqual({ onsetAge: null, onsetDateTime: "1999" });
});

it.each([
  [{ problem: { text: " ", concept: null } }, "problem"],
  [{ onset: "2030" }, "onset"],
  [{ onset: "yesterday" }, "onset"],
  [{ clinicalStatus: "" }, "clinicalStatus"],
  [{ clinicalStatus: "resolved", onset: "2020-05", abatement: "2019" }, "abatement"],
])("refuses %j at its field", (change, field) => {
  const values = { ...blankProblem(), problem: { text: "Asthma", concept: null }, ...change };
  expect(Object.keys(validateProblem(values, NOW))).toEqual([field]);
});

it("accepts an end in the year of the onset", () => {
  const values = { ...blankProblem(), problem: { text: "Asthma", concept: null } };
  expect(validateProblem({ ...values, clinicalStatus: "resolved", onset: "2020-05", abatement: "2020" }, NOW)).toEqual({});
});
