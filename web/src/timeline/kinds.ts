/** The kinds of events that the timeline tells, each a track of its own. */

export const KINDS = {
  life: "Life",
  encounter: "Encounters",
  problem: "Problems",
  allergy: "Allergies",
  medication: "Medications",
  dose: "Doses and dispenses",
  order: "Orders",
  critical: "Critical values",
  result: "Results",
  vital: "Vital signs",
  observation: "Other observations",
  report: "Reports",
  imaging: "Imaging",
  procedure: "Procedures",
  immunization: "Immunizations",
  note: "Notes and documents",
  plan: "Care plans and goals",
  message: "Flags and messages",
} as const;

export type Kind = keyof typeof KINDS;
