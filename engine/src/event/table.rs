//! Every rule, as data: which resource, what has to hold, which events.

use self::Clause::{
    Becomes, ConflictGone, ConflictNew, Created, Critical, Deleted, File, In, Is, Not, Note, Other,
    RefersToObservation, Reverts, Turns, Updated,
};

/// One row: where one of the alternatives holds, the events happen.
#[derive(Debug)]
pub(super) struct Rule {
    /// Resource types, parted by spaces; none for any.
    pub types: &'static str,
    /// Alternatives, each of clauses that hold together.
    pub when: &'static [&'static [Clause]],
    /// Names of events, parted by spaces.
    pub events: &'static str,
    /// What the events add.
    pub details: Details,
}

/// What can be asked about a change of a resource. Fields are paths of element names; values are
/// codes, parted by spaces, whatever their system.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clause {
    /// It was not there, or was deleted, and is there.
    Created,
    /// It was there and is there.
    Updated,
    /// It was there and is there no more.
    Deleted,
    /// An update for which no rule of its type above this one had an event.
    Other,
    /// A field has one of these values.
    Is(&'static str, &'static str),
    /// A field has none of these values.
    Not(&'static str, &'static str),
    /// A field has one of these values and had not that one before, or there was no before.
    Becomes(&'static str, &'static str),
    /// A field had the first value and has the second.
    Turns(&'static str, &'static str, &'static str),
    /// The room is of this sort.
    In(Place),
    /// An attachment has a content type other than `text/*`.
    File,
    /// No attachment has a content type, or one is `text/*`.
    Note,
    /// It is in response to, or about, an Observation.
    RefersToObservation,
    /// The value becomes critical.
    Critical,
    /// A conflict appeared.
    ConflictNew,
    /// A conflict is gone.
    ConflictGone,
    /// An element is put back by somebody who may not have seen what stood there.
    Reverts,
}

/// A sort of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A patient's room.
    Chart,
    /// `facility:alerts`.
    Alerts,
}

/// What an event adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Details {
    /// Null.
    Nothing,
    /// That the order is for a medication.
    Medication,
    /// Whether a value could not be compared.
    Unchecked,
    /// The critical value.
    Critical,
    /// The acknowledged Observation.
    Acknowledged,
    /// The new conflict.
    ConflictNew,
    /// The conflict that is gone.
    ConflictGone,
    /// The elements that were put back.
    Reverts,
}

const fn rule(
    types: &'static str,
    when: &'static [&'static [Clause]],
    events: &'static str,
) -> Rule {
    Rule { types, when, events, details: Details::Nothing }
}

impl Rule {
    const fn with(self, details: Details) -> Self {
        Self { details, ..self }
    }
}

const STATUS: &str = "status";
const CATEGORY: &str = "category";
const ENTERED_IN_ERROR: &str = "entered-in-error";
/// The pharmacy's step, which is an extension.
pub(super) const PHARMACY_STATUS: &str = "pharmacyStatus";

/// Source: FHIR R4, observation-category; HL7 v2 table 0074, the laboratory's sections; LOINC class.
const LABORATORY: &str =
    "laboratory LAB LP29693-6 BG BLB CG CH CP GE HM IMM MB MCB MYC SP SR TX VR";
/// Source: FHIR R4, observation-category; HL7 v2 table 0074, sections that make images; LOINC class.
const IMAGING: &str = "imaging RAD LP29684-5 CT CUS NMR NMS OUS RUS RX VUS XRC";

/// A draft without an order's intent would be a proposal that nobody prescribed.
const PRESCRIBED: &[&[Clause]] = &[
    &[
        Created,
        Is(STATUS, "active"),
        Is("intent", "order original-order reflex-order filler-order instance-order"),
    ],
    SIGNED_PRESCRIPTION,
];
const SIGNED_PRESCRIPTION: &[Clause] =
    &[Turns(STATUS, "draft", "active"), Not("intent", "proposal plan option")];

/// Codes that say of a message that it is something else than an acknowledgement.
///
/// Source: FHIR R4, communication-category, and Chartroom's own.
const OTHER_MESSAGE: &str =
    "alert announcement critical-value emergency instruction notification reminder";

/// The rules, in the order in which their events are told.
pub(super) const RULES: &[Rule] = &[
    rule("", &[&[Created]], "RESOURCE_CREATED"),
    rule("", &[&[Updated]], "RESOURCE_UPDATED"),
    rule("", &[&[Deleted]], "RESOURCE_DELETED"),
    rule("Condition", &[&[Created]], "CONDITION_DIAGNOSED CONDITION_ADDED"),
    rule("Condition", &[&[Updated]], "CONDITION_UPDATED"),
    rule(
        "Condition",
        &[&[Becomes("clinicalStatus", "resolved remission inactive")]],
        "CONDITION_RESOLVED",
    ),
    rule(
        "Condition",
        &[&[Deleted], &[Becomes("verificationStatus", ENTERED_IN_ERROR)]],
        "CONDITION_DELETED",
    ),
    rule("MedicationRequest", PRESCRIBED, "MEDICATION_PRESCRIBED"),
    rule("MedicationRequest", PRESCRIBED, "ORDER_PLACED").with(Details::Medication),
    rule("MedicationRequest", &[SIGNED_PRESCRIPTION], "ORDER_SIGNED").with(Details::Medication),
    rule("MedicationRequest", &[&[Updated]], "MEDICATION_UPDATED"),
    rule(
        "MedicationRequest",
        &[&[Becomes(STATUS, "stopped cancelled completed entered-in-error")], &[Deleted]],
        "MEDICATION_DISCONTINUED",
    ),
    rule("MedicationRequest", &[&[Becomes(PHARMACY_STATUS, "verified")]], "PRESCRIPTION_VERIFIED"),
    rule("MedicationDispense", &[&[Becomes(STATUS, "completed")]], "MEDICATION_DISPENSED"),
    rule("MedicationAdministration", &[&[Becomes(STATUS, "completed")]], "MEDICATION_ADMINISTERED"),
    rule("AllergyIntolerance", &[&[Created]], "ALLERGY_ADDED"),
    rule("AllergyIntolerance", &[&[Updated]], "ALLERGY_UPDATED"),
    rule(
        "AllergyIntolerance",
        &[&[Becomes("clinicalStatus", "resolved inactive")]],
        "ALLERGY_RESOLVED",
    ),
    rule(
        "AllergyIntolerance",
        &[&[Deleted], &[Becomes("verificationStatus", ENTERED_IN_ERROR)]],
        "ALLERGY_REMOVED ALLERGY_DELETED",
    ),
    rule("ServiceRequest", &[&[Created]], "ORDER_PLACED"),
    rule("ServiceRequest", &[&[Updated]], "ORDER_UPDATED"),
    rule("ServiceRequest", &[&[Turns(STATUS, "draft", "active")]], "ORDER_SIGNED"),
    rule("ServiceRequest", &[&[Becomes(STATUS, "completed")]], "ORDER_COMPLETED"),
    rule(
        "ServiceRequest",
        &[&[Becomes(STATUS, "revoked entered-in-error")], &[Deleted]],
        "ORDER_CANCELLED",
    ),
    rule("Observation", &[&[Created]], "OBSERVATION_RECORDED").with(Details::Unchecked),
    rule(
        "Observation",
        &[&[Is(CATEGORY, LABORATORY), Becomes(STATUS, "final amended corrected")]],
        "RESULT_AVAILABLE",
    ),
    rule("Observation", &[&[Is(CATEGORY, "vital-signs"), Created]], "VITAL_SIGNS_RECORDED"),
    rule("Observation", &[&[Updated]], "OBSERVATION_UPDATED").with(Details::Unchecked),
    rule("Observation", &[&[Deleted]], "OBSERVATION_DELETED"),
    rule("Observation", &[&[Critical]], "CRITICAL_VALUE_ALERT").with(Details::Critical),
    rule("DiagnosticReport", &[&[Created]], "DIAGNOSTIC_REPORT_CREATED"),
    rule("DiagnosticReport", &[&[Updated]], "DIAGNOSTIC_REPORT_UPDATED"),
    rule("DiagnosticReport", &[&[Becomes(STATUS, "final")]], "DIAGNOSTIC_REPORT_FINALIZED"),
    rule(
        "DiagnosticReport",
        &[&[Is(CATEGORY, IMAGING), Becomes(STATUS, "final")]],
        "IMAGING_REPORT_READY",
    ),
    rule(
        "DiagnosticReport",
        &[&[Is(CATEGORY, LABORATORY), Becomes(STATUS, "final")]],
        "RESULT_AVAILABLE",
    ),
    rule("ImagingStudy", &[&[Becomes(STATUS, "available")]], "IMAGING_STUDY_AVAILABLE"),
    rule("ImagingStudy", &[&[Updated]], "IMAGING_STUDY_UPDATED"),
    rule("DocumentReference Composition", &[&[Created, Note]], "NOTE_CREATED DOCUMENT_CREATED"),
    rule("DocumentReference Composition", &[&[Created, File]], "DOCUMENT_UPLOADED"),
    rule("DocumentReference Composition", &[&[Updated]], "NOTE_UPDATED DOCUMENT_UPDATED"),
    rule("DocumentReference", &[&[Becomes("docStatus", "final")]], "NOTE_SIGNED"),
    rule("Composition", &[&[Becomes(STATUS, "final")]], "NOTE_SIGNED"),
    rule("DocumentReference", &[&[Becomes("docStatus", "amended")]], "NOTE_AMENDED"),
    rule("Composition", &[&[Becomes(STATUS, "amended")]], "NOTE_AMENDED"),
    rule(
        "DocumentReference Composition",
        &[&[Becomes("relatesTo.code", "appends")]],
        "NOTE_ADDENDUM",
    ),
    rule("Immunization", &[&[Created, Is(STATUS, "completed")]], "IMMUNIZATION_ADMINISTERED"),
    rule("Immunization", &[&[Updated]], "IMMUNIZATION_UPDATED"),
    rule("Procedure", &[&[Becomes(STATUS, "preparation")]], "PROCEDURE_SCHEDULED"),
    rule("Procedure", &[&[Becomes(STATUS, "in-progress")]], "PROCEDURE_STARTED"),
    rule("Procedure", &[&[Becomes(STATUS, "completed")]], "PROCEDURE_COMPLETED"),
    rule(
        "Procedure",
        &[&[Becomes(STATUS, "not-done stopped entered-in-error")]],
        "PROCEDURE_CANCELLED",
    ),
    rule("Procedure", &[&[Other]], "PROCEDURE_UPDATED"),
    rule("Encounter", &[&[Created], &[Becomes(STATUS, "in-progress")]], "ENCOUNTER_STARTED"),
    rule("Encounter", &[&[Updated]], "ENCOUNTER_UPDATED"),
    rule("Encounter", &[&[Becomes(STATUS, "finished")]], "ENCOUNTER_FINISHED"),
    rule("CarePlan", &[&[Created]], "CARE_PLAN_CREATED"),
    rule("CarePlan", &[&[Updated]], "CARE_PLAN_UPDATED"),
    rule("Goal", &[&[Becomes("achievementStatus", "achieved")]], "CARE_PLAN_GOAL_ACHIEVED"),
    rule("Flag", &[&[Created, Is(STATUS, "active")]], "ALERT_ADDED"),
    rule("Flag", &[&[Updated]], "ALERT_UPDATED"),
    rule("Flag", &[&[Becomes(STATUS, "inactive")], &[Deleted]], "ALERT_REMOVED"),
    rule(
        "Communication",
        &[&[In(Place::Alerts), Created, Is(CATEGORY, "alert")]],
        "CLINICAL_ALERT_ACTIVATED",
    ),
    rule(
        "Communication",
        &[&[In(Place::Alerts), Created, Is(CATEGORY, "emergency")]],
        "EMERGENCY_DECLARED",
    ),
    rule(
        "Communication",
        &[&[In(Place::Alerts), Created, Is(CATEGORY, "announcement")]],
        "SYSTEM_ANNOUNCEMENT",
    ),
    rule(
        "Communication",
        &[&[
            In(Place::Chart),
            RefersToObservation,
            Becomes(STATUS, "completed"),
            Not(CATEGORY, OTHER_MESSAGE),
        ]],
        "RESULT_ACKNOWLEDGED",
    )
    .with(Details::Acknowledged),
    rule("Patient", &[&[Updated]], "PATIENT_UPDATED"),
    rule("", &[&[ConflictNew]], "CONFLICT_DETECTED").with(Details::ConflictNew),
    rule("", &[&[ConflictGone]], "CONFLICT_RESOLVED").with(Details::ConflictGone),
    rule("", &[&[Reverts]], "EDIT_REVERTED").with(Details::Reverts),
];
