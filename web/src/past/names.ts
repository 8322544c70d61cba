/** Types of resources in a clinician's words, for counts. */

/** "1 result", "3 results". */
export function countedEntries(type: string, count: number): string {
  return `${count} ${entryTypeName(type, count)}`;
}

/** "result" or "results". */
export function entryTypeName(type: string, count: number): string {
  const [one, more] = NAMES[type] ?? [spaced(type), `${spaced(type)}s`];
  return count === 1 ? one : more;
}

function spaced(type: string): string {
  return type.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

const NAMES: Readonly<Record<string, readonly [one: string, more: string]>> = {
  AllergyIntolerance: ["allergy", "allergies"],
  Communication: ["message", "messages"],
  Composition: ["note", "notes"],
  Condition: ["problem", "problems"],
  DiagnosticReport: ["report", "reports"],
  DocumentReference: ["note", "notes"],
  ImagingStudy: ["imaging study", "imaging studies"],
  MedicationAdministration: ["dose given", "doses given"],
  MedicationDispense: ["dispense", "dispenses"],
  MedicationRequest: ["prescription", "prescriptions"],
  Media: ["picture", "pictures"],
  Observation: ["result", "results"],
  Patient: ["patient's data", "patient's data"],
  ServiceRequest: ["order", "orders"],
};
