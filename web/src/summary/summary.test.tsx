import { screen, within } from "@testing-library/react";
import { act } from "react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Conflict, Resource } from "../shared/chartroom";
import { cssString } from "./paper";

const LATEX: Resource = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Latex" }, criticality: "high", clinicalStatus: { coding: [{ code: "active" }] }, reaction: [{ manifestation: [{ text: "Anaphylaxis" }] }] };
const METOPROLOL: Resource = { resourceType: "MedicationRequest", id: "m1", status: "active", intent: "order", medicationCodeableConcept: { text: "Metoprolol" }, dosageInstruction: [{ text: "50 mg once a day" }] };
const POTASSIUM: Resource = {
  resourceType: "Observation",
  id: "o1",
  status: "final",
  category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: "laboratory" }] }],
  code: { text: "Potassium", coding: [{ system: "http://loinc.org", code: "2823-3" }] },
  valueQuantity: { value: 5.9, unit: "mmol/L" },
  referenceRange: [{ low: { value: 3.5, unit: "mmol/L" }, high: { value: 5.1, unit: "mmol/L" } }],
  effectiveDateTime: "2024-03-01T08:00:00Z",
};

async function section(name: string) {
  return within(await screen.findByRole("region", { name }));
}

it("has the chart on one page, live", async () => {
  const { room } = await renderChart([LATEX, METOPROLOL, POTASSIUM], "alice", "/summary");
  const allergies = await section("Allergies");
  expect(allergies.getByRole("listitem")).toHaveTextContent(/Latex.*Anaphylaxis/);
  const laboratory = await section("Laboratory, latest values");
  expect(laboratory.getByRole("listitem")).toHaveTextContent(/Potassium5.9 mmol\/L · reference 3.5 – 5.1High/);
  expect(screen.getByRole("list", { name: "Warnings" })).toHaveTextContent("Code status: not recorded");
  act(() => room.colleague("AllergyIntolerance", "a2", { code: { text: "Penicillin" } }));
  expect(await allergies.findByText("Penicillin")).toBeInTheDocument();
});

it("never shows one of two values alone", async () => {
  const { room } = await renderChart([METOPROLOL], "alice", "/summary");
  const medications = await section("Medications");
  const side = (hash: string, name: string, text: string) => ({ hash, author: { id: name, name }, authored_ms: 1, shown: hash === "1", value: { dosageInstruction: [{ text }] } });
  const values = [side("1", "Bob Diaz", "50 mg once a day"), side("2", "Alice Chen", "25 mg once a day")];
  act(() => room.dispute([{ kind: "element", resource_type: "MedicationRequest", id: "m1", elements: ["dosageInstruction"], safety: true, values } as unknown as Conflict]));
  expect(medications.getByRole("listitem")).toHaveTextContent(/In dispute: 50 mg once a day \(Bob Diaz\) or 25 mg once a day \(Alice Chen\)/);
});

it("says what is not saved yet", async () => {
  const { room } = await renderChart([], "alice", "/summary");
  await section("Problems");
  act(() => void room.put({ resourceType: "Condition", id: "c1", code: { text: "Gout" } }));
  expect(screen.getByText("One edit in this summary is not saved at the server yet.")).toBeInTheDocument();
});

it("writes a name into a style as a text and nothing else", () => {
  expect(cssString("Ann Doe, born 1 May 1980")).toBe('"Ann Doe, born 1 May 1980"');
  expect(cssString('"}</style><b>\n\\')).not.toMatch(/[<>{}\n]|"[^"]+"$.*"|\\\\/);
  expect(cssString("Zoë")).toBe('"Zoë"');
});
