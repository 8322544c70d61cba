import { MantineProvider } from "@mantine/core";
import { act, cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { FakeClient, FakeRoom } from "../../test/fakeChartroom";
import { PATIENT } from "../../test/renderChart";
import type { Json, Resource } from "../shared/chartroom";
import { WorkspaceProvider } from "../shared/workspace";
import { flagByRange, flagBySaying } from "./flag";
import { Grouping, linesOf, ofKind, thinned } from "./groups";
import { readingOf } from "./reading";
import { reportOf } from "./reports";
import { CriticalValues } from "./critical/CriticalValues";
import { ResultsTab } from "./ResultsTab";

const LOINC = "http://loinc.org";

function observation(id: string, code: string, text: string, more: Record<string, unknown>): Resource {
  return {
    resourceType: "Observation",
    id,
    status: "final",
    category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: "laboratory" }] }],
    code: { coding: [{ system: LOINC, code }], text },
    ...more,
  };
}

function potassium(id: string, value: unknown, at: string, more: Record<string, unknown> = {}): Resource {
  return observation(id, "2823-3", "Potassium", {
    effectiveDateTime: at,
    valueQuantity: { value, unit: "mmol/L" },
    referenceRange: [{ low: { value: 3.5, unit: "mmol/L" }, high: { value: 5.1, unit: "mmol/L" } }],
    ...more,
  });
}

const SODIUM = observation("na", "2951-2", "Sodium", { effectiveDateTime: "2020-01-02T08:00:00Z", valueQuantity: { value: 140.123456, unit: "mmol/L" } });
const PRESSURE: Resource = {
  ...observation("bp", "85354-9", "Blood Pressure", { effectiveDateTime: "2020-01-02" }),
  category: [{ coding: [{ system: "x", code: "vital-signs" }] }],
  component: [
    { code: { coding: [{ system: LOINC, code: "8462-4" }], text: "Diastolic Blood Pressure" }, valueQuantity: { value: 88.2, unit: "mm[Hg]" } },
    { code: { coding: [{ system: LOINC, code: "8480-6" }], text: "Systolic Blood Pressure" }, valueQuantity: { value: 142.4, unit: "mm[Hg]" } },
  ],
};

function alertAbout(id: string, more: Record<string, unknown> = {}): Resource {
  return {
    resourceType: "Communication",
    id: `alert-${id}`,
    status: "in-progress",
    category: [{ coding: [{ system: "https://chartroom.dev/fhir/CodeSystem/communication-category", code: "critical-value" }] }],
    subject: { reference: "Patient/1" },
    about: [{ reference: `Observation/${id}` }],
    sent: new Date().toISOString(),
    payload: [{ contentString: "Potassium 7.1 mmol/L is above 6.5" }],
    ...more,
  };
}

async function show(resources: readonly Resource[], canEdit = true, before: (room: FakeRoom) => void = () => undefined) {
  const isAlert = ({ id }: Resource) => id.startsWith("alert-");
  const room = new FakeRoom("patient:1", [PATIENT, ...resources.filter((resource) => !isAlert(resource))]);
  before(room);
  const alerts = new FakeRoom("facility:alerts", resources.filter(isAlert));
  const client = new FakeClient(room, alerts);
  const person = { id: "alice", name: "Alice Chen" };
  const connect = () => Promise.resolve(client);
  render(
    <MantineProvider env="test">
      <WorkspaceProvider connect={connect} person={person} canEdit={canEdit}>
        <CriticalValues room={room as never}>
          <ResultsTab open={{ room } as never} />
        </CriticalValues>
      </WorkspaceProvider>
    </MantineProvider>,
  );
  await screen.findByRole("region", { name: "Laboratory" });
  return { room, alerts, user: userEvent.setup() };
}

const row = (name: RegExp) => screen.getByRole("rowheader", { name }).closest("tr") as HTMLElement;

it("shows the latest value of a test with unit, range and flag", async () => {
  await show([potassium("k1", 4.1, "2020-01-01T08:00:00Z"), potassium("k2", 5.9, "2020-01-02T08:00:00Z"), SODIUM]);
  expect(row(/Potassium/)).toHaveTextContent(/5\.9 mmol\/L.*High.*3\.5 – 5\.1.*2 Jan 2020.*2 values/);
  expect(row(/Sodium/)).toHaveTextContent("140.1 mmol/L");
  expect(within(row(/Sodium/)).getByText("140.1 mmol/L")).toHaveAttribute("title", "Recorded as 140.123456 mmol/L");
});

it("opens all values of a test as they were recorded", async () => {
  const { user } = await show([potassium("k1", 4.1, "2020-01-01"), potassium("k2", 9.9, "2020-01-02", { status: "entered-in-error" })]);
  expect(row(/Potassium/)).toHaveTextContent("4.1 mmol/L");
  await user.click(screen.getByRole("button", { name: "Potassium" }));
  const values = screen.getByRole("table", { name: "All values of Potassium" });
  expect(within(values).getAllByRole("row")).toHaveLength(3);
  expect(values).toHaveTextContent("Entered in error");
});

it("keeps rows in place when results arrive, marks them, and sorts when asked", async () => {
  const { room, user } = await show([potassium("k1", 4.1, "2020-01-03"), SODIUM]);
  const tests = () => within(screen.getByRole("table", { name: "Laboratory" })).getAllByRole("rowheader").map((cell) => cell.textContent);
  expect(tests()).toEqual(["Potassium", "Sodium"]);
  act(() => room.colleague("Observation", "na2", { ...(SODIUM as Record<string, Json>), id: "na2", effectiveDateTime: "2020-01-09T08:00:00Z" }));
  await waitFor(() => expect(row(/Sodium/)).toHaveTextContent("New"));
  expect(tests()).toEqual(["Potassium", "Sodium"]);
  await user.click(screen.getByRole("button", { name: "Sort latest first" }));
  expect(tests()).toEqual(["Sodium", "Potassium"]);
});

it("finds a test and those out of range", async () => {
  const { user } = await show([potassium("k1", 5.9, "2020-01-03"), SODIUM]);
  await user.click(screen.getByRole("checkbox", { name: "Out of range only" }));
  expect(screen.queryByRole("rowheader", { name: /Sodium/ })).not.toBeInTheDocument();
  await user.type(screen.getByRole("searchbox", { name: "Find in laboratory" }), "sod");
  expect(await screen.findByText("No test matches.")).toBeVisible();
});

it("speaks a blood pressure as it is spoken", async () => {
  await show([PRESSURE]);
  expect(within(screen.getByRole("region", { name: "Vital signs" })).getByText("142/88 mmHg")).toBeVisible();
});

it("lists a report's results", async () => {
  const report = { resourceType: "DiagnosticReport", id: "r1", status: "preliminary", code: { text: "Metabolic panel" }, effectiveDateTime: "2020-01-02", result: [{ reference: "Observation/k1" }, { reference: "Observation/gone", display: "Chloride" }] };
  const { user } = await show([potassium("k1", 4.1, "2020-01-02"), report]);
  expect(row(/Metabolic panel/)).toHaveTextContent("Preliminary");
  await user.click(screen.getByRole("button", { name: "Metabolic panel" }));
  const results = screen.getByRole("table", { name: "Results of Metabolic panel" });
  expect(results).toHaveTextContent("Potassium4.1 mmol/L");
  expect(results).toHaveTextContent("ChlorideNot in this chart");
});

it("interrupts with a critical value until it is acknowledged, and says by whom", async () => {
  const { room, alerts, user } = await show([potassium("k1", 7.1, "2020-01-02"), alertAbout("k1")]);
  const dialog = await screen.findByRole("dialog", { name: /Critical value/ });
  expect(dialog).toHaveTextContent("Andrea7 Dach178");
  await user.keyboard("{Escape}{Enter} ");
  expect(room.calls).toEqual([]);
  await new Promise((done) => setTimeout(done, 550));
  await user.click(within(dialog).getByRole("button", { name: /Acknowledge/ }));
  const written = room.calls[0]?.value as Resource;
  expect(written).toMatchObject({ resourceType: "Communication", status: "completed", about: [{ reference: "Observation/k1" }], subject: { reference: "Patient/1" }, sender: { display: "Alice Chen" } });
  await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
  expect(screen.getByRole("region", { name: "Critical values" })).toHaveTextContent("Acknowledged by Alice Chen");
  expect(alerts.get("Communication", "alert-k1")).toMatchObject({ status: "completed" });
  act(() => [room, alerts].forEach((refusing) => refusing.refuse("read-only", "no")));
  expect(await screen.findByRole("dialog")).toHaveTextContent("You may read this chart but not change it.");
});

it("says in the open dialog who acknowledged it elsewhere", async () => {
  const { room, user } = await show([potassium("k1", 7.1, "2020-01-02"), alertAbout("k1")]);
  const dialog = await screen.findByRole("dialog");
  await new Promise((done) => setTimeout(done, 550));
  act(() => room.colleague("Communication", "ack", { status: "completed", about: [{ reference: "Observation/k1" }], sender: { display: "Bob Diaz" }, sent: new Date().toISOString() }));
  expect(dialog).toHaveTextContent("Acknowledged by Bob Diaz");
  await user.click(within(dialog).getByRole("button", { name: "Close" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
});

it("lets a reader close the dialog, and the value stays unacknowledged", async () => {
  const { user } = await show([potassium("k1", 7.1, "2020-01-02"), alertAbout("k1")], false);
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).queryByRole("button", { name: /Acknowledge/ })).not.toBeInTheDocument();
  await new Promise((done) => setTimeout(done, 550));
  await user.click(within(dialog).getByRole("button", { name: "Close" }));
  expect(await screen.findByRole("region", { name: "Critical values" })).toHaveTextContent("Nobody has acknowledged it yet");
});

it("tells again after a reload of a value that alerts in this chart alone, until somebody has acknowledged it", async () => {
  const late = { display: "Potassium", value: 7.1, unit: "mmol/L", threshold: 6.5, direction: "high", late: true };
  const tell = (room: FakeRoom) => {
    room.number("CRITICAL_VALUE_ALERT", "Observation", "k1", late);
    room.number("CRITICAL_VALUE_ALERT", "Observation", "old", late, new Date(Date.now() - 30 * 86_400_000));
  };
  const { room, user } = await show([potassium("k1", 7.1, "2020-01-02")], true, tell);
  const dialog = await screen.findByRole("dialog", { name: "Critical value" });
  expect(dialog).toHaveTextContent("Potassium 7.1 mmol/L is above 6.5");
  await new Promise((done) => setTimeout(done, 550));
  await user.click(within(dialog).getByRole("button", { name: /Acknowledge/ }));
  expect(room.calls[0]?.value).toMatchObject({ about: [{ reference: "Observation/k1" }] });
  expect(screen.getByRole("region", { name: "Critical values" })).toHaveTextContent("Acknowledged by Alice Chen");
});

it("keeps one line for critical values, with one of them in it and all on a press", async () => {
  const { user } = await show([potassium("k1", 4.1, "2020-01-02")]);
  expect(screen.getByRole("region", { name: "Critical values" })).toHaveTextContent("Nothing to acknowledge");
  cleanup();
  const done = alertAbout("k1", { status: "completed", payload: [{ contentString: "Potassium 6.9 mmol/L is above 6.5" }] });
  await show([potassium("k1", 7.1, "2020-01-02"), { ...done, id: "alert-done" }, alertAbout("k1")], false);
  await new Promise((settled) => setTimeout(settled, 550));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Close" }));
  const line = within(await screen.findByRole("region", { name: "Critical values" }));
  expect(line.getByRole("listitem")).toHaveTextContent("Potassium 7.1 mmol/L is above 6.5");
  await user.click(line.getByRole("button", { name: /^All 2/ }));
  expect(within(await screen.findByRole("dialog", { name: "All 2 critical values" })).getAllByRole("listitem")).toHaveLength(2);
});

it("does not interrupt for a value that was corrected or entered in error, and says what became of it", async () => {
  const { room, alerts, user } = await show([potassium("k1", 7.1, "2020-01-02"), alertAbout("k1")]);
  const dialog = await screen.findByRole("dialog", { name: "Critical value" });
  act(() => room.colleague("Observation", "k1", { status: "corrected", valueQuantity: { value: 4.1, unit: "mmol/L" } }));
  await waitFor(() => expect(dialog).toHaveTextContent("Corrected: now 4.1 mmol/L"));
  expect(within(dialog).queryByRole("button", { name: /Acknowledge/ })).toBeNull();
  await new Promise((done) => setTimeout(done, 550));
  await user.click(within(dialog).getByRole("button", { name: "Close" }));
  expect(row(/Potassium/)).toHaveTextContent(/4\.1 mmol\/L.*Normal/);
  expect(row(/Potassium/)).not.toHaveTextContent(/Critical|acknowledged/);
  act(() => room.colleague("Observation", "k1", { status: "entered-in-error" }));
  const line = within(screen.getByRole("region", { name: "Critical values" }));
  await waitFor(() => expect(line.getByRole("listitem")).toHaveTextContent("Entered in error"));
  await user.click(line.getByRole("button", { name: /^End the alert: Potassium 7.1/ }));
  expect(alerts.get("Communication", "alert-k1")).toMatchObject({ status: "completed" });
});

it("flags by the laboratory's word, else by the range in the same unit", () => {
  const range = { low: 3.5, high: 5.1, units: ["mmol/L"], text: "" };
  expect(flagBySaying([{ coding: [{ system: "x", code: "HH" }] }])?.text).toBe("Critical high");
  expect(flagByRange(5.2, "", "mmol/L", range)?.text).toBe("High");
  expect(flagByRange(5.2, "", "mg/dL", range)).toBeUndefined();
  expect(flagByRange(4, ">", "mmol/L", range)).toBeUndefined();
  expect(flagByRange(3, "<", "mmol/L", range)?.text).toBe("Low");
  expect(readingOf(potassium("k", 5.9, "2020", { interpretation: [{ coding: [{ system: "x", code: "N" }] }] })).flag?.text).toBe("Normal");
});

it("reads observations of any shape", () => {
  for (const more of [{ code: null }, { valueQuantity: 3 }, { component: [null, {}] }, { referenceRange: "x" }, { effectiveDateTime: "soon" }, { interpretation: [null] }, { category: 1 }]) {
    const reading = readingOf(observation("x", "1", "X", more));
    expect(reading.value).not.toBe("");
    expect(linesOf(new Grouping().of([reading.resource])[0]!).points).toEqual([]);
  }
  expect(reportOf({ resourceType: "DiagnosticReport", id: "r", result: [null, 3, {}] }, new Map()).results).toHaveLength(3);
});

it("keeps groups that did not change, and draws one unit", () => {
  const grouping = new Grouping();
  const potassiums = [potassium("k1", 4.1, "2020-01-01"), potassium("k2", 16, "2020-01-02", { valueQuantity: { value: 16, unit: "mg/dL" } }), potassium("k3", 4.4, "2020-01-03")];
  const before = ofKind(grouping.of([...potassiums, SODIUM]), "laboratory");
  const after = ofKind(grouping.of([...potassiums, { ...SODIUM }]), "laboratory");
  expect(after[0]).toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
  const lines = linesOf(before[0]!);
  expect(lines.points).toHaveLength(2);
  expect(lines.leftOut).toBe(1);
});

it("thins a long course and keeps its highs and lows", () => {
  const points = Array.from({ length: 5000 }, (_, at) => ({ at, v: at === 2500 ? 99 : at % 7 }));
  const few = thinned(points, "v", 300);
  expect(few.length).toBeLessThanOrEqual(302);
  expect(few.some(({ v }) => v === 99)).toBe(true);
});
