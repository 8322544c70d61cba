// Writes the sample patients beside this file. None of them exists.
//
//   node server/samples/generate.mjs            writes the bundles
//   node server/samples/generate.mjs --check    fails if a bundle differs from what this file says
//
// Each bundle is a FHIR R4 transaction of one patient with the practitioners and organisations that
// its resources name. Ids are stable, so a second import changes nothing.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";

const SNOMED = "http://snomed.info/sct";
const LOINC = "http://loinc.org";
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const CVX = "http://hl7.org/fhir/sid/cvx";
const UCUM = "http://unitsofmeasure.org";
const HL7 = "http://terminology.hl7.org/CodeSystem";
const HOSPITAL = "https://millbrook.example/fhir";

/** A decimal with exactly these digits: JavaScript's numbers would drop trailing zeros. */
const decimal = (digits) => `\u0001${digits}\u0002`;
const concept = (system, code, display) => ({ coding: [{ system, code, display }], text: display });
const status = (system, code) => ({ coding: [{ system: `${HL7}/${system}`, code }] });
const quantity = (digits, unit, code = unit) => ({ value: decimal(digits), unit, system: UCUM, code });

// ---------------------------------------------------------------- people and places

const organization = {
  resourceType: "Organization",
  id: "millbrook-clinic",
  identifier: [{ system: `${HOSPITAL}/organization`, value: "MB-01" }],
  active: true,
  type: [{ coding: [{ system: `${HL7}/organization-type`, code: "prov", display: "Healthcare Provider" }] }],
  name: "Millbrook Community Clinic",
  telecom: [{ system: "phone", value: "+1 555 0100", use: "work" }],
  address: [{ line: ["12 Weir Lane"], city: "Millbrook", country: "US" }],
};

const practitioner = (id, prefix, given, family, staff, qualification) => ({
  resourceType: "Practitioner",
  id,
  identifier: [{ system: `${HOSPITAL}/staff`, value: staff }],
  active: true,
  name: [{ use: "official", family, given: [given], prefix: [prefix] }],
  qualification: [{ code: { text: qualification } }],
});

const staff = {
  lindqvist: practitioner("practitioner-lindqvist", "Dr.", "Alice", "Lindqvist", "S-1001", "General internal medicine"),
  adeyemi: practitioner("practitioner-adeyemi", "Mr.", "Bob", "Adeyemi", "S-2007", "Registered nurse"),
  marchetti: practitioner("practitioner-marchetti", "Dr.", "Chiara", "Marchetti", "S-1014", "Cardiology"),
  ferreira: practitioner("practitioner-ferreira", "Dr.", "Duarte", "Ferreira", "S-1022", "Paediatrics"),
  nakagawa: practitioner("practitioner-nakagawa", "Dr.", "Emi", "Nakagawa", "S-1031", "Obstetrics"),
};

const displayName = (resource) => {
  const [name] = resource.name;
  return `${name.prefix[0]} ${name.given[0]} ${name.family}`;
};

// ---------------------------------------------------------------- one chart

/** Collects one patient's resources; `slug` begins every id. */
function chart(slug, patient) {
  const resources = [];
  const people = new Map();
  const subject = { reference: `Patient/${slug}`, display: `${patient.given.join(" ")} ${patient.family}` };
  const by = (person) => {
    people.set(person.id, person);
    return { reference: `Practitioner/${person.id}`, display: displayName(person) };
  };
  const encounterRef = (key) => ({ reference: `Encounter/${slug}-${key}` });
  const add = (resourceType, key, body) => resources.push({ resourceType, id: `${slug}-${key}`, ...body });

  resources.push({
    resourceType: "Patient",
    id: slug,
    identifier: [
      {
        use: "usual",
        type: { coding: [{ system: `${HL7}/v2-0203`, code: "MR", display: "Medical record number" }] },
        system: `${HOSPITAL}/mrn`,
        value: patient.mrn,
        assigner: { display: organization.name },
      },
    ],
    active: true,
    name: [{ use: "official", family: patient.family, given: patient.given }],
    telecom: [{ system: "phone", value: patient.phone, use: "home" }],
    gender: patient.gender,
    birthDate: patient.birthDate,
    address: [{ use: "home", line: [patient.street], city: "Millbrook", country: "US" }],
    ...(patient.contact && { contact: [patient.contact] }),
    communication: [{ language: { coding: [{ system: "urn:ietf:bcp:47", code: patient.language ?? "en" }] }, preferred: true }],
    generalPractitioner: [by(patient.gp)],
    managingOrganization: { reference: `Organization/${organization.id}`, display: organization.name },
  });

  return {
    slug,
    resources,
    people,
    encounter(key, klass, date, minutes, reason, person) {
      const start = new Date(`${date}:00Z`);
      const end = new Date(start.getTime() + minutes * 60_000);
      const text = (moment) => `${moment.toISOString().slice(0, 19)}Z`;
      add("Encounter", key, {
        status: "finished",
        class: { system: `${HL7}/v3-ActCode`, code: klass, display: { AMB: "ambulatory", EMER: "emergency", IMP: "inpatient encounter" }[klass] },
        type: [concept(SNOMED, ...reason)],
        subject,
        participant: [{ individual: by(person) }],
        period: { start: text(start), end: text(end) },
        serviceProvider: { reference: `Organization/${organization.id}`, display: organization.name },
      });
    },
    condition(key, code, display, onset, extra = {}) {
      add("Condition", key, {
        clinicalStatus: status("condition-clinical", extra.abated ? "resolved" : "active"),
        verificationStatus: status("condition-ver-status", "confirmed"),
        category: [{ coding: [{ system: `${HL7}/condition-category`, code: "problem-list-item", display: "Problem List Item" }] }],
        code: concept(SNOMED, code, display),
        subject,
        ...(extra.encounter && { encounter: encounterRef(extra.encounter) }),
        onsetDateTime: onset,
        ...(extra.abated && { abatementDateTime: extra.abated }),
        recordedDate: extra.recorded ?? onset,
        ...(extra.note && { note: [{ text: extra.note }] }),
      });
    },
    allergy(key, substance, { type = "allergy", category, criticality, onset, reactions, note, recorder }) {
      add("AllergyIntolerance", key, {
        clinicalStatus: status("allergyintolerance-clinical", "active"),
        verificationStatus: status("allergyintolerance-verification", "confirmed"),
        type,
        category: [category],
        criticality,
        code: concept(...substance),
        patient: subject,
        ...(onset && { onsetDateTime: onset }),
        recorder: by(recorder),
        ...(note && { note: [{ text: note }] }),
        reaction: reactions.map(([code, display, severity]) => ({ manifestation: [concept(SNOMED, code, display)], severity })),
      });
    },
    medication(key, code, display, { text, timing, dose, route = ["26643006", "Oral route"], asNeeded, from, status: state = "active", reason, encounter, requester, stopped }) {
      add("MedicationRequest", key, {
        status: state,
        ...(stopped && { statusReason: { text: stopped } }),
        intent: "order",
        medicationCodeableConcept: concept(RXNORM, code, display),
        subject,
        ...(encounter && { encounter: encounterRef(encounter) }),
        authoredOn: from,
        requester: by(requester),
        ...(reason && { reasonReference: [{ reference: `Condition/${slug}-${reason}` }] }),
        dosageInstruction: [
          {
            sequence: 1,
            text,
            ...(timing && { timing: { repeat: timing } }),
            asNeededBoolean: asNeeded ?? false,
            route: { coding: [{ system: SNOMED, code: route[0], display: route[1] }] },
            doseAndRate: [{ type: { coding: [{ system: `${HL7}/dose-rate-type`, code: "ordered", display: "Ordered" }] }, doseQuantity: dose }],
          },
        ],
      });
    },
    vitals(key, date, encounter, performer, values) {
      for (const [name, digits] of Object.entries(values)) {
        const observation = {
          status: "final",
          category: [{ coding: [{ system: `${HL7}/observation-category`, code: "vital-signs", display: "Vital Signs" }] }],
        };
        const tail = { subject, encounter: encounterRef(encounter), effectiveDateTime: date, performer: [by(performer)] };
        if (name === "bloodPressure") {
          const [systolic, diastolic] = digits.split("/");
          const component = (code, display, value) => ({ code: concept(LOINC, code, display), valueQuantity: quantity(value, "mmHg", "mm[Hg]") });
          add("Observation", `${key}-${name.toLowerCase()}`, {
            ...observation,
            code: concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
            ...tail,
            component: [component("8480-6", "Systolic blood pressure", systolic), component("8462-4", "Diastolic blood pressure", diastolic)],
          });
          continue;
        }
        const [code, display, unit, ucum] = VITALS[name];
        add("Observation", `${key}-${name.toLowerCase()}`, { ...observation, code: concept(LOINC, code, display), ...tail, valueQuantity: quantity(digits, unit, ucum) });
      }
    },
    labs(key, date, encounter, values) {
      for (const [name, [digits, flag]] of Object.entries(values)) {
        const [code, display, unit, ucum, ...range] = LABS[name];
        const [low, high] = (patient.gender === "male" && MALE_RANGES[name]) || range;
        add("Observation", `${key}-${name.toLowerCase()}`, {
          status: "final",
          category: [{ coding: [{ system: `${HL7}/observation-category`, code: "laboratory", display: "Laboratory" }] }],
          code: concept(LOINC, code, display),
          subject,
          encounter: encounterRef(encounter),
          effectiveDateTime: date,
          valueQuantity: quantity(digits, unit, ucum),
          ...(flag && {
            interpretation: [{ coding: [{ system: `${HL7}/v3-ObservationInterpretation`, code: flag, display: { H: "High", L: "Low", N: "Normal" }[flag] }] }],
          }),
          referenceRange: [{ ...(low && { low: quantity(low, unit, ucum) }), ...(high && { high: quantity(high, unit, ucum) }) }],
        });
      }
    },
    immunization(key, code, display, date, performer, lot) {
      add("Immunization", key, {
        status: "completed",
        vaccineCode: concept(CVX, code, display),
        patient: subject,
        occurrenceDateTime: date,
        primarySource: true,
        lotNumber: lot,
        performer: [{ actor: by(performer) }],
      });
    },
  };
}

const VITALS = {
  height: ["8302-2", "Body height", "cm", "cm"],
  weight: ["29463-7", "Body weight", "kg", "kg"],
  bmi: ["39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "kg/m2"],
  pulse: ["8867-4", "Heart rate", "/min", "/min"],
  respiration: ["9279-1", "Respiratory rate", "/min", "/min"],
  temperature: ["8310-5", "Body temperature", "Cel", "Cel"],
  saturation: ["59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", "%"],
};

// LOINC, display, unit, UCUM, low and high end of the reference range.
const LABS = {
  hba1c: ["4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", "%", "4.0", "5.6"],
  glucose: ["2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", "70", "99"],
  creatinine: ["2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", "0.60", "1.10"],
  potassium: ["2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", "3.5", "5.1"],
  sodium: ["2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", "136", "145"],
  ldl: ["13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", "mg/dL", undefined, "100"],
  microalbumin: ["14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine", "mg/g", "mg/g", undefined, "30"],
  ntprobnp: ["33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", "pg/mL", "pg/mL", undefined, "450"],
  hemoglobin: ["718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "g/dL", "12.0", "15.5"],
  ferritin: ["2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", "ng/mL", "15", "150"],
  platelets: ["777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", "10*3/uL", "150", "400"],
  leukocytes: ["6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", "10*3/uL", "4.5", "11.0"],
  tsh: ["3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "mIU/L", "m[IU]/L", "0.40", "4.00"],
};

const MALE_RANGES = { hemoglobin: ["13.5", "17.5"], creatinine: ["0.70", "1.30"] };

const OFFICE = ["185347001", "Encounter for problem (procedure)"];
const CHECK_UP = ["185349003", "Encounter for check up (procedure)"];
const FOLLOW_UP = ["390906007", "Follow-up encounter"];
const EMERGENCY = ["50849002", "Emergency room admission"];

// ---------------------------------------------------------------- the five patients

function marisol() {
  const c = chart("marisol-quintrell", {
    mrn: "MB-100231", family: "Quintrell", given: ["Marisol", "Inés"], gender: "female", birthDate: "1961-04-18",
    phone: "+1 555 0131", street: "8 Alder Row", language: "es", gp: staff.lindqvist,
  });
  c.encounter("visit-2026-03", "AMB", "2026-03-12T09:20", 25, CHECK_UP, staff.lindqvist);
  c.encounter("visit-2026-09", "AMB", "2026-09-17T10:00", 20, FOLLOW_UP, staff.lindqvist);
  c.condition("diabetes", "44054006", "Diabetes mellitus type 2", "2014-06-03");
  c.condition("hypertension", "59621000", "Essential hypertension", "2011-02-21");
  c.condition("ckd3", "433144002", "Chronic kidney disease stage 3", "2024-09-10", { note: "eGFR stable between 48 and 53 since diagnosis." });
  c.condition("hyperlipidemia", "55822004", "Hyperlipidemia", "2014-06-03");
  c.condition("bronchitis", "10509002", "Acute bronchitis", "2025-01-14", { abated: "2025-02-02" });
  c.allergy("penicillin", [SNOMED, "91936005", "Allergy to penicillin"], {
    category: "medication", criticality: "high", onset: "1989", recorder: staff.lindqvist,
    reactions: [["126485001", "Urticaria", "moderate"], ["41291007", "Angioedema", "severe"]],
    note: "Lips swelled within an hour of the second tablet. Told by the patient.",
  });
  c.allergy("shellfish", [SNOMED, "300913006", "Shellfish allergy"], {
    category: "food", criticality: "low", recorder: staff.adeyemi, reactions: [["247472004", "Wheal", "mild"]],
  });
  c.medication("metformin", "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", {
    text: "Two tablets with the evening meal", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["CV"] }, dose: quantity("2", "tablet", "{tbl}"),
    from: "2024-09-10", reason: "diabetes", requester: staff.lindqvist,
  });
  c.medication("amlodipine", "197361", "Amlodipine 5 MG Oral Tablet", {
    text: "One tablet every morning", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["MORN"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2019-05-06", reason: "hypertension", requester: staff.lindqvist,
  });
  c.medication("simvastatin", "312961", "Simvastatin 20 MG Oral Tablet", {
    text: "One tablet in the evening", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["EVE"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2015-01-19", reason: "hyperlipidemia", requester: staff.lindqvist,
  });
  c.medication("ibuprofen", "310965", "Ibuprofen 200 MG Oral Tablet", {
    text: "One tablet up to three times a day when needed", asNeeded: true, dose: quantity("1", "tablet", "{tbl}"), timing: { frequency: 3, period: 1, periodUnit: "d" },
    from: "2023-11-02", status: "stopped", stopped: "Reduced kidney function", requester: staff.lindqvist,
  });
  c.vitals("2026-03", "2026-03-12T09:24:00Z", "visit-2026-03", staff.adeyemi, { height: "162", weight: "81.40", bmi: "31.0", bloodPressure: "142/86", pulse: "78" });
  c.vitals("2026-09", "2026-09-17T10:03:00Z", "visit-2026-09", staff.adeyemi, { weight: "79.90", bmi: "30.4", bloodPressure: "134/80", pulse: "74" });
  c.labs("2026-03", "2026-03-12T09:40:00Z", "visit-2026-03", { hba1c: ["7.90", "H"], creatinine: ["1.20", "H"], potassium: ["4.6", "N"] });
  c.labs("2026-09", "2026-09-17T10:12:00Z", "visit-2026-09", { hba1c: ["7.10", "H"], creatinine: ["1.16", "H"], potassium: ["4.5", "N"], ldl: ["88", "N"], microalbumin: ["46", "H"] });
  c.immunization("influenza-2025", "140", "Influenza, seasonal, injectable, preservative free", "2025-10-09", staff.adeyemi, "FL25-1187");
  c.immunization("pneumococcal", "133", "Pneumococcal conjugate PCV 13", "2021-10-14", staff.adeyemi, "PC21-0440");
  return c;
}

function theodore() {
  const c = chart("theodore-brackenwood", {
    mrn: "MB-100107", family: "Brackenwood", given: ["Theodore"], gender: "male", birthDate: "1947-11-02",
    phone: "+1 555 0107", street: "31 Mill Street", gp: staff.lindqvist,
    contact: { relationship: [{ text: "Daughter" }], name: { family: "Brackenwood-Hale", given: ["Orla"] }, telecom: [{ system: "phone", value: "+1 555 0108" }] },
  });
  c.encounter("admission-2026-06", "IMP", "2026-06-04T16:40", 5760, ["183452005", "Encounter Inpatient"], staff.marchetti);
  c.encounter("visit-2026-10", "AMB", "2026-10-08T13:30", 30, FOLLOW_UP, staff.marchetti);
  c.condition("heart-failure", "88805009", "Chronic congestive heart failure (disorder)", "2022-03-15", { note: "Ejection fraction 35 % in June 2026." });
  c.condition("atrial-fibrillation", "49436004", "Atrial fibrillation", "2020-08-27");
  c.condition("coronary-disease", "53741008", "Coronary Heart Disease", "2016-01-11");
  c.condition("pneumonia", "233604007", "Pneumonia", "2026-06-04", { abated: "2026-06-22", encounter: "admission-2026-06" });
  c.allergy("sulfonamide", [SNOMED, "91939003", "Allergy to sulfonamide"], {
    category: "medication", criticality: "high", onset: "1998", recorder: staff.marchetti,
    reactions: [["271807003", "Eruption of skin", "moderate"]], note: "Trimethoprim-sulfamethoxazole for a urinary infection.",
  });
  c.allergy("ace-cough", [SNOMED, "41549009", "Product containing angiotensin-converting enzyme inhibitor"], {
    type: "intolerance", category: "medication", criticality: "low", onset: "2022-05", recorder: staff.marchetti, reactions: [["49727002", "Cough", "mild"]],
  });
  c.medication("apixaban", "1364445", "apixaban 5 MG Oral Tablet", {
    text: "One tablet twice a day", timing: { frequency: 2, period: 1, periodUnit: "d" }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2020-09-01", reason: "atrial-fibrillation", requester: staff.marchetti,
  });
  c.medication("metoprolol", "866414", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet [Toprol]", {
    text: "One tablet every morning", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["MORN"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2022-03-29", reason: "heart-failure", requester: staff.marchetti,
  });
  c.medication("furosemide", "313988", "furosemide 40 MG Oral Tablet", {
    text: "One tablet every morning; a second one at noon if weight rises by 2 kg in three days", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["MORN"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2026-06-08", reason: "heart-failure", encounter: "admission-2026-06", requester: staff.marchetti,
  });
  c.medication("simvastatin", "312961", "Simvastatin 20 MG Oral Tablet", {
    text: "One tablet in the evening", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["EVE"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2016-02-01", reason: "coronary-disease", requester: staff.marchetti,
  });
  c.medication("aspirin", "243670", "Aspirin 81 MG Oral Tablet", {
    text: "One tablet every morning", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["MORN"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2016-02-01", status: "stopped", stopped: "Bleeding risk together with apixaban", reason: "coronary-disease", requester: staff.marchetti,
  });
  c.vitals("2026-06", "2026-06-04T17:02:00Z", "admission-2026-06", staff.adeyemi, { weight: "86.20", bloodPressure: "118/70", pulse: "104", respiration: "24", temperature: "38.4", saturation: "91" });
  c.vitals("2026-10", "2026-10-08T13:34:00Z", "visit-2026-10", staff.adeyemi, { weight: "81.70", bloodPressure: "112/68", pulse: "71", saturation: "96" });
  c.labs("2026-06", "2026-06-04T17:30:00Z", "admission-2026-06", { leukocytes: ["14.2", "H"], ntprobnp: ["880", "H"], sodium: ["134", "L"] });
  c.labs("2026-10", "2026-10-08T13:45:00Z", "visit-2026-10", { potassium: ["4.4", "N"], sodium: ["138", "N"], creatinine: ["1.08", "N"], ntprobnp: ["510", "H"] });
  c.immunization("influenza-2025", "140", "Influenza, seasonal, injectable, preservative free", "2025-09-30", staff.adeyemi, "FL25-1022");
  c.immunization("pneumococcal", "33", "pneumococcal polysaccharide vaccine, 23 valent", "2013-11-12", staff.adeyemi, "PP13-0071");
  c.immunization("zoster", "121", "zoster", "2012-11-20", staff.adeyemi, "ZO12-0313");
  return c;
}

function niamh() {
  const c = chart("niamh-oyelaran", {
    mrn: "MB-100418", family: "Oyelaran", given: ["Niamh", "Adaeze"], gender: "female", birthDate: "2017-02-09",
    phone: "+1 555 0142", street: "5 Chandler Court", gp: staff.ferreira,
    contact: { relationship: [{ coding: [{ system: `${HL7}/v3-RoleCode`, code: "FTH", display: "father" }] }], name: { family: "Oyelaran", given: ["Tunde"] }, telecom: [{ system: "phone", value: "+1 555 0142" }] },
  });
  c.encounter("emergency-2025-05", "EMER", "2025-05-18T14:05", 260, EMERGENCY, staff.ferreira);
  c.encounter("visit-2026-08", "AMB", "2026-08-20T08:40", 20, ["394701000", "Asthma follow-up"], staff.ferreira);
  c.condition("asthma", "233678006", "Childhood asthma", "2021-10-05");
  c.condition("dermatitis", "24079001", "Atopic dermatitis", "2018-01-23");
  c.condition("otitis", "65363002", "Otitis media", "2022-12-01", { abated: "2022-12-14" });
  c.allergy("peanut", [SNOMED, "91935009", "Allergy to peanuts"], {
    category: "food", criticality: "high", onset: "2025-05-18", recorder: staff.ferreira,
    reactions: [["39579001", "Anaphylaxis", "severe"]], note: "One biscuit at a party; wheeze and vomiting within ten minutes. Auto-injector at school and at home.",
  });
  c.allergy("dust-mite", [SNOMED, "232350006", "House dust mite allergy"], {
    category: "environment", criticality: "low", onset: "2021-10", recorder: staff.ferreira, reactions: [["878820003", "Rhinoconjunctivitis", "mild"]],
  });
  c.medication("fluticasone", "895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", {
    text: "Two puffs twice a day through a spacer", timing: { frequency: 2, period: 1, periodUnit: "d" }, dose: quantity("0.088", "mg"), route: ["447694001", "Respiratory tract route"],
    from: "2025-09-04", reason: "asthma", requester: staff.ferreira,
  });
  c.medication("albuterol", "745679", "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", {
    text: "Two puffs through a spacer when needed, at most every four hours", asNeeded: true, timing: { frequency: 1, period: 4, periodUnit: "h" }, dose: quantity("0.18", "mg"), route: ["447694001", "Respiratory tract route"],
    from: "2021-10-05", reason: "asthma", requester: staff.ferreira,
  });
  c.medication("epinephrine", "1870230", "NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector", {
    text: "One injection into the outer thigh for anaphylaxis, then call an ambulance", asNeeded: true, dose: quantity("0.30", "mg"), route: ["78421000", "Intramuscular route"],
    from: "2025-05-18", encounter: "emergency-2025-05", requester: staff.ferreira,
  });
  c.vitals("2025-05", "2025-05-18T14:09:00Z", "emergency-2025-05", staff.adeyemi, { bloodPressure: "84/50", pulse: "142", respiration: "34", saturation: "90" });
  c.vitals("2026-08", "2026-08-20T08:43:00Z", "visit-2026-08", staff.adeyemi, { height: "132.5", weight: "28.60", bmi: "16.3", pulse: "88", saturation: "98" });
  c.immunization("mmr", "03", "MMR", "2021-02-16", staff.adeyemi, "MM21-0612");
  c.immunization("varicella", "21", "varicella", "2021-02-16", staff.adeyemi, "VA21-0230");
  c.immunization("dtap", "20", "DTaP", "2021-02-16", staff.adeyemi, "DT21-0455");
  c.immunization("influenza-2025", "140", "Influenza, seasonal, injectable, preservative free", "2025-10-21", staff.adeyemi, "FL25-1340");
  return c;
}

function priya() {
  const c = chart("priya-sandahl", {
    mrn: "MB-100356", family: "Sandahl", given: ["Priya"], gender: "female", birthDate: "1993-07-30",
    phone: "+1 555 0156", street: "22 Orchard Way", gp: staff.nakagawa,
  });
  c.encounter("prenatal-2026-06", "AMB", "2026-06-15T11:00", 40, ["424441002", "Prenatal initial visit"], staff.nakagawa);
  c.encounter("prenatal-2026-11", "AMB", "2026-11-05T11:20", 20, ["424619006", "Prenatal visit"], staff.nakagawa);
  c.condition("pregnancy", "72892002", "Normal pregnancy", "2026-04-27", { recorded: "2026-06-15", encounter: "prenatal-2026-06", note: "Second pregnancy. Due 2027-02-01." });
  c.condition("hypothyroidism", "40930008", "Hypothyroidism", "2019-03-08");
  c.condition("anemia", "87522002", "Iron deficiency anemia", "2026-11-05", { encounter: "prenatal-2026-11" });
  c.allergy("latex", [SNOMED, "300916003", "Allergy to latex"], {
    category: "environment", criticality: "high", onset: "2020", recorder: staff.nakagawa,
    reactions: [["126485001", "Urticaria", "moderate"], ["56018004", "Wheezing", "moderate"]], note: "Latex-free gloves and theatre.",
  });
  c.allergy("nitrofurantoin", [RXNORM, "7454", "nitrofurantoin"], {
    type: "intolerance", category: "medication", criticality: "low", onset: "2021-08", recorder: staff.nakagawa, reactions: [["422587007", "Nausea", "moderate"]],
  });
  c.medication("levothyroxine", "892246", "levothyroxine sodium 0.1 MG Oral Tablet", {
    text: "One tablet every morning on an empty stomach, four hours apart from iron", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["ACM"] }, dose: quantity("0.10", "mg"),
    from: "2026-06-18", reason: "hypothyroidism", encounter: "prenatal-2026-06", requester: staff.nakagawa,
  });
  c.medication("iron", "310325", "ferrous sulfate 325 MG Oral Tablet", {
    text: "One tablet every other day at noon", timing: { frequency: 1, period: 2, periodUnit: "d", when: ["NOON"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2026-11-05", reason: "anemia", encounter: "prenatal-2026-11", requester: staff.nakagawa,
  });
  c.vitals("2026-06", "2026-06-15T11:05:00Z", "prenatal-2026-06", staff.adeyemi, { height: "168", weight: "63.10", bloodPressure: "108/66", pulse: "76" });
  c.vitals("2026-11", "2026-11-05T11:23:00Z", "prenatal-2026-11", staff.adeyemi, { weight: "70.80", bloodPressure: "112/70", pulse: "84" });
  c.labs("2026-06", "2026-06-15T11:30:00Z", "prenatal-2026-06", { tsh: ["3.12", "N"], hemoglobin: ["12.4", "N"] });
  c.labs("2026-11", "2026-11-05T11:35:00Z", "prenatal-2026-11", { tsh: ["1.90", "N"], hemoglobin: ["10.6", "L"], ferritin: ["9", "L"], platelets: ["214", "N"], glucose: ["84", "N"] });
  c.immunization("influenza-2026", "140", "Influenza, seasonal, injectable, preservative free", "2026-11-05", staff.adeyemi, "FL26-0209");
  c.immunization("tdap", "115", "Tdap", "2023-06-12", staff.adeyemi, "TD23-0518");
  return c;
}

function casimir() {
  const c = chart("casimir-doyle", {
    mrn: "MB-100290", family: "Doyle", given: ["Casimir", "Jude"], gender: "male", birthDate: "1985-12-27",
    phone: "+1 555 0190", street: "47 Lock Terrace", gp: staff.lindqvist,
  });
  c.encounter("visit-2026-02", "AMB", "2026-02-23T15:10", 35, OFFICE, staff.lindqvist);
  c.encounter("visit-2026-10", "AMB", "2026-10-26T15:00", 20, FOLLOW_UP, staff.lindqvist);
  c.condition("depression", "370143000", "Major depressive disorder", "2026-02-23", { encounter: "visit-2026-02" });
  c.condition("migraine", "37796009", "Migraine", "2009");
  c.condition("ankle-sprain", "44465007", "Sprain of ankle", "2024-08-11", { abated: "2024-09-20" });
  c.allergy("bee-venom", [SNOMED, "424213003", "Allergy to bee venom"], {
    category: "environment", criticality: "high", onset: "2012-07", recorder: staff.lindqvist, reactions: [["41291007", "Angioedema", "severe"]],
  });
  c.allergy("codeine", [RXNORM, "2670", "codeine"], {
    type: "intolerance", category: "medication", criticality: "low", onset: "2024-08", recorder: staff.lindqvist, reactions: [["422400008", "Vomiting", "moderate"]],
  });
  c.medication("sertraline", "312941", "sertraline 50 MG Oral Tablet", {
    text: "One tablet every morning", timing: { frequency: 1, period: 1, periodUnit: "d", when: ["MORN"] }, dose: quantity("1", "tablet", "{tbl}"),
    from: "2026-02-23", reason: "depression", encounter: "visit-2026-02", requester: staff.lindqvist,
  });
  c.medication("acetaminophen", "313782", "Acetaminophen 325 MG Oral Tablet", {
    text: "Two tablets at the start of a migraine, at most six tablets a day", asNeeded: true, timing: { frequency: 1, period: 6, periodUnit: "h" }, dose: quantity("650", "mg"),
    from: "2024-08-11", reason: "migraine", requester: staff.lindqvist,
  });
  c.medication("epinephrine", "1870230", "NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector", {
    text: "One injection into the outer thigh for anaphylaxis, then call an ambulance", asNeeded: true, dose: quantity("0.30", "mg"), route: ["78421000", "Intramuscular route"],
    from: "2025-06-02", requester: staff.lindqvist,
  });
  c.vitals("2026-02", "2026-02-23T15:14:00Z", "visit-2026-02", staff.adeyemi, { height: "181", weight: "76.00", bmi: "23.2", bloodPressure: "122/76", pulse: "68" });
  c.vitals("2026-10", "2026-10-26T15:03:00Z", "visit-2026-10", staff.adeyemi, { weight: "77.30", bloodPressure: "120/74", pulse: "66" });
  c.labs("2026-02", "2026-02-23T15:40:00Z", "visit-2026-02", { tsh: ["1.40", "N"], hemoglobin: ["14.9", "N"], sodium: ["140", "N"] });
  c.labs("2026-10", "2026-10-26T15:20:00Z", "visit-2026-10", { sodium: ["137", "N"] });
  c.immunization("tdap", "115", "Tdap", "2019-03-18", staff.adeyemi, "TD19-0904");
  return c;
}

// ---------------------------------------------------------------- bundles

/** A UUID that depends on nothing but the resource's name. */
function stableUuid(name) {
  const hex = createHash("sha256").update(name).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function bundle(c, { urnReferences = false } = {}) {
  const all = [organization, ...[...c.people.values()].sort((a, b) => a.id.localeCompare(b.id)), ...c.resources];
  const fullUrl = (name) => (urnReferences ? `urn:uuid:${stableUuid(name)}` : `${HOSPITAL}/${name}`);
  const known = new Set(all.map((r) => `${r.resourceType}/${r.id}`));
  const rewrite = (value) => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        if (key !== "reference") return [key, rewrite(item)];
        if (!known.has(item)) throw new Error(`${c.slug}: ${item} is referenced and not in the bundle`);
        return [key, urnReferences ? fullUrl(item) : item];
      }),
    );
  };
  return {
    resourceType: "Bundle",
    id: `sample-${c.slug}`,
    type: "transaction",
    entry: all.map((resource) => {
      const name = `${resource.resourceType}/${resource.id}`;
      return { fullUrl: fullUrl(name), resource: rewrite(resource), request: { method: "PUT", url: name } };
    }),
  };
}

/** JSON with two-space indent, short objects and arrays on one line, decimals as written. */
function render(value) {
  const layout = (item, indent) => {
    const flat = JSON.stringify(item);
    if (item === null || typeof item !== "object" || flat.length + indent.length <= 100) {
      return flat.replaceAll(/"\\u0001([^"]*)\\u0002"/g, "$1");
    }
    const deeper = `${indent}  `;
    const parts = Array.isArray(item)
      ? item.map((entry) => deeper + layout(entry, deeper))
      : Object.entries(item).map(([key, entry]) => `${deeper}${JSON.stringify(key)}: ${layout(entry, deeper)}`);
    const [open, close] = Array.isArray(item) ? "[]" : "{}";
    return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
  };
  return `${layout(value, "")}\n`;
}

const check = process.argv.includes("--check");
const charts = [marisol(), theodore(), niamh(), priya(), casimir()];
for (const c of charts) {
  const path = fileURLToPath(new URL(`${c.slug}.json`, import.meta.url));
  const text = render(bundle(c, { urnReferences: c.slug === "niamh-oyelaran" }));
  const parsed = JSON.parse(text);
  const ids = parsed.entry.map((entry) => entry.request.url);
  if (new Set(ids).size !== ids.length) throw new Error(`${c.slug}: two resources have one id`);
  if (check) {
    if ((await readFile(path, "utf8").catch(() => "")) !== text) throw new Error(`${c.slug}.json is not what generate.mjs writes`);
  } else {
    await writeFile(path, text);
  }
  console.log(`${c.slug}.json: ${ids.length} resources`);
}
