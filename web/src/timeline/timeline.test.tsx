import { act, screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { eventsOf, latestFirst } from "./events";
import { groupsOf } from "./groups";
import { columnsOf, isWithin, neighbour, periodOf, periodText, wholePeriod } from "./period";
import { RULES } from "./rules";
import { clinicalTime } from "./time";

const CONCEPT = { code: { text: "X" } };

/** One resource of each type that is told of, with the time at which it should stand. */
const ONE_OF_EACH: readonly [type: string, elements: Record<string, unknown>, ...told: string[]][] = [
  ["Patient", { birthDate: "1960-02-29", deceasedDateTime: "2020-01-01" }, "Born Birth", "Died Death"],
  ["Encounter", { period: { start: "2020-01-01T08:00:00Z", end: "2020-01-03T08:00:00Z" }, class: { display: "inpatient" } }, "Began inpatient", "Ended inpatient"],
  ["Condition", { ...CONCEPT, onsetDateTime: "2019", abatementDateTime: "2020-01-01" }, "Began X", "Resolved X"],
  ["AllergyIntolerance", { ...CONCEPT, recordedDate: "2020-01-01" }, "Recorded X"],
  ["MedicationRequest", { status: "active", authoredOn: "2020-01-01", dispenseRequest: { validityPeriod: { end: "2020-02-01" } }, medicationCodeableConcept: { text: "X" } }, "Prescribed X", "Ends X"],
  ["MedicationStatement", { effectivePeriod: { start: "2020-01-01", end: "2020-02-01" }, medicationCodeableConcept: { text: "X" } }, "Taken from X", "Taken until X"],
  ["MedicationDispense", { whenHandedOver: "2020-01-01", medicationCodeableConcept: { text: "X" } }, "Dispensed X"],
  ["MedicationAdministration", { effectiveDateTime: "2020-01-01", medicationCodeableConcept: { text: "X" } }, "Given X"],
  ["ServiceRequest", { ...CONCEPT, status: "active", authoredOn: "2020-01-01" }, "Ordered X"],
  ["DeviceRequest", { authoredOn: "2020-01-01", codeCodeableConcept: { text: "X" } }, "Ordered X"],
  ["NutritionOrder", { dateTime: "2020-01-01" }, "Ordered Diet"],
  ["Specimen", { collection: { collectedDateTime: "2020-01-01" } }, "Collected Specimen"],
  ["Observation", { ...CONCEPT, effectiveDateTime: "2020-01-01" }, "Measured X"],
  ["RiskAssessment", { ...CONCEPT, occurrenceDateTime: "2020-01-01" }, "Assessed X"],
  ["FamilyMemberHistory", { date: "2020-01-01", relationship: { text: "mother" } }, "Recorded Family history · mother"],
  ["DiagnosticReport", { ...CONCEPT, status: "final", issued: "2020-01-01T08:00:00Z" }, "Reported X"],
  ["ImagingStudy", { started: "2020-01-01", description: "CT head" }, "Taken CT head"],
  ["Media", { createdDateTime: "2020-01-01" }, "Taken Picture"],
  ["Procedure", { ...CONCEPT, performedPeriod: { start: "2020-01-01" } }, "Done X"],
  ["Immunization", { vaccineCode: { text: "X" }, occurrenceDateTime: "2020-01-01" }, "Given X"],
  ["DocumentReference", { date: "2020-01-01T08:00:00Z", type: { text: "Letter" }, content: [{ attachment: { contentType: "application/pdf" } }] }, "Uploaded Letter"],
  ["Composition", { date: "2020-01-01", title: "Discharge" }, "Written Discharge"],
  ["ClinicalImpression", { date: "2020-01-01" }, "Assessed Clinical impression"],
  ["Consent", { dateTime: "2020-01-01" }, "Given Consent"],
  ["CarePlan", { title: "Plan", period: { start: "2020-01-01" } }, "Began Plan"],
  ["CareTeam", { name: "Team", period: { start: "2020-01-01" } }, "Began Team"],
  ["Goal", { startDate: "2020-01-01", statusDate: "2020-03-01", achievementStatus: { coding: [{ code: "achieved" }] }, description: { text: "X" } }, "Set X", "Achieved X"],
  ["Flag", { ...CONCEPT, period: { start: "2020-01-01", end: "2020-02-01" } }, "Raised X", "Ended X"],
  ["Communication", { sent: "2020-01-01", payload: [{ contentString: "Hello" }] }, "Sent Hello"],
  ["Appointment", { start: "2020-01-01T08:00:00Z", description: "Check" }, "Appointment Check"],
];

function made(type: string, elements: Record<string, unknown>): Resource {
  return { resourceType: type, id: "1", ...elements } as Resource;
}

describe("events", () => {
  it.each(ONE_OF_EACH)("of %s are told", (type, elements, ...told) => {
    expect(eventsOf(made(type, elements)).map(({ what, label }) => `${what} ${label}`)).toEqual(told);
  });

  it("has a rule under test for every type", () => {
    expect(ONE_OF_EACH.map(([type]) => type).sort()).toEqual(Object.keys(RULES).sort());
  });

  it.each([undefined, null, 7, "x", [], {}, { start: 3 }, [{}]])("are told of any shape without an error: %j", (value) => {
    const elements = Object.fromEntries(["period", "code", "status", "effectivePeriod", "content", "payload", "category", "date", "context", "dispenseRequest"].map((name) => [name, value]));
    for (const type of Object.keys(RULES)) expect(Array.isArray(eventsOf(made(type, elements)))).toBe(true);
  });

  it("calls a value critical where the laboratory does, and a vital sign a vital sign", () => {
    const value = (more: object) => eventsOf(made("Observation", { ...CONCEPT, effectiveDateTime: "2020-01-01", ...more }))[0]?.kind;
    expect(value({ category: [{ coding: [{ code: "laboratory" }] }], interpretation: [{ coding: [{ code: "HH" }] }] })).toBe("critical");
    expect(value({ category: [{ coding: [{ code: "laboratory" }] }] })).toBe("result");
    expect(value({ category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: "vital-signs" }] }] })).toBe("vital");
    expect(value({})).toBe("observation");
  });

  it("is one for an encounter of a day", () => {
    const [event, none] = eventsOf(made("Encounter", { period: { start: "2020-01-01T08:00:00", end: "2020-01-01T08:15:00" } }));
    expect(event?.detail).toBe("until 08:15");
    expect(none).toBeUndefined();
  });
});

describe("period", () => {
  it("takes a day as the reader's own, and a year for no month", () => {
    expect(clinicalTime("2024-03-12")).toEqual({ at: new Date(2024, 2, 12).getTime(), precision: "day" });
    const year = clinicalTime("2024");
    expect(year && isWithin(periodOf("year", year.at), year)).toBe(true);
    expect(year && isWithin(periodOf("month", year.at), year)).toBe(false);
    expect(clinicalTime("soon")).toBeUndefined();
  });

  it("goes to its neighbours over the turn of the year", () => {
    const december = periodOf("month", new Date(2024, 11, 12).getTime());
    expect([december, neighbour(december, 1), neighbour(december, -1)].map(periodText)).toEqual(["December 2024", "January 2025", "November 2024"]);
  });

  it("has columns without gaps, wide enough to be pressed", () => {
    for (const shown of [wholePeriod([{ at: Date.UTC(1931, 5), precision: "day" }], Date.UTC(2026, 5)), periodOf("year", 0), periodOf("month", 0), periodOf("day", 0)]) {
      const columns = columnsOf(shown);
      expect(columns.length).toBeLessThanOrEqual(31);
      expect(columns[0]?.from).toBeLessThanOrEqual(shown.from);
      expect(columns.at(-1)?.to).toBeGreaterThanOrEqual(shown.to);
      columns.slice(1).forEach((column, index) => expect(column.from).toBe(columns[index]?.to));
    }
  });
});

it("groups what belongs to an encounter, and the rest by day", () => {
  const encounter = made("Encounter", { class: { display: "inpatient" }, period: { start: "2020-01-01T08:00:00" } });
  const inside = { ...made("Observation", { ...CONCEPT, effectiveDateTime: "2020-01-03", encounter: { reference: "Encounter/1" } }), id: "a" };
  const outside = { ...made("Observation", { ...CONCEPT, effectiveDateTime: "2020-01-02" }), id: "b" };
  const events = [encounter, inside, outside].flatMap(eventsOf).sort(latestFirst);
  expect(groupsOf(events, events, true).map(({ title, events }) => [title, events.length])).toEqual([
    ["inpatient, 1 Jan 2020", 2],
    ["2 Jan 2020", 1],
  ]);
  expect(groupsOf(events, events, false).map(({ title }) => title)).toEqual(["3 Jan 2020", "2 Jan 2020", "1 Jan 2020"]);
});

const PROBLEM = made("Condition", { ...CONCEPT, code: { text: "Asthma" }, onsetDateTime: "2019-05-02" });
const SHOT = { ...made("Immunization", { vaccineCode: { text: "Influenza" }, occurrenceDateTime: "2024-10-07T09:30:00" }), id: "i1" };

it("shows events in order, filtered by kind, words and period", async () => {
  const { user } = await renderChart([PROBLEM, SHOT], "alice", "/timeline");
  await screen.findByRole("heading", { name: "Timeline" });
  const labels = () => screen.queryAllByRole("listitem").flatMap((item) => item.getAttribute("data-event") ?? []);
  expect(labels()).toEqual(["Immunization/i1 Given", "Condition/1 Began", "Patient/1 Born"]);
  await user.click(screen.getByRole("checkbox", { name: "Immunizations (1)" }));
  expect(labels()).toEqual(["Condition/1 Began", "Patient/1 Born"]);
  await user.click(screen.getByRole("button", { name: "Show every kind" }));
  await user.type(screen.getByRole("searchbox", { name: "Find an event" }), "asth");
  expect(labels()).toEqual(["Condition/1 Began"]);
  await user.clear(screen.getByRole("searchbox", { name: "Find an event" }));
  await user.click(screen.getByRole("radio", { name: "Year" }));
  expect(labels()).toEqual(["Immunization/i1 Given"]);
  await user.click(screen.getByRole("button", { name: "Look into October 2024" }));
  expect(screen.getByText("1 event, October 2024")).toBeVisible();
  expect(screen.getByRole("link", { name: "Influenza" })).toHaveAttribute("href", "/patients/1?entry=Immunization%2Fi1");
});

it("keeps the list still while others write, and marks what they wrote", async () => {
  const { room, user } = await renderChart([PROBLEM], "alice", "/timeline");
  await screen.findByRole("heading", { name: "Timeline" });
  act(() => room.colleague("Condition", "c2", { code: { text: "Gout" }, onsetDateTime: "2024-01-01" }));
  const acts = within(await screen.findByRole("list", { name: "As it happens" }));
  expect((await acts.findByText("Bob Diaz created c2")).closest("li")).toHaveTextContent("New");
  expect(screen.queryByRole("link", { name: "Gout" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Show 1 new event" }));
  expect(screen.getByRole("link", { name: "Gout" }).closest("li")).toHaveTextContent(/New · Bob Diaz/);
});

it("goes from an event to its row", async () => {
  const { user } = await renderChart([PROBLEM], "alice", "/timeline");
  await user.click(await screen.findByRole("link", { name: "Asthma" }));
  expect(await screen.findByRole("row", { name: /Asthma/ })).toHaveFocus();
});
