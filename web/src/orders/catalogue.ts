/** Tests and studies offered while typing (any other words may be typed), and sets of orders. */
import type { Coding } from "../shared/fhir/concept";
import type { OrderKind } from "./order";

type Named = readonly (readonly [code: string, display: string])[];

const TESTS: Named = [
  ["24321-2", "Basic metabolic panel"],
  ["24323-8", "Comprehensive metabolic panel"],
  ["58410-2", "Complete blood count"],
  ["600-7", "Blood culture"],
  ["1988-5", "C-reactive protein"],
  ["2160-0", "Creatinine"],
  ["2345-7", "Glucose"],
  ["4548-4", "Hemoglobin A1c"],
  ["2823-3", "Potassium"],
  ["2951-2", "Sodium"],
  ["3016-3", "Thyrotropin (TSH)"],
  ["10839-9", "Troponin I"],
  ["24356-8", "Urinalysis"],
];

const STUDIES: Named = [
  ["399208008", "Plain chest X-ray"],
  ["303653007", "Computed tomography of head"],
  ["45036003", "Ultrasonography of abdomen"],
  ["40701008", "Echocardiography"],
];

export const LABORATORY_TESTS = codings("http://loinc.org", TESTS);
export const IMAGING_STUDIES = codings("http://snomed.info/sct", STUDIES);

function codings(system: string, names: Named): readonly Coding[] {
  return names.map(([code, display]) => ({ system, code, display }));
}

/** One order of a set; what is left out is as in a blank order. */
export interface SetOrder {
  readonly kind: OrderKind;
  readonly name: string;
  readonly dosage?: string;
  readonly priority?: string;
  readonly reason?: string;
  /** Whether it is left unchecked to begin with. */
  readonly isOptional?: boolean;
}

/** Orders that usually go together. */
export interface OrderSet {
  readonly title: string;
  readonly orders: readonly SetOrder[];
}

/** Samples: a hospital puts its own in their place. */
export const ORDER_SETS: readonly OrderSet[] = [
  {
    title: "Chest pain",
    orders: [
      drug("Aspirin 81 MG Oral Tablet", "Four tablets chewed, once", { priority: "stat" }),
      drug("Nitroglycerin 0.4 MG Sublingual Tablet", "One tablet under the tongue every 5 minutes as needed for chest pain, at most three", { isOptional: true }),
      test("Troponin I", { priority: "stat" }),
      test("Basic metabolic panel", { priority: "urgent" }),
      test("Complete blood count", { priority: "urgent" }),
      study("Plain chest X-ray", "Cause of chest pain?", { priority: "urgent" }),
      study("Echocardiography", "Wall motion, effusion?", { isOptional: true }),
    ],
  },
  {
    title: "Community-acquired pneumonia",
    orders: [
      drug("Amoxicillin 250 MG Oral Capsule", "Four capsules (1 g) by mouth three times a day for 5 days", { priority: "urgent" }),
      drug("Acetaminophen 325 MG Oral Tablet", "Two tablets by mouth every 6 hours as needed for fever", { isOptional: true }),
      test("Blood culture", { priority: "urgent" }),
      test("Complete blood count", { priority: "urgent" }),
      test("C-reactive protein", { priority: "urgent" }),
      test("Basic metabolic panel", { priority: "urgent" }),
      study("Plain chest X-ray", "Infiltrate?", { priority: "urgent" }),
    ],
  },
  {
    title: "Diabetic ketoacidosis",
    orders: [
      drug("Sodium chloride 9 MG/ML Injectable Solution", "1 L intravenously over the first hour, then by volume status", { priority: "stat" }),
      drug("Insulin, regular, human 100 UNT/ML Injectable Solution", "0.1 units/kg per hour intravenously once potassium is 3.3 mmol/L or more", { priority: "stat" }),
      drug("Potassium chloride 2 MEQ/ML Injectable Solution", "20 mmol in each litre of fluid while potassium is below 5.3 mmol/L", { priority: "stat" }),
      test("Glucose", { priority: "stat" }),
      test("Basic metabolic panel", { priority: "stat" }),
      test("Potassium", { priority: "stat" }),
      test("Urinalysis", { priority: "urgent" }),
      test("Blood culture", { isOptional: true }),
    ],
  },
  {
    title: "Post-operative pain",
    orders: [
      drug("Acetaminophen 325 MG Oral Tablet", "Three tablets by mouth every 8 hours"),
      drug("Ibuprofen 200 MG Oral Tablet", "Two tablets by mouth every 6 hours with food"),
      drug("Oxycodone Hydrochloride 5 MG Oral Tablet", "One tablet by mouth every 6 hours as needed for severe pain", { isOptional: true }),
      test("Creatinine"),
    ],
  },
];

type Rest = Pick<SetOrder, "priority" | "isOptional">;

function drug(name: string, dosage: string, rest: Rest = {}): SetOrder {
  return { kind: "medication", name, dosage, ...rest };
}

function test(name: string, rest: Rest = {}): SetOrder {
  return { kind: "laboratory", name, ...rest };
}

function study(name: string, reason: string, rest: Rest = {}): SetOrder {
  return { kind: "imaging", name, reason, ...rest };
}
