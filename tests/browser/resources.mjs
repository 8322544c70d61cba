// What the tests write into charts, as commands.

/** Puts a resource as it is. */
export function put(resourceType, id, elements) {
  return { kind: "put", resource: { resourceType, id, ...elements } };
}

/** The time so many days ago. */
export function daysAgo(days) {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

function subject(patient) {
  return { subject: { reference: `Patient/${patient}` } };
}

/** An observation of a category, of now if not said otherwise. */
export function observation(patient, id, category, { code, text, at = daysAgo(0), ...elements }) {
  return put("Observation", id, {
    status: "final",
    category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: category }] }],
    code: { coding: [{ system: "http://loinc.org", code }], text },
    ...subject(patient),
    effectiveDateTime: at,
    ...elements,
  });
}

/** A laboratory result of a patient, in its reference range or out of it. */
export function laboratory(patient, id, { value, unit, range: [low, high], ...what }) {
  return observation(patient, id, "laboratory", { valueQuantity: { value, unit }, referenceRange: [{ low: { value: low, unit }, high: { value: high, unit } }], ...what });
}

/** A potassium; above 6.5 it is critical, and the laboratory says so. */
export function potassium(patient, id, value, at, elements) {
  const critical = value > 6.5 && { interpretation: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", code: "HH" }] }] };
  return laboratory(patient, id, { code: "2823-3", text: "Potassium", value, unit: "mmol/L", range: [3.5, 5.1], at, ...critical, ...elements });
}

export function hemoglobin(patient, id, value, at) {
  return laboratory(patient, id, { code: "718-7", text: "Hemoglobin", value, unit: "g/dL", range: [12, 16], at });
}

export function heartRate(patient, id, value, at) {
  return observation(patient, id, "vital-signs", { code: "8867-4", text: "Heart rate", valueQuantity: { value, unit: "/min" }, at });
}

/** A report that stands; `results` are the ids of its observations. */
export function report(patient, id, text, { results, ...elements } = {}) {
  return put("DiagnosticReport", id, { status: "final", code: { text }, ...subject(patient), result: results?.map((result) => ({ reference: `Observation/${result}` })), ...elements });
}

/** A signed prescription. */
export function prescription(patient, id, drug, { priority = "routine", dose = "500 mg three times a day", minutesAgo = 5 } = {}) {
  return put("MedicationRequest", id, {
    status: "active",
    intent: "order",
    priority,
    medicationCodeableConcept: { text: drug },
    dosageInstruction: [{ text: dose }],
    ...subject(patient),
    requester: { display: "Dr. Chen" },
    authoredOn: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
  });
}

/** A prescription that nobody has signed. */
export function draft(patient, id, drug) {
  return put("MedicationRequest", id, { status: "draft", intent: "order", medicationCodeableConcept: { text: drug }, dosageInstruction: [{ text: "As needed" }], ...subject(patient) });
}

/** An allergy that stands. */
export function allergy(patient, id, substance, elements = {}) {
  return put("AllergyIntolerance", id, {
    clinicalStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code: "active" }] },
    code: { text: substance },
    patient: { reference: `Patient/${patient}` },
    ...elements,
  });
}

/** A note that is being written, still empty. */
export function note(patient, id, title, elements = {}) {
  return put("DocumentReference", id, { status: "current", docStatus: "preliminary", description: title, ...subject(patient), content: [{ attachment: { contentType: "text/plain" } }], ...elements });
}

export function flag(patient, id, text) {
  return put("Flag", id, { status: "active", code: { text }, ...subject(patient) });
}

/** A study whose images are there. */
export function imagingStudy(patient, id, elements) {
  return put("ImagingStudy", id, { status: "available", ...subject(patient), ...elements });
}

/** A series of a study, by modality and SNOMED CT body site, with the titles of its images. */
export function series(modality, site, display, titles) {
  return {
    uid: `1.2.${site}`,
    number: 1,
    modality: { system: "http://dicom.nema.org/resources/ontology/DCM", code: modality },
    bodySite: { system: "http://snomed.info/sct", code: site, display },
    numberOfInstances: titles.length,
    instance: titles.map((title, index) => ({ uid: `1.2.${site}.${index}`, sopClass: { system: "urn:ietf:rfc:3986", code: "urn:oid:1.2.840.10008.5.1.4.1.1.1.1" }, title })),
  };
}

/** An alert for everybody, in the facility's room. */
export function raised(kind, text) {
  const category = [{ coding: [{ system: "https://chartroom.dev/fhir/CodeSystem/communication-category", code: kind }] }];
  return put("Communication", `alert-${kind}`, { status: "in-progress", category, payload: [{ contentString: text }], sent: daysAgo(0), sender: { display: "Bob Diaz", identifier: { value: "bob" } } });
}
