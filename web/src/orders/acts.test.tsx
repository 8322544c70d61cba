import { act, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderChart } from "../../test/renderChart";
import type { Resource } from "../shared/chartroom";
import { drafted, hasBegun, orderActs } from "./acts";

const ALICE = { id: "alice", name: "Alice Chen" };
const NOW = new Date("2026-03-09T12:00:00Z");
const ORDER: Resource = {
  resourceType: "MedicationRequest",
  id: "m1",
  status: "active",
  intent: "order",
  authoredOn: "2026-03-09T08:00:00Z",
  medicationCodeableConcept: { text: "Amoxicillin" },
  dosageInstruction: [{ text: "500 mg three times a day" }],
  subject: { reference: "Patient/1" },
};
const pharmacy = (status: string) => [
  { url: "http://wintehr.local/fhir/StructureDefinition/pharmacy-status", extension: [{ url: "status", valueString: status }] },
];
const verbs = (resource: Resource) => orderActs(resource, ALICE, NOW).map(({ verb }) => verb);
const orders = (...resources: Resource[]) => renderChart(resources, "alice", "/orders");

it("offers what can be done next", () => {
  expect(verbs({ ...ORDER, status: "draft" })).toEqual(["Sign", "Cancel"]);
  expect(verbs(ORDER)).toEqual(["Hold", "Cancel"]);
  expect(verbs({ ...ORDER, status: "on-hold" })).toEqual(["Resume", "Cancel"]);
  expect(verbs({ ...ORDER, status: "stopped" })).toEqual(["Reorder"]);
  expect(verbs({ ...ORDER, status: "entered-in-error" })).toEqual([]);
});

it("stops what has begun, and cancels what has not", () => {
  expect(verbs({ ...ORDER, extension: pharmacy("dispensed") })).toEqual(["Hold", "Stop"]);
  expect(hasBegun({ ...ORDER, authoredOn: "2024-01-01" }, NOW)).toBe(true);
  expect(hasBegun({ ...ORDER, authoredOn: "2024-01-01", extension: pharmacy("verified") }, NOW)).toBe(false);
  const [, stop] = orderActs({ ...ORDER, extension: pharmacy("ready") }, ALICE, NOW);
  expect(stop?.elements?.("Side effects")).toEqual({ status: "stopped", statusReason: { text: "Side effects" } });
  const [, cancel] = orderActs({ ...ORDER, resourceType: "ServiceRequest", authoredOn: "2024-01-01" }, ALICE, NOW);
  expect(cancel?.elements?.("Duplicate")).toMatchObject({ status: "revoked" });
});

it("orders anew without what became of the older order", () => {
  const old = { ...ORDER, status: "stopped", statusReason: { text: "Side effects" }, extension: pharmacy("completed"), requester: { display: "Bob Diaz" } };
  expect(drafted(old, { id: "m2", patientId: "1", person: ALICE, now: NOW })).toEqual({
    resourceType: "MedicationRequest",
    id: "m2",
    status: "draft",
    intent: "order",
    authoredOn: NOW.toISOString(),
    requester: { display: "Alice Chen" },
    medicationCodeableConcept: { text: "Amoxicillin" },
    dosageInstruction: [{ text: "500 mg three times a day" }],
    subject: { reference: "Patient/1" },
    priorPrescription: { reference: "MedicationRequest/m1" },
  });
  const service = drafted({ resourceType: "ServiceRequest", id: "s1", code: { text: "Sodium" } }, { id: "s2", patientId: "1", person: ALICE, now: NOW });
  expect(service).toMatchObject({ replaces: [{ reference: "ServiceRequest/s1" }], code: { text: "Sodium" } });
});

it("holds with a reason and resumes with one", async () => {
  const { room, user } = await orders(ORDER);
  for (const [verb, reason, status] of [["Hold", "Nil by mouth", "on-hold"], ["Resume", "Results are in", "active"]] as const) {
    await user.click(screen.getByRole("button", { name: `${verb} Amoxicillin` }));
    const dialog = within(await screen.findByRole("dialog", { name: `${verb} order: Amoxicillin` }));
    await user.click(dialog.getByRole("button", { name: reason }));
    await user.click(dialog.getByRole("button", { name: `${verb} order` }));
    expect(room.get("MedicationRequest", "m1")).toMatchObject({ status, statusReason: { text: reason } });
  }
  expect(screen.getByRole("row", { name: /Amoxicillin/ })).toHaveTextContent("Resumed: Results are in");
});

it("says beside the row why an act was refused, and does it again on request", async () => {
  const { room, user } = await orders({ ...ORDER, status: "draft" });
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  await act(async () => room.refuse("refused", "the order set is locked"));
  const table = within(screen.getByRole("table", { name: "Medication orders" }));
  expect(table.getByText("Sign: Amoxicillin was not saved")).toBeVisible();
  expect(table.getByText("The order set is locked.")).toBeVisible();
  await user.click(table.getByRole("button", { name: "Try again" }));
  expect(room.get("MedicationRequest", "m1")).toHaveProperty("status", "active");
});

it("says the same where an act cannot even be made", async () => {
  const { room, user } = await orders({ ...ORDER, status: "draft" });
  room.unable = "this person may not";
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  expect(within(screen.getByRole("table", { name: "Medication orders" })).getByText("This person may not.")).toBeVisible();
});

it("warns of an allergy and of the same drug, and signs only with a reason, which it keeps", async () => {
  const allergy = { resourceType: "AllergyIntolerance", id: "a1", code: { text: "Allergy to amoxicillin" }, criticality: "high" };
  const { room, user } = await orders(allergy, { ...ORDER, id: "m0" }, { ...ORDER, status: "draft" });
  await user.click(screen.getByRole("button", { name: "Sign Amoxicillin" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Edit medication order" }));
  expect(dialog.getByRole("status", { name: "Warnings" })).toHaveTextContent(/Allergy recorded: Allergy to amoxicillin \(high criticality\).*Ordered already: Amoxicillin/);
  const reason = dialog.getByRole("textbox", { name: "Reason to sign anyway" });
  expect(reason).toHaveAccessibleDescription(/Say why you sign/);
  expect(room.calls).toEqual([]);
  await user.type(reason, "Rash in 1990 only");
  await user.click(dialog.getByRole("button", { name: "Sign order" }));
  expect(room.get("MedicationRequest", "m1")).toMatchObject({
    status: "active",
    detectedIssue: [{ reference: "#signed-anyway" }],
    contained: [{ resourceType: "DetectedIssue", status: "final", mitigation: [{ action: { text: "Rash in 1990 only" }, author: { display: "Alice Chen" } }] }],
  });
  expect(screen.getAllByRole("row", { name: /Amoxicillin/ }).at(-1)?.parentElement).toHaveTextContent("signed anyway: Rash in 1990 only");
});
