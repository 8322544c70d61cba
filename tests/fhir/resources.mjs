// Small resources that the tests write.
const LOINC = "http://loinc.org";
const CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category";
export const MRN = "urn:oid:2.999.1";

export const patient = ({ family = "Oyelaran", given = ["Niamh"], birthDate = "1980-02-29", mrn, ...rest } = {}) => ({
  resourceType: "Patient",
  name: [{ use: "official", family, given }],
  birthDate,
  ...(mrn && { identifier: [{ system: MRN, value: mrn }] }),
  ...rest,
});

export const observation = (subject, { code = "8867-4", display = "Heart rate", category = "vital-signs", time = "2024-03-01T08:00:00Z", value = 72, unit = "/min", ...rest } = {}) => ({
  resourceType: "Observation",
  status: "final",
  category: [{ coding: [{ system: CATEGORY, code: category }] }],
  code: { coding: [{ system: LOINC, code, display }] },
  subject: { reference: subject },
  effectiveDateTime: time,
  valueQuantity: { value, unit, system: "http://unitsofmeasure.org", code: unit },
  ...rest,
});

export const encounter = (subject, rest = {}) => ({
  resourceType: "Encounter",
  status: "finished",
  class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB" },
  subject: { reference: subject },
  ...rest,
});

const coded = (system) => (code) => ({ coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code }] });

export const condition = (subject, text, rest = {}) => ({
  resourceType: "Condition",
  clinicalStatus: coded("condition-clinical")("active"),
  verificationStatus: coded("condition-ver-status")("confirmed"),
  code: { text },
  subject: { reference: subject },
  ...rest,
});

export const allergy = (patient, text, rest = {}) => ({
  resourceType: "AllergyIntolerance",
  clinicalStatus: coded("allergyintolerance-clinical")("active"),
  verificationStatus: coded("allergyintolerance-verification")("confirmed"),
  code: { text },
  patient: { reference: patient },
  ...rest,
});

export const prescription = (subject, text, rest = {}) => ({
  resourceType: "MedicationRequest",
  status: "active",
  intent: "order",
  medicationCodeableConcept: { text },
  subject: { reference: subject },
  ...rest,
});

/** A transaction or batch of requests: `[method, url, resource, fullUrl]` each. */
export const bundle = (type, requests) => ({
  resourceType: "Bundle",
  type,
  entry: requests.map(([method, url, resource, fullUrl, more]) => ({ ...(fullUrl && { fullUrl }), ...(resource && { resource }), request: { method, url, ...more } })),
});
