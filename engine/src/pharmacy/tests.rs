use serde_json::{Value, json};

use super::*;
use crate::{
    Action, ChangeHash, Command, CommandError, RoomId, document::Writer,
    event::PHARMACY_STATUS_URLS, mint_actor,
};

const NOW: u64 = 1_700_000_000_000;

fn chart(name: &str, person: u8) -> Document {
    let room = RoomId::first(name.parse().unwrap());
    Document::found(&room, mint_actor(NOW, [person; 8]))
}

fn write(document: &mut Document, command: &Command) {
    document.command(command, Writer::Person(None), NOW).unwrap();
}

fn put(document: &mut Document, resource: Value) {
    write(document, &Command::Put { resource });
}

fn patch(document: &mut Document, elements: &Value) {
    let elements = elements.as_object().unwrap().clone();
    let (resource_type, id) = ("MedicationRequest".to_owned(), "m1".to_owned());
    write(document, &Command::Patch { resource_type, id, elements });
}

fn order() -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "subject": { "reference": "Patient/1" },
        "medicationCodeableConcept": { "coding": [{ "code": "723", "display": "Amoxicillin" }] },
        "dosageInstruction": [{ "text": "500 mg three times a day" }],
        "requester": { "reference": "Practitioner/7", "display": "Dr. Chen" },
        "authoredOn": "2024-03-09",
        "dispenseRequest": { "quantity": { "value": 21, "unit": "capsules" } },
    })
}

fn ordered() -> Document {
    let mut document = chart("patient:1", 1);
    let name = json!([{ "given": ["Ann"], "family": "Doe" }]);
    put(&mut document, json!({ "resourceType": "Patient", "id": "1", "name": name }));
    put(&mut document, order());
    document
}

/// A colleague's replica, and the heads that both have.
fn copy(document: &Document) -> (Document, Vec<ChangeHash>) {
    let mut other = chart("patient:1", 2);
    other.apply(document.changes_since(&[document.genesis()])).unwrap();
    (other, document.heads())
}

fn decide(document: &Document, kind: ActKind) -> Result<Command, CommandError> {
    let act = Act {
        kind,
        prescription: "m1".to_owned(),
        performer: "Bob Ruiz".to_owned(),
        when: "2024-03-09T10:00:00.000Z".to_owned(),
        dispense_id: "d1".to_owned(),
        quantity: None,
        note: Some("keep cool".to_owned()),
    };
    (act.plan().0)(document).map(|decision| decision.command)
}

fn column(document: &Document) -> Option<String> {
    let task = Chart::of(document).entry("m1")?;
    text(&task, "/businessStatus/coding/0/code").map(str::to_owned)
}

#[test]
fn an_open_order_is_an_entry_with_all_that_a_pharmacist_looks_for() {
    let document = ordered();
    let chart = Chart::of(&document);
    assert_eq!(chart.open(), ["m1"]);
    let task = chart.entry("m1").unwrap();
    assert_eq!(task["id"], task_id(&document.room().name, "m1").as_str());
    assert_eq!(origin(&task), Some((document.room().name.clone(), "m1")));
    let shown = columns(&[task]);
    // A golden id: programs of others name entries by it.
    assert_eq!(
        shown["newOrders"],
        json!([{
            "id": "c7018ca4-0cba-521a-a307-66b6050c2eb2",
            "room": "patient:1",
            "patient": { "id": "1", "name": "Ann Doe" },
            "prescription": "m1",
            "drug": "Amoxicillin",
            "dose": "500 mg three times a day",
            "requester": "Dr. Chen",
            "priority": "routine",
            "pharmacyStatus": null,
            "authoredOn": "2024-03-09",
            "conflict": false,
        }])
    );
}

#[test]
fn only_orders_that_stand_are_entries() {
    for (elements, open) in [
        (json!({ "intent": "original-order" }), true),
        (json!({ "intent": "proposal" }), false),
        (json!({ "intent": "plan" }), false),
        (json!({ "status": "draft" }), false),
        (json!({ "status": "on-hold" }), false),
        (json!({ "status": "stopped" }), false),
        (json!({ "doNotPerform": true }), false),
        (json!({ "doNotPerform": false }), true),
    ] {
        let mut document = ordered();
        patch(&mut document, &elements);
        assert_eq!(!Chart::of(&document).open().is_empty(), open, "{elements}");
        assert_eq!(column(&document).is_some(), open, "{elements}");
    }
    let mut document = ordered();
    let (resource_type, id) = ("MedicationRequest".to_owned(), "m1".to_owned());
    write(&mut document, &Command::Delete { resource_type, id });
    assert_eq!(Chart::of(&document).open(), [""; 0]);
    assert_eq!(decide(&document, ActKind::Verify), Err(CommandError::NotFound));
}

#[test]
fn a_prescription_passes_through_the_columns() {
    use ActKind::{Complete, Dispense, Ready, Receive, Verify};
    let mut document = ordered();
    assert_eq!(column(&document).as_deref(), Some("newOrders"));
    for (act, then, refused) in [
        (Receive, Some("verification"), [Dispense, Receive]),
        (Verify, Some("dispensing"), [Verify, Complete]),
        (Dispense, Some("ready"), [Dispense, Verify]),
        (Ready, Some("ready"), [Ready, Receive]),
        (Complete, None, [Complete, Dispense]),
    ] {
        let command = decide(&document, act).unwrap();
        write(&mut document, &command);
        assert_eq!(column(&document).as_deref(), then, "{act:?}");
        for refused in refused {
            assert_eq!(decide(&document, refused), Err(CommandError::WrongStatus), "{refused:?}");
        }
    }
    let order = document.resource("MedicationRequest", "m1").unwrap();
    assert_eq!(order["status"], "active", "what the order says is the prescriber's");
    let dispense = document.resource("MedicationDispense", "d1").unwrap();
    assert_eq!(
        dispense,
        json!({
            "resourceType": "MedicationDispense", "id": "d1", "status": "completed",
            "subject": { "reference": "Patient/1" },
            "medicationCodeableConcept": order["medicationCodeableConcept"],
            "dosageInstruction": order["dosageInstruction"],
            "authorizingPrescription": [{ "reference": "MedicationRequest/m1" }],
            "performer": [{ "actor": { "display": "Bob Ruiz" } }],
            "quantity": { "value": 21, "unit": "capsules" },
            "whenHandedOver": "2024-03-09T10:00:00.000Z",
            "note": [{ "text": "keep cool" }],
        })
    );
}

#[test]
fn a_status_is_read_and_kept_under_the_url_of_older_software() {
    let mut document = ordered();
    let other = json!({ "url": "http://example.org/other", "valueString": "kept" });
    let status = json!({
        "url": PHARMACY_STATUS_URLS[1],
        "extension": [{ "url": "status", "valueCode": "verified" }],
    });
    patch(&mut document, &json!({ "extension": [other, status] }));
    assert_eq!(column(&document).as_deref(), Some("dispensing"));
    let dispense = decide(&document, ActKind::Dispense).unwrap();
    write(&mut document, &dispense);
    let order = document.resource("MedicationRequest", "m1").unwrap();
    assert_eq!(order["extension"][0], other);
    assert_eq!(order["extension"][1]["url"], PHARMACY_STATUS_URLS[1]);
    assert_eq!(
        (order["extension"].as_array().unwrap().len(), pharmacy_status(&order)),
        (2, Some("dispensed"))
    );
}

#[test]
fn nothing_is_done_while_a_safety_conflict_is_open() {
    // What two people write apart, and whether it matters for safety.
    let disputes: [(Value, Value, bool); 3] = [
        (
            json!({ "dosageInstruction": [{ "text": "1 g" }] }),
            json!({ "medicationCodeableConcept": { "text": "Ibuprofen" } }),
            true,
        ),
        (json!({ "status": "stopped" }), json!({ "status": "on-hold" }), true),
        (json!({ "priority": "urgent" }), json!({ "priority": "stat" }), false),
    ];
    for (first, second, blocks) in disputes {
        let mut document = ordered();
        let (mut other, shared) = copy(&document);
        patch(&mut document, &first);
        patch(&mut other, &second);
        document.apply(other.changes_since(&shared)).unwrap();
        assert_eq!(
            document.resource_conflicts("MedicationRequest", "m1", &People::default()).len(),
            1
        );
        let refused = decide(&document, ActKind::Verify) == Err(CommandError::ConflictOpen);
        assert_eq!(refused, blocks, "{first}");
        if let Some(task) = Chart::of(&document).entry("m1") {
            assert_eq!(columns(&[task])["newOrders"][0]["conflict"], blocks);
        }
    }
}

#[test]
fn an_allergy_in_dispute_holds_up_every_prescription_of_the_chart() {
    let allergy = |code: &str| {
        json!({
            "resourceType": "AllergyIntolerance", "id": "a1", "code": { "text": code },
            "patient": { "reference": "Patient/1" },
        })
    };
    let mut document = ordered();
    put(&mut document, allergy("penicillin"));
    let (mut other, shared) = copy(&document);
    put(&mut document, allergy("amoxicillin"));
    put(&mut other, allergy("latex"));
    document.apply(other.changes_since(&shared)).unwrap();
    assert_eq!(decide(&document, ActKind::Verify), Err(CommandError::ConflictOpen));
    let task = Chart::of(&document).entry("m1").unwrap();
    assert_eq!(columns(&[task])["newOrders"][0]["conflict"], true);
    put(&mut document, allergy("penicillin"));
    assert!(decide(&document, ActKind::Verify).is_ok(), "somebody has chosen");
}

#[test]
fn a_drug_is_named_wherever_its_name_stands() {
    let inside = json!([{ "resourceType": "Medication", "id": "x", "code": { "text": "Inside" } }]);
    for (reference, drug) in [
        (json!({ "reference": "#x" }), "Inside"),
        (json!({ "reference": "Medication/y" }), "Beside"),
        (json!({ "reference": "Medication/z" }), "Medication/z"),
        (json!({ "reference": "Medication/z", "display": "Shown" }), "Shown"),
    ] {
        let mut document = ordered();
        put(
            &mut document,
            json!({ "resourceType": "Medication", "id": "y", "code": { "text": "Beside" } }),
        );
        patch(&mut document, &json!({ "medicationReference": reference, "contained": inside }));
        assert_eq!(Chart::of(&document).entry("m1").unwrap()["description"], drug);
    }
}

#[test]
fn events_tell_which_entries_they_can_change_and_which_are_repeated() {
    let event = |name: &str, resource_type: &str, details: Value| Event {
        seq: 1,
        event: name.to_owned(),
        event_type: String::new(),
        room: "patient:1".parse().unwrap(),
        patient_id: Some("1".to_owned()),
        resource_type: resource_type.to_owned(),
        resource_id: "m1".to_owned(),
        action: Action::Updated,
        resource: std::sync::Arc::default(),
        changed: Vec::new(),
        author: None,
        time_ms: NOW,
        authored_ms: 0,
        changes: Vec::new(),
        import: false,
        details,
        source: None,
        via: None,
    };
    let medication = json!({ "category": "medication" });
    for (name, resource_type, details, touches, repeats) in [
        ("RESOURCE_UPDATED", "MedicationRequest", Value::Null, Some(Touched::One("m1")), false),
        ("MEDICATION_PRESCRIBED", "MedicationRequest", Value::Null, Some(Touched::One("m1")), true),
        ("ORDER_PLACED", "MedicationRequest", medication, Some(Touched::One("m1")), true),
        ("ORDER_PLACED", "ServiceRequest", Value::Null, None, false),
        ("MEDICATION_DISPENSED", "MedicationDispense", Value::Null, None, true),
        ("PATIENT_UPDATED", "Patient", Value::Null, Some(Touched::All), false),
        ("CONFLICT_DETECTED", "MedicationRequest", Value::Null, Some(Touched::One("m1")), true),
        ("CONFLICT_DETECTED", "AllergyIntolerance", Value::Null, Some(Touched::All), false),
        ("ALLERGY_UPDATED", "AllergyIntolerance", Value::Null, None, false),
        ("CONFLICT_DETECTED", "Condition", Value::Null, None, false),
    ] {
        let event = event(name, resource_type, details);
        assert_eq!(
            (touched(&event), is_repeated(&event)),
            (touches, repeats),
            "{name} {resource_type}"
        );
    }
}
