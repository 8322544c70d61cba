//! Which elements only make sense together, and which conflicts block acts.

use super::conflicts::ConflictKind;

/// The safety groups of a type, as units: elements whose last writers must have known of each other.
pub(super) fn groups(resource_type: &str) -> &'static [&'static [&'static str]] {
    match resource_type {
        "MedicationRequest" => &[&[
            "medication[x]",
            "dosageInstruction",
            "subject",
            "status",
            "intent",
            "doNotPerform",
            "substitution",
        ]],
        "MedicationDispense" => {
            &[&["medication[x]", "dosageInstruction", "quantity", "subject", "status"]]
        }
        "MedicationAdministration" => &[&["medication[x]", "dosage", "subject", "status"]],
        "MedicationStatement" => &[&["medication[x]", "dosage", "subject", "status"]],
        "AllergyIntolerance" => {
            &[&["code", "clinicalStatus", "verificationStatus", "criticality", "patient"]]
        }
        "Condition" => &[&["code", "clinicalStatus", "verificationStatus", "subject"]],
        "ServiceRequest" => &[&["code", "status", "intent", "subject", "doNotPerform"]],
        "Observation" => &[&["code", "value[x]", "dataAbsentReason", "status", "subject"]],
        "DiagnosticReport" => &[&["code", "conclusion", "conclusionCode", "status", "subject"]],
        "Immunization" => &[&["vaccineCode", "doseQuantity", "patient", "status"]],
        "Flag" => &[&["code", "status", "subject"]],
        "Consent" => &[&["status", "patient", "provision"]],
        "NutritionOrder" => &[&["status", "patient", "oralDiet", "enteralFormula"]],
        _ => &[],
    }
}

/// Whether a conflict blocks acts: drug, dose, to whom, active or not; allergies; code status.
pub(super) fn is_critical(resource_type: &str, kind: ConflictKind, elements: &[String]) -> bool {
    if !CRITICAL_TYPES.contains(&resource_type) {
        return false;
    }
    match kind {
        ConflictKind::Group | ConflictKind::Deleted | ConflictKind::Created => true,
        ConflictKind::Element => elements.iter().any(|element| {
            let unit = super::view::unit_name(element);
            groups(resource_type).iter().any(|group| group.contains(&unit))
        }),
        ConflictKind::Text => false,
    }
}

/// The same of a conflict by the names that [`super::Document::look`] gives it.
pub(crate) fn blocks_acts(resource_type: &str, names: &[String]) -> bool {
    let whole = names.iter().any(|name| name.starts_with('$'));
    let kind = if whole { ConflictKind::Deleted } else { ConflictKind::Element };
    is_critical(resource_type, kind, names)
}

/// Types whose safety group decides what is given to whom.
const CRITICAL_TYPES: [&str; 7] = [
    "AllergyIntolerance",
    "Consent",
    "Flag",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "ServiceRequest",
];
