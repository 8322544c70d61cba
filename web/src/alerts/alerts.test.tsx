import { act, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { FakeClient } from "../../test/fakeChartroom";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { isSeenBy, seenText } from "./alert";
import { alertsOf } from "./read";
import { raised } from "./write";

const ALICE = { id: "alice", name: "Alice Chen" };
const BOB = { id: "bob", name: "Bob Diaz" };
const NOW = new Date(2026, 10, 29, 3, 12);
const FLOOD = raised("alert", "Corridor B is flooded", BOB, "k1", NOW);
const CARDIAC = raised("emergency", "Cardiac arrest in room 12", BOB, "k2", NOW);
const POTASSIUM: Resource = {
  resourceType: "Communication",
  id: "k3",
  status: "in-progress",
  category: [{ coding: [{ code: "critical-value" }] }],
  subject: { reference: "Patient/7", display: "Ann Doe" },
  identifier: [{ system: "https://chartroom.dev/fhir/event", value: "patient:1#12" }],
  about: [{ reference: "Observation/o1" }],
  sent: NOW.toISOString(),
  payload: [{ contentString: "Potassium 7.2 mmol/L is above 6.5" }],
};
afterEach(() => vi.unstubAllGlobals());

const RESULT: Resource = { resourceType: "Observation", id: "o1", status: "final", valueQuantity: { value: 7.2, unit: "mmol/L" } };

it("shows an alert above every page, and who has seen it", async () => {
  const { alerts, user } = await renderChart([], "alice", "", [FLOOD]);
  const bar = within(screen.getByRole("region", { name: "Alerts" }));
  expect(bar.getByRole("status")).toHaveTextContent("AlertCorridor B is flooded");
  expect(screen.queryByRole("dialog")).toBeNull();
  await user.click(bar.getByRole("button", { name: "Acknowledge: Corridor B is flooded" }));
  expect(alerts.calls[0]?.value).toMatchObject({ inResponseTo: [{ reference: "Communication/k1" }], sender: { display: "Alice Chen" }, status: "completed" });
  expect(bar.getByRole("status")).toHaveTextContent("Corridor B is flooded");
  expect(bar.queryByRole("button", { name: /Acknowledge/ })).toBeNull();
  await user.click(bar.getByRole("button", { name: "1 alert" }));
  const drawer = within(await screen.findByRole("dialog", { name: "Alerts for everybody" }));
  expect(drawer.getByText(/Seen by Alice Chen/)).toBeVisible();
});

it("ends an alert for everybody, and takes that back", async () => {
  const { alerts, user } = await renderChart([], "alice", "", [FLOOD]);
  await user.click(screen.getByRole("button", { name: "1 alert" }));
  const drawer = within(await screen.findByRole("dialog", { name: "Alerts for everybody" }));
  await user.click(drawer.getByRole("button", { name: "End for everybody" }));
  expect(alerts.get("Communication", "k1")).toMatchObject({ status: "completed" });
  expect(drawer.getByText("No alerts are active.")).toBeVisible();
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  expect(alerts.get("Communication", "k1")).toMatchObject({ status: "in-progress" });
});

it("says what was refused, of this window and of an earlier one, until somebody has seen it", async () => {
  const { alerts, user } = await renderChart([], "alice", "", [FLOOD]);
  act(() => alerts.refuseElsewhere({ kind: "put", resource: CARDIAC }, "read-only", "not yours"));
  const told = (await screen.findByText("Not saved: add message")).closest<HTMLElement>('[role="alert"]')!;
  expect(told).toHaveTextContent("Cardiac arrest in room 12");
  expect(alerts.refused).toHaveLength(1);
  await user.click(within(told).getByRole("button", { name: "Dismiss" }));
  expect(alerts.refused).toEqual([]);
  act(() => alerts.refuseElsewhere({ kind: "put", resource: FLOOD }, "read-only", "not yours"));
  await screen.findByText("Not saved: add message");
  act(() => alerts.refused[0]!.drop());
  await waitFor(() => expect(screen.queryByText("Not saved: add message")).toBeNull());
  await user.click(screen.getByRole("button", { name: "Acknowledge: Corridor B is flooded" }));
  await act(async () => alerts.refuse("read-only", "not yours"));
  expect(await screen.findByText("Not acknowledged")).toBeVisible();
  expect(alerts.refused).toEqual([]);
});

it("interrupts for an emergency until it is acknowledged, and takes no key for an answer", async () => {
  const { alerts, user } = await renderChart([]);
  act(() => void alerts.colleague("Communication", "k2", CARDIAC as never));
  const dialog = await screen.findByRole("dialog", { name: "Emergency" });
  expect(dialog).toHaveTextContent("Cardiac arrest in room 12");
  await waitFor(() => expect(dialog).toContainElement(document.activeElement as HTMLElement));
  await user.keyboard("{Enter}");
  expect(alerts.calls).toEqual([]);
  await user.click(within(dialog).getByRole("button", { name: "Acknowledge" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(screen.getByRole("region", { name: "Alerts" })).toHaveTextContent("Cardiac arrest in room 12");
});

it("completes a critical value by acknowledging it", async () => {
  const { alerts, room, user } = await renderChart([], "alice", "", [POTASSIUM]);
  const dialog = within(await screen.findByRole("dialog", { name: "Critical value" }));
  expect(dialog.getByRole("link", { name: "Ann Doe" })).toHaveAttribute("href", "/patients/7");
  await user.click(dialog.getByRole("button", { name: "Acknowledge" }));
  expect(alerts.calls).toEqual([{ kind: "patch", id: "k3", value: { status: "completed" } }]);
  expect(screen.getByRole("button", { name: "No alerts" })).toBeInTheDocument();
  await waitFor(() => expect(room.calls[0]?.value).toMatchObject({ status: "completed", about: [{ reference: "Observation/o1" }] }));
});

it("raises an alert, and says what is missing", async () => {
  const { alerts, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "No alerts" }));
  await user.click(await screen.findByRole("button", { name: "Raise an alert" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Raise an alert" }));
  await user.click(dialog.getByRole("button", { name: "Raise alert" }));
  expect(dialog.getByRole("textbox", { name: "Message" })).toHaveAccessibleDescription(/Say what is the matter/);
  await user.type(dialog.getByRole("textbox", { name: "Message" }), "Lift 2 is out of order");
  await user.click(dialog.getByRole("button", { name: "Raise alert" }));
  expect(alerts.calls[0]?.value).toMatchObject({
    status: "in-progress",
    priority: "urgent",
    category: [{ coding: [{ code: "alert", system: "https://chartroom.dev/fhir/CodeSystem/communication-category" }] }],
    sender: { display: "Alice Chen" },
    payload: [{ contentString: "Lift 2 is out of order" }],
  });
});

it("raises an alert about the patient whose chart is open, about another one, or about none", async () => {
  const patient = (id: string, title: string) => ({ room: `patient:${id}`, title, birthDate: "1955-01-02" });
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(Response.json({ rooms: [patient("1", "Andrea7 Dach178"), patient("2", "Thanh759 Mosciski958")] }))));
  const { alerts, user } = await renderChart([]);
  await user.click(screen.getByRole("button", { name: "No alerts" }));
  const raise = async (choose: (field: HTMLElement) => Promise<void>) => {
    await user.click(await screen.findByRole("button", { name: "Raise an alert" }));
    const dialog = within(await screen.findByRole("dialog", { name: "Raise an alert" }));
    await waitFor(() => expect(dialog.getByRole("combobox", { name: "Patient" })).toHaveValue("Andrea7 Dach178, born 2 Jan 1955"));
    await choose(dialog.getByRole("combobox", { name: "Patient" }));
    await user.type(dialog.getByRole("textbox", { name: "Message" }), "Help needed");
    await user.click(dialog.getByRole("button", { name: "Raise alert" }));
    return (alerts.calls.at(-1)?.value as Resource)["subject"];
  };
  expect(await raise(() => Promise.resolve())).toEqual({ reference: "Patient/1", display: "Andrea7 Dach178" });
  const another = async (field: HTMLElement) => {
    await user.clear(field);
    await user.type(field, "mosc");
    await user.click(await screen.findByRole("option", { name: /Mosciski958/ }));
  };
  expect(await raise(another)).toEqual({ reference: "Patient/2", display: "Thanh759 Mosciski958" });
  expect(await raise(async () => user.click(screen.getByRole("button", { name: "No patient" })))).toBeUndefined();
  const bar = within(screen.getByRole("region", { name: "Alerts" }));
  expect(bar.getByRole("status")).toHaveTextContent("Help needed");
});

it("leads from an alert to the chart that it names", async () => {
  await renderChart([], "alice", "", [raised("alert", "Fell out of bed", BOB, "k5", NOW, { id: "7", name: "Ann Doe" })]);
  expect(within(screen.getByRole("region", { name: "Alerts" })).getByRole("link", { name: "Ann Doe" })).toHaveAttribute("href", "/patients/7");
});

it("lists what ended within the last day, with who ended it and who had seen it", async () => {
  const ended = (alert: Resource, by: string, at: Date): Resource => ({
    ...alert,
    status: "completed",
    extension: [{ url: "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged", extension: [{ url: "name", valueString: by }, { url: "time", valueInstant: at.toISOString() }] }],
  });
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  const answer = { resourceType: "Communication", id: "a1", status: "completed", inResponseTo: [{ reference: "Communication/k1" }], sender: { display: "Bob Diaz" } };
  const longAgo = ended({ ...CARDIAC, sent: hoursAgo(30).toISOString() }, "Bob Diaz", hoursAgo(25));
  const { user } = await renderChart([], "alice", "", [ended(FLOOD, "Alice Chen", hoursAgo(2)), answer, ended(POTASSIUM, "Bob Diaz", hoursAgo(1)), longAgo]);
  await user.click(screen.getByRole("button", { name: "No alerts" }));
  const articles = within(await screen.findByRole("region", { name: "Ended" })).getAllByRole("article");
  expect(articles.map((article) => article.textContent)).toEqual([
    expect.stringMatching(/^Critical valuePotassium 7\.2.*Acknowledged by Bob Diaz/),
    expect.stringMatching(/^AlertCorridor B is flooded.*Seen by Bob Diaz.*Ended by Alice Chen/),
  ]);
});

it("opens the facility's alerts once for the bar and the chart, and interrupts once for one value", async () => {
  const opened = vi.spyOn(FakeClient.prototype, "open");
  await renderChart([RESULT], "alice", "", [{ ...POTASSIUM, subject: { reference: "Patient/1" } }]);
  expect(await screen.findByRole("dialog")).toHaveTextContent("Nobody has acknowledged it yet");
  expect(screen.getAllByRole("dialog")).toHaveLength(1);
  expect(opened.mock.calls.filter(([name]) => name === "facility:alerts")).toHaveLength(1);
});

it("interrupts where the patient's chart cannot be shown", async () => {
  await renderChart([RESULT], "alice", "/no-such-page", [{ ...POTASSIUM, subject: { reference: "Patient/1" } }], { heading: "There is no such page of the chart" });
  expect(await screen.findByRole("dialog", { name: "Critical value" })).toHaveTextContent("Laboratory");
});

it("does not interrupt whoever raised it", async () => {
  await renderChart([], "alice", "", [raised("emergency", "Help in room 4", ALICE, "k4", NOW)]);
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.getByRole("region", { name: "Alerts" })).toHaveTextContent("Help in room 4");
  expect(screen.queryByRole("button", { name: /Acknowledge/ })).toBeNull();
});

it("lets a reader read", async () => {
  await renderChart([], "charlie", "", [FLOOD]);
  expect(screen.getByRole("region", { name: "Alerts" })).toHaveTextContent("Corridor B is flooded");
  expect(screen.queryByRole("button", { name: /Acknowledge/ })).toBeNull();
});

it("puts the worst first and reads who acknowledged from answers and from the server's note", () => {
  const note = {
    url: "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged",
    extension: [{ url: "id", valueString: "bob" }, { url: "name", valueString: "Bob Diaz" }, { url: "time", valueInstant: NOW.toISOString() }],
  };
  const alerts = alertsOf([FLOOD, { ...POTASSIUM, status: "completed", extension: [note] }, CARDIAC]);
  expect(alerts.map(({ id }) => id)).toEqual(["k2", "k3", "k1"]);
  expect(alerts[1]).toMatchObject({ key: "patient:1#12", room: "patient:1", ended: { id: "bob", name: "Bob Diaz", isTaken: true } });
  expect(alerts[1] && [isSeenBy(alerts[1], BOB), isSeenBy(alerts[1], ALICE)]).toEqual([true, false]);
  const answer = { resourceType: "Communication", id: "a1", status: "completed", inResponseTo: [{ reference: "Communication/k1" }], sender: { display: "Carol" } };
  const [ended] = alertsOf([{ ...FLOOD, status: "completed", extension: [note] }, answer]);
  expect(ended && [ended.ended?.name, seenText(ended)]).toEqual(["Bob Diaz", "Seen by Carol"]);
  expect(alertsOf([{ resourceType: "Communication", id: "x", payload: 7, category: "?" }])[0]).toMatchObject({ kind: "alert", text: "No text" });
});
