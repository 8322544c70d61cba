//! One table test for each row of the rules, and each case of it by every way of writing.

use super::*;

/// Checks changes of one type in `patient:1`: before, after, and the clinical events.
fn check<const N: usize>(resource_type: &str, cases: [(Value, Value, &str); N]) {
    check_in("patient:1", resource_type, cases);
}

fn check_in<const N: usize>(room: &str, resource_type: &str, cases: [(Value, Value, &str); N]) {
    for (before, after, expected) in cases {
        let events = clinical(room, resource_type, &before, &after);
        assert_eq!(told(&events), expected, "{resource_type} {before} -> {after}");
        for (way, names) in ways::told(room, resource_type, &before, &after) {
            assert_eq!(names, expected, "by {way}: {resource_type} {before} -> {after}");
        }
    }
}

fn absent() -> Value {
    Value::Null
}

fn status(code: &str) -> Value {
    json!({ "status": code })
}

fn concept(element: &str, code: &str) -> Value {
    json!({ element: { "coding": [{ "system": "http://example.org", "code": code }] } })
}

#[test]
fn conditions_are_diagnosed_updated_resolved_and_deleted() {
    let clinical = |code| concept("clinicalStatus", code);
    let error = || concept("verificationStatus", "entered-in-error");
    check(
        "Condition",
        [
            (absent(), clinical("active"), "CONDITION_DIAGNOSED CONDITION_ADDED"),
            (
                absent(),
                clinical("resolved"),
                "CONDITION_DIAGNOSED CONDITION_ADDED CONDITION_RESOLVED",
            ),
            (clinical("active"), clinical("recurrence"), "CONDITION_UPDATED"),
            (clinical("active"), clinical("resolved"), "CONDITION_UPDATED CONDITION_RESOLVED"),
            (clinical("active"), clinical("remission"), "CONDITION_UPDATED CONDITION_RESOLVED"),
            (clinical("active"), clinical("inactive"), "CONDITION_UPDATED CONDITION_RESOLVED"),
            (clinical("remission"), clinical("resolved"), "CONDITION_UPDATED CONDITION_RESOLVED"),
            (clinical("resolved"), clinical("resolved"), "CONDITION_UPDATED"),
            (clinical("resolved"), clinical("active"), "CONDITION_UPDATED"),
            (clinical("active"), error(), "CONDITION_UPDATED CONDITION_DELETED"),
            (error(), error(), "CONDITION_UPDATED"),
            (clinical("active"), absent(), "CONDITION_DELETED"),
            (absent(), absent(), ""),
        ],
    );
}

#[test]
fn prescriptions_are_orders_of_medication() {
    let order = |status: &str, intent: &str| json!({ "status": status, "intent": intent });
    let prescribed = "MEDICATION_PRESCRIBED ORDER_PLACED";
    for intent in ["order", "original-order", "reflex-order", "filler-order", "instance-order"] {
        check("MedicationRequest", [(absent(), order("active", intent), prescribed)]);
    }
    for intent in ["proposal", "plan", "option"] {
        check(
            "MedicationRequest",
            [
                (absent(), order("active", intent), ""),
                (order("draft", intent), order("active", intent), "MEDICATION_UPDATED"),
            ],
        );
    }
    check(
        "MedicationRequest",
        [
            (absent(), order("draft", "order"), ""),
            (
                order("draft", "order"),
                order("active", "order"),
                "MEDICATION_PRESCRIBED ORDER_PLACED ORDER_SIGNED MEDICATION_UPDATED",
            ),
            (order("on-hold", "order"), order("active", "order"), "MEDICATION_UPDATED"),
            (order("active", "order"), absent(), "MEDICATION_DISCONTINUED"),
            (absent(), order("stopped", "order"), "MEDICATION_DISCONTINUED"),
            (order("stopped", "order"), order("stopped", "order"), "MEDICATION_UPDATED"),
        ],
    );
    for end in ["stopped", "cancelled", "completed", "entered-in-error"] {
        let discontinued = "MEDICATION_UPDATED MEDICATION_DISCONTINUED";
        check("MedicationRequest", [(order("active", "order"), order(end, "order"), discontinued)]);
    }
    let signed = clinical(
        "patient:1",
        "MedicationRequest",
        &order("draft", "order"),
        &order("active", "order"),
    );
    let medication = json!({ "category": "medication" });
    let details: Vec<&Value> = signed.iter().map(|event| &event.details).collect();
    assert_eq!(details, [&Value::Null, &medication, &medication, &Value::Null]);
}

#[test]
fn a_prescription_is_verified_by_its_pharmacy_status() {
    let with =
        |url: &str, nested: Value| json!({ "extension": [{ "url": url, "extension": [nested] }] });
    let local = "http://wintehr.local/fhir/StructureDefinition/pharmacy-status";
    let com = "http://wintehr.com/fhir/StructureDefinition/pharmacy-status";
    let step = |code: &str| json!({ "url": "status", "valueCode": code });
    let verified = "MEDICATION_UPDATED PRESCRIPTION_VERIFIED";
    check(
        "MedicationRequest",
        [
            (json!({}), with(local, step("verified")), verified),
            (with(local, step("pending")), with(local, step("verified")), verified),
            (with(com, step("pending")), with(com, step("verified")), verified),
            (with(local, step("verified")), with(com, step("verified")), "MEDICATION_UPDATED"),
            (with(local, step("verified")), with(local, step("ready")), "MEDICATION_UPDATED"),
            (json!({}), with("http://example.org/other", step("verified")), "MEDICATION_UPDATED"),
            (
                json!({}),
                with(local, json!({ "url": "by", "valueString": "Bob" })),
                "MEDICATION_UPDATED",
            ),
            (
                json!({}),
                with(local, json!({ "url": "status", "valueString": "verified" })),
                verified,
            ),
            (
                json!({}),
                with(local, json!({ "url": "status", "valueCoding": { "code": "verified" } })),
                verified,
            ),
        ],
    );
}

#[test]
fn medication_is_dispensed_and_administered_when_completed() {
    for (resource_type, event) in [
        ("MedicationDispense", "MEDICATION_DISPENSED"),
        ("MedicationAdministration", "MEDICATION_ADMINISTERED"),
    ] {
        check(
            resource_type,
            [
                (absent(), status("completed"), event),
                (absent(), status("in-progress"), ""),
                (status("in-progress"), status("completed"), event),
                (status("completed"), status("completed"), ""),
                (status("completed"), absent(), ""),
            ],
        );
    }
}

#[test]
fn allergies_are_added_updated_resolved_and_removed() {
    let clinical = |code| concept("clinicalStatus", code);
    let error = || concept("verificationStatus", "entered-in-error");
    check(
        "AllergyIntolerance",
        [
            (absent(), clinical("active"), "ALLERGY_ADDED"),
            (clinical("active"), clinical("active"), "ALLERGY_UPDATED"),
            (clinical("active"), clinical("resolved"), "ALLERGY_UPDATED ALLERGY_RESOLVED"),
            (clinical("active"), clinical("inactive"), "ALLERGY_UPDATED ALLERGY_RESOLVED"),
            (clinical("active"), error(), "ALLERGY_UPDATED ALLERGY_REMOVED ALLERGY_DELETED"),
            (clinical("active"), absent(), "ALLERGY_REMOVED ALLERGY_DELETED"),
        ],
    );
}

#[test]
fn orders_are_placed_signed_completed_and_cancelled() {
    check(
        "ServiceRequest",
        [
            (absent(), status("draft"), "ORDER_PLACED"),
            (status("active"), status("active"), "ORDER_UPDATED"),
            (status("draft"), status("active"), "ORDER_UPDATED ORDER_SIGNED"),
            (status("on-hold"), status("active"), "ORDER_UPDATED"),
            (status("active"), status("completed"), "ORDER_UPDATED ORDER_COMPLETED"),
            (status("active"), status("revoked"), "ORDER_UPDATED ORDER_CANCELLED"),
            (status("active"), status("entered-in-error"), "ORDER_UPDATED ORDER_CANCELLED"),
            (status("active"), absent(), "ORDER_CANCELLED"),
        ],
    );
}

#[test]
fn observations_are_recorded_and_laboratory_results_available() {
    let result = |category: &str, status: &str| {
        let mut result = concept("category", category);
        result["category"] = json!([result["category"]]);
        result["status"] = json!(status);
        result
    };
    let laboratory = |status| result("laboratory", status);
    check(
        "Observation",
        [
            (absent(), status("final"), "OBSERVATION_RECORDED"),
            (absent(), laboratory("registered"), "OBSERVATION_RECORDED"),
            (absent(), laboratory("final"), "OBSERVATION_RECORDED RESULT_AVAILABLE"),
            (laboratory("registered"), laboratory("preliminary"), "OBSERVATION_UPDATED"),
            (
                laboratory("preliminary"),
                laboratory("final"),
                "RESULT_AVAILABLE OBSERVATION_UPDATED",
            ),
            (laboratory("final"), laboratory("amended"), "RESULT_AVAILABLE OBSERVATION_UPDATED"),
            (laboratory("final"), laboratory("corrected"), "RESULT_AVAILABLE OBSERVATION_UPDATED"),
            (laboratory("final"), laboratory("final"), "OBSERVATION_UPDATED"),
            (status("final"), laboratory("final"), "OBSERVATION_UPDATED"),
            (absent(), result("vital-signs", "final"), "OBSERVATION_RECORDED VITAL_SIGNS_RECORDED"),
            (result("vital-signs", "final"), result("vital-signs", "final"), "OBSERVATION_UPDATED"),
            (laboratory("final"), absent(), "OBSERVATION_DELETED"),
        ],
    );
    let single = concept("category", "laboratory");
    let mut done = single.clone();
    done["status"] = json!("final");
    check("Observation", [(single, done, "RESULT_AVAILABLE OBSERVATION_UPDATED")]);
}

#[test]
fn reports_are_finalized_and_told_by_their_category() {
    let report = |category: &str, status: &str| {
        let mut report = concept("category", category);
        report["status"] = json!(status);
        report
    };
    let (created, updated) = ("DIAGNOSTIC_REPORT_CREATED", "DIAGNOSTIC_REPORT_UPDATED");
    for (category, ready) in [
        ("RAD", " IMAGING_REPORT_READY"),
        ("LP29684-5", " IMAGING_REPORT_READY"),
        ("CUS", " IMAGING_REPORT_READY"),
        ("LAB", " RESULT_AVAILABLE"),
        ("laboratory", " RESULT_AVAILABLE"),
        ("cardiology", ""),
    ] {
        let becomes_final = format!("{updated} DIAGNOSTIC_REPORT_FINALIZED{ready}");
        let created_final = format!("{created} DIAGNOSTIC_REPORT_FINALIZED{ready}");
        check(
            "DiagnosticReport",
            [
                (absent(), report(category, "preliminary"), created),
                (absent(), report(category, "final"), &created_final),
                (report(category, "preliminary"), report(category, "final"), &becomes_final),
                (report(category, "final"), report(category, "final"), updated),
                (report(category, "final"), absent(), ""),
            ],
        );
    }
}

#[test]
fn imaging_studies_become_available() {
    check(
        "ImagingStudy",
        [
            (absent(), status("registered"), ""),
            (absent(), status("available"), "IMAGING_STUDY_AVAILABLE"),
            (
                status("registered"),
                status("available"),
                "IMAGING_STUDY_AVAILABLE IMAGING_STUDY_UPDATED",
            ),
            (status("available"), status("available"), "IMAGING_STUDY_UPDATED"),
        ],
    );
}

#[test]
fn notes_are_written_signed_amended_and_appended_to() {
    let of_type = |content_type: &str| json!({ "content": [{ "attachment": { "contentType": content_type } }] });
    let note = "NOTE_CREATED DOCUMENT_CREATED";
    let (updated, appends) =
        ("NOTE_UPDATED DOCUMENT_UPDATED", json!({ "relatesTo": [{ "code": "appends" }] }));
    check(
        "DocumentReference",
        [
            (absent(), status("current"), note),
            (absent(), of_type("text/plain"), note),
            (absent(), of_type("Text/HTML; charset=utf-8"), note),
            (absent(), of_type("application/pdf"), "DOCUMENT_UPLOADED"),
            (absent(), of_type("image/png"), "DOCUMENT_UPLOADED"),
            (
                absent(),
                json!({ "content": [
                    { "attachment": { "contentType": "text/plain" } },
                    { "attachment": { "contentType": "application/pdf" } },
                ] }),
                "NOTE_CREATED DOCUMENT_CREATED DOCUMENT_UPLOADED",
            ),
            (of_type("text/plain"), of_type("application/pdf"), updated),
            (
                absent(),
                json!({ "docStatus": "final" }),
                "NOTE_CREATED DOCUMENT_CREATED NOTE_SIGNED",
            ),
            (
                json!({ "docStatus": "preliminary" }),
                json!({ "docStatus": "final" }),
                "NOTE_UPDATED DOCUMENT_UPDATED NOTE_SIGNED",
            ),
            (
                json!({ "docStatus": "final" }),
                json!({ "docStatus": "amended" }),
                "NOTE_UPDATED DOCUMENT_UPDATED NOTE_AMENDED",
            ),
            (absent(), appends.clone(), "NOTE_CREATED DOCUMENT_CREATED NOTE_ADDENDUM"),
            (json!({}), appends.clone(), "NOTE_UPDATED DOCUMENT_UPDATED NOTE_ADDENDUM"),
            (appends.clone(), appends, updated),
            (absent(), json!({ "relatesTo": [{ "code": "replaces" }] }), note),
            (status("current"), absent(), ""),
        ],
    );
    check(
        "Composition",
        [
            (absent(), status("preliminary"), note),
            (status("preliminary"), status("final"), "NOTE_UPDATED DOCUMENT_UPDATED NOTE_SIGNED"),
            (status("final"), status("amended"), "NOTE_UPDATED DOCUMENT_UPDATED NOTE_AMENDED"),
        ],
    );
}

#[test]
fn immunizations_are_administered_when_created_as_completed() {
    check(
        "Immunization",
        [
            (absent(), status("completed"), "IMMUNIZATION_ADMINISTERED"),
            (absent(), status("not-done"), ""),
            (status("completed"), status("completed"), "IMMUNIZATION_UPDATED"),
        ],
    );
}

#[test]
fn procedures_go_from_step_to_step() {
    for (code, event) in [
        ("preparation", "PROCEDURE_SCHEDULED"),
        ("in-progress", "PROCEDURE_STARTED"),
        ("completed", "PROCEDURE_COMPLETED"),
        ("not-done", "PROCEDURE_CANCELLED"),
        ("stopped", "PROCEDURE_CANCELLED"),
        ("entered-in-error", "PROCEDURE_CANCELLED"),
    ] {
        check(
            "Procedure",
            [
                (absent(), status(code), event),
                (status("unknown"), status(code), event),
                (status(code), status(code), "PROCEDURE_UPDATED"),
                (status(code), status("on-hold"), "PROCEDURE_UPDATED"),
                (status(code), absent(), ""),
            ],
        );
    }
}

#[test]
fn encounters_start_and_finish() {
    check(
        "Encounter",
        [
            (absent(), status("in-progress"), "ENCOUNTER_STARTED"),
            (absent(), status("finished"), "ENCOUNTER_STARTED ENCOUNTER_FINISHED"),
            (status("arrived"), status("in-progress"), "ENCOUNTER_STARTED ENCOUNTER_UPDATED"),
            (status("in-progress"), status("in-progress"), "ENCOUNTER_UPDATED"),
            (status("in-progress"), status("finished"), "ENCOUNTER_UPDATED ENCOUNTER_FINISHED"),
        ],
    );
}

#[test]
fn care_plans_and_their_goals() {
    check(
        "CarePlan",
        [
            (absent(), status("active"), "CARE_PLAN_CREATED"),
            (status("active"), status("completed"), "CARE_PLAN_UPDATED"),
        ],
    );
    let goal = |code| concept("achievementStatus", code);
    check(
        "Goal",
        [
            (absent(), goal("in-progress"), ""),
            (goal("in-progress"), goal("achieved"), "CARE_PLAN_GOAL_ACHIEVED"),
            (goal("achieved"), goal("achieved"), ""),
            (goal("achieved"), goal("not-achieved"), ""),
        ],
    );
}

#[test]
fn flags_are_alerts_of_a_chart() {
    check(
        "Flag",
        [
            (absent(), status("active"), "ALERT_ADDED"),
            (status("active"), status("active"), "ALERT_UPDATED"),
            (status("active"), status("inactive"), "ALERT_UPDATED ALERT_REMOVED"),
            (status("active"), absent(), "ALERT_REMOVED"),
        ],
    );
}

#[test]
fn communications_of_the_facility_alert_by_their_category() {
    for (code, event) in [
        ("alert", "CLINICAL_ALERT_ACTIVATED"),
        ("emergency", "EMERGENCY_DECLARED"),
        ("announcement", "SYSTEM_ANNOUNCEMENT"),
        ("critical-value", ""),
    ] {
        let message = || concept("category", code);
        check_in("facility:alerts", "Communication", [(absent(), message(), event)]);
        check_in("facility:alerts", "Communication", [(message(), message(), "")]);
        check_in("patient:1", "Communication", [(absent(), message(), "")]);
    }
}

#[test]
fn a_completed_communication_about_an_observation_acknowledges_it() {
    let message = |status: &str, element: &str, reference: &str| {
        let mut message = json!({ "status": status, element: [{ "reference": reference }] });
        message["category"] = concept("category", "result-acknowledgement")["category"].clone();
        message
    };
    let done = |reference: &str| message("completed", "about", reference);
    let acknowledged = "RESULT_ACKNOWLEDGED";
    check(
        "Communication",
        [
            (absent(), done("Observation/k"), acknowledged),
            (absent(), message("completed", "inResponseTo", "Observation/k"), acknowledged),
            (absent(), message("preparation", "about", "Observation/k"), ""),
            (message("in-progress", "about", "Observation/k"), done("Observation/k"), acknowledged),
            (done("Observation/k"), done("Observation/k"), ""),
            (absent(), done("Condition/c"), ""),
        ],
    );
    check_in("facility:alerts", "Communication", [(absent(), done("Observation/k"), "")]);
    let mut plain = done("Observation/k");
    plain["category"] = Value::Null;
    check("Communication", [(absent(), plain.clone(), acknowledged)]);
    plain["category"] = concept("category", "notification")["category"].clone();
    check("Communication", [(absent(), plain, "")]);

    let details = |message: &Value| {
        clinical("patient:1", "Communication", &absent(), message).remove(0).details
    };
    assert_eq!(details(&done("Observation/k")), json!({ "observation": "Observation/k" }));
    let version = done("https://fhir.example.org/R4/Observation/k/_history/2");
    assert_eq!(details(&version), json!({ "observation": "Observation/k" }));
    let mut two = done("Observation/k");
    two["inResponseTo"] = json!([{ "reference": "Observation/na" }]);
    let both = json!(["Observation/na", "Observation/k"]);
    assert_eq!(details(&two), json!({ "observation": "Observation/na", "observations": both }));
}

#[test]
fn a_patient_is_updated() {
    check(
        "Patient",
        [
            (absent(), json!({ "active": true }), ""),
            (json!({ "active": true }), json!({ "active": false }), "PATIENT_UPDATED"),
        ],
    );
}

#[test]
fn a_type_without_rules_has_its_generic_event() {
    check(
        "Basic",
        [(absent(), json!({}), ""), (json!({}), json!({}), ""), (json!({}), absent(), "")],
    );
}
