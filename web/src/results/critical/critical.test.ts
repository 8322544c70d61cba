import { expect, it } from "vitest";
import { alertsOf, heardAlert, seenResults } from "../../alerts/read";
import type { ChartEvent, Resource } from "../../shared/chartroom";
import { criticalOf, type Known } from "./critical";

const NINE = "2026-01-01T09:00:00Z";
const ALERT: Resource = {
  resourceType: "Communication",
  id: "c1",
  status: "in-progress",
  category: [{ coding: [{ system: "https://chartroom.dev/fhir/CodeSystem/communication-category", code: "critical-value" }] }],
  identifier: [{ system: "https://chartroom.dev/fhir/event", value: "patient:1#12" }],
  subject: { reference: "Patient/1" },
  about: [{ reference: "Observation/k1" }],
  sent: NINE,
  payload: [{ contentString: "Potassium 7.1 mmol/L is above 6.5" }],
};
const EVENT = {
  event: "CRITICAL_VALUE_ALERT",
  room: "patient:1",
  seq: 12,
  patient_id: "1",
  resource_type: "Observation",
  resource_id: "k1",
  time: NINE,
  details: { code: "2823-3", display: "Potassium", value: 7.1, comparator: ">", unit: "mmol/L", threshold: 6.5, direction: "high", also: [{ code: "x", value: 2 }] },
} as unknown as ChartEvent;
const RESULT: Resource = { resourceType: "Observation", id: "k1", status: "final", valueQuantity: { value: 7.1, unit: "mmol/L" } };

function critical(known: Partial<Known>) {
  return criticalOf("1", { facility: [], heard: [], seen: new Map(), result: () => RESULT, isWhole: true, ...known });
}

function withdrawn(change: Record<string, unknown> | undefined, text = "Potassium 7.1 mmol/L is above 6.5", isWhole = true) {
  const facility = alertsOf([{ ...ALERT, payload: [{ contentString: text }] }]);
  return critical({ facility, isWhole, result: () => change && { ...RESULT, ...change } })[0]?.withdrawn;
}

it("takes who acknowledged from the server's note, and no earlier acknowledgement for a later alert", () => {
  const extension = [{ url: "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged", extension: [{ url: "name", valueString: "Bob Diaz" }, { url: "time", valueInstant: "2026-01-01T10:00:00Z" }] }];
  const done = { ...ALERT, status: "completed", extension };
  const again = { ...ALERT, id: "c2", identifier: [{ value: "patient:1#20" }], sent: "2026-01-02T09:00:00Z" };
  const seen = seenResults([{ resourceType: "Communication", id: "c", status: "completed", about: [{ reference: "Observation/k1" }], sent: "2026-01-01T10:00:00Z" }]);
  expect(critical({ facility: alertsOf([done, again]), seen }).map(({ ended }) => ended?.name)).toEqual([undefined, "Bob Diaz"]);
  expect(critical({ facility: alertsOf([ALERT]), seen })[0]?.ended).toMatchObject({ name: "Somebody", isTaken: false });
  expect(criticalOf("2", { facility: alertsOf([done]), heard: [], seen, result: () => RESULT, isWhole: true })).toEqual([]);
});

it("takes no message about a result for its acknowledgement", () => {
  const category = [{ coding: [{ system: "x", code: "notification" }] }];
  expect(seenResults([{ resourceType: "Communication", id: "c", status: "completed", category, about: [{ reference: "Observation/k1" }] }]).size).toBe(0);
});

it("counts a value once that was heard of in the chart and in the facility, under one key", () => {
  const heard = [heardAlert(EVENT)];
  expect(critical({ heard })).toMatchObject([{ key: "patient:1#12", id: "", text: "Potassium >7.1 mmol/L is above 6.5; x 2 is critical" }]);
  expect(critical({ heard, facility: alertsOf([ALERT]) })).toMatchObject([{ key: "patient:1#12", id: "c1" }]);
});

it("says why a value is critical no more", () => {
  expect(withdrawn({})).toBeUndefined();
  expect(withdrawn({ status: "corrected", valueQuantity: { value: 4.1, unit: "mmol/L" } })).toBe("Corrected: now 4.1 mmol/L");
  expect(withdrawn({ status: "entered-in-error" })).toBe("Entered in error");
  expect(withdrawn({ status: "cancelled" })).toBe("Cancelled");
  expect(withdrawn(undefined)).toBe("The result is not in the chart any more");
  expect(withdrawn({ valueQuantity: undefined, component: [{ valueQuantity: { value: 4.1, unit: "mmol/L" } }] })).toMatch(/^Corrected/);
  expect(withdrawn({ valueQuantity: { value: 5, unit: "10*3/uL" } }, "Leukocytes 0.5 10*3/uL is below 1.0")).toBe("Corrected: now 5 10³/µL");
  expect(withdrawn({ valueQuantity: { value: 2.1 } }, "INR 7 is above 5.0")).toBe("Corrected: now 2.1");
  const parts = [{ valueQuantity: { value: 4.1, unit: "mmol/L" } }, { valueQuantity: { value: 90, unit: "mg/dL" } }];
  expect(withdrawn({ valueQuantity: undefined, component: parts })).toMatch(/^Corrected/);
});

it("goes on where a value may still be critical", () => {
  const interpretation = [{ coding: [{ system: "x", code: "HH" }] }];
  expect(withdrawn({ valueQuantity: { value: 6.8, unit: "mmol/L" } })).toBeUndefined();
  expect(withdrawn({ valueQuantity: { value: 4.1, unit: "mmol/L" }, interpretation })).toBeUndefined();
  expect(withdrawn({ valueQuantity: { value: 65, unit: "g/L" } }, "Hemoglobin 6.5 g/dL is below 7")).toBeUndefined();
  expect(withdrawn({ valueQuantity: { value: 500, comparator: ">", unit: "mmol/L" } })).toBeUndefined();
  expect(withdrawn({ valueQuantity: undefined, component: [{ valueQuantity: { value: 7.2, unit: "mmol/L" } }] })).toBeUndefined();
  expect(withdrawn(undefined, undefined, false)).toBeUndefined();
  expect(withdrawn({ valueQuantity: { value: 2, unit: "mmol/L" }, interpretation: [] }, "Potassium 7.1 mmol/L is critical")).toMatch(/^Corrected/);
});
