import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { alertsOf, isSeenBy, raised, seenText } from "./alert";

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
  expect(alerts[1] && [alerts[1].isActive, seenText(alerts[1]), isSeenBy(alerts[1], BOB), isSeenBy(alerts[1], ALICE)]).toEqual([false, "Seen by Bob Diaz", true, false]);
  expect(alertsOf([{ resourceType: "Communication", id: "x", payload: 7, category: "?" }])[0]).toMatchObject({ kind: "alert", text: "No text" });
});
