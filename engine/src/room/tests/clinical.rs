//! Clinical events as a room tells them: through commands, batches, several people and foreign
//! clients.

use automerge::{
    Automerge, LoadOptions, ObjType, ReadDoc, TextEncoding, transaction::Transactable,
};
use serde_json::json;

use super::*;

impl World {
    /// Settles, and gives the clinical events since the last time, with who is responsible.
    fn news(&mut self) -> Vec<(String, String)> {
        self.settle();
        let events = std::mem::take(&mut self.events);
        let clinical = events.into_iter().filter(|event| !event.event.starts_with("RESOURCE_"));
        let author =
            |event: &Event| event.author.as_ref().map_or("", |author| &author.id).to_owned();
        clinical.map(|event| (author(&event), event.event.clone())).collect()
    }

    /// Makes one edit, and gives the names of its clinical events, parted by spaces.
    fn told(&mut self, person: u8, command: Command) -> String {
        self.edit(person, command);
        let news = self.news();
        assert!(news.iter().all(|(author, _)| *author == format!("p{person}")));
        news.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    }
}

fn put(mut resource: Value) -> Command {
    resource["subject"] = json!({ "reference": "Patient/1" });
    Command::Put { resource }
}

fn patch(resource_type: &str, id: &str, elements: Value) -> Command {
    let Value::Object(elements) = elements else { panic!("elements are an object") };
    Command::Patch { resource_type: resource_type.to_owned(), id: id.to_owned(), elements }
}

fn potassium(number: f64) -> Value {
    json!({
        "resourceType": "Observation", "id": "k", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2823-3" }] },
        "valueQuantity": { "value": number, "unit": "mmol/L" },
    })
}

#[test]
fn a_prescription_goes_through_several_hands() {
    let mut world = World::with("patient:1", &[1, 2]);
    let order = json!({
        "resourceType": "MedicationRequest", "id": "m", "status": "draft", "intent": "order",
    });
    let status = |code: &str| patch("MedicationRequest", "m", json!({ "status": code }));
    let step = |code: &str| {
        let url = "http://wintehr.local/fhir/StructureDefinition/pharmacy-status";
        let nested = json!([{ "url": "status", "valueCode": code }]);
        let extension = json!([{ "url": url, "extension": nested }]);
        patch("MedicationRequest", "m", json!({ "extension": extension }))
    };
    let (resource_type, id) = ("MedicationRequest".to_owned(), "m".to_owned());
    let delete = Command::Delete { resource_type: resource_type.clone(), id: id.clone() };
    let undelete = Command::Undelete { resource_type, id };
    let dispense =
        json!({ "resourceType": "MedicationDispense", "id": "d", "status": "completed" });
    let placed = "MEDICATION_PRESCRIBED ORDER_PLACED";
    for (person, command, expected) in [
        (1, put(order), String::new()),
        (1, status("active"), format!("{placed} ORDER_SIGNED MEDICATION_UPDATED")),
        (2, step("pending"), "MEDICATION_UPDATED".to_owned()),
        (2, step("verified"), "MEDICATION_UPDATED PRESCRIPTION_VERIFIED".to_owned()),
        (2, put(dispense), "MEDICATION_DISPENSED".to_owned()),
        (1, delete, "MEDICATION_DISCONTINUED".to_owned()),
        (1, undelete, format!("{placed} PRESCRIPTION_VERIFIED")),
        (1, status("stopped"), "MEDICATION_UPDATED MEDICATION_DISCONTINUED".to_owned()),
    ] {
        assert_eq!(world.told(person, command.clone()), expected, "{command:?}");
    }
    world.converged();
}

#[test]
fn a_critical_value_alerts_each_time_it_becomes_so() {
    let mut world = World::with("patient:1", &[1]);
    let value = |number: f64| {
        let quantity = json!({ "valueQuantity": { "value": number, "unit": "mmol/L" } });
        patch("Observation", "k", quantity)
    };
    for (command, alerts) in [
        (put(potassium(7.2)), true),
        (value(7.5), false),
        (value(4.1), false),
        (value(6.9), true),
        (value(2.0), true),
        (patch("Observation", "k", json!({ "status": "amended" })), false),
    ] {
        let told = world.told(1, command.clone());
        assert_eq!(told.contains("CRITICAL_VALUE_ALERT"), alerts, "{command:?}");
    }
}

#[test]
fn a_batch_has_the_events_of_each_of_its_resources() {
    let mut world = World::with("patient:1", &[1]);
    let condition = json!({ "resourceType": "Condition", "id": "c", "code": { "text": "Gout" } });
    world.told(1, put(condition));
    let commands = vec![
        put(potassium(7.2)),
        patch(
            "Condition",
            "c",
            json!({ "clinicalStatus": { "coding": [{ "code": "resolved" }] } }),
        ),
        put(json!({ "resourceType": "Flag", "id": "f", "status": "active" })),
    ];
    assert_eq!(
        world.told(1, Command::Batch { commands }),
        "CONDITION_UPDATED CONDITION_RESOLVED ALERT_ADDED OBSERVATION_RECORDED CRITICAL_VALUE_ALERT"
    );
}

#[test]
fn edits_of_several_people_that_come_together_have_the_events_of_each() {
    let mut world = World::with("patient:1", &[1, 2, 3]);
    let allergy = json!({ "resourceType": "AllergyIntolerance", "id": "a", "criticality": "low" });
    let Command::Put { resource: mut allergy } = put(allergy) else { panic!("a put") };
    allergy["patient"] = allergy["subject"].take();
    world.told(1, Command::Put { resource: allergy });
    for person in [1, 2, 3] {
        world.leave(person);
    }
    world.edit(1, patch("AllergyIntolerance", "a", json!({ "criticality": "high" })));
    world.edit(2, patch("AllergyIntolerance", "a", json!({ "criticality": "unable-to-assess" })));
    world.edit(2, put(potassium(7.2)));
    world.edit(3, put(json!({ "resourceType": "Goal", "id": "g" })));
    world.edit(
        3,
        patch("Goal", "g", json!({ "achievementStatus": { "coding": [{ "code": "achieved" }] } })),
    );
    for person in [1, 2, 3] {
        world.join(person);
    }
    let mut news = world.news();
    news.sort();
    let expected = [
        ("p1", "ALLERGY_UPDATED"),
        ("p2", "ALLERGY_UPDATED"),
        ("p2", "CONFLICT_DETECTED"),
        ("p2", "CRITICAL_VALUE_ALERT"),
        ("p2", "OBSERVATION_RECORDED"),
        ("p3", "CARE_PLAN_GOAL_ACHIEVED"),
    ];
    let expected = expected.map(|(author, name)| (author.to_owned(), name.to_owned()));
    assert_eq!(news, expected);
    world.converged();
    let chosen = patch("AllergyIntolerance", "a", json!({ "criticality": "high" }));
    assert_eq!(world.told(1, chosen), "ALLERGY_UPDATED CONFLICT_RESOLVED");
}

#[test]
fn an_edit_of_a_resource_that_a_colleague_deleted_has_its_conflict_and_no_clinical_event() {
    let mut world = World::with("patient:1", &[1, 2]);
    let condition = json!({ "resourceType": "Condition", "id": "c", "code": { "text": "Gout" } });
    world.told(1, put(condition));
    world.leave(2);
    world.edit(2, patch("Condition", "c", json!({ "onsetString": "2020" })));
    let (resource_type, id) = ("Condition".to_owned(), "c".to_owned());
    assert_eq!(world.told(1, Command::Delete { resource_type, id }), "CONDITION_DELETED");
    world.join(2);
    assert_eq!(world.news(), [("p2".to_owned(), "CONFLICT_DETECTED".to_owned())]);
}

/// A client that knows automerge and nothing of how we keep resources: nested maps, and doubles.
#[test]
fn what_a_foreign_client_writes_has_the_same_events() {
    let mut world = World::with("patient:1", &[1]);
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    let snapshot = world.server.document().save();
    let mut foreign = Automerge::load_with_options(&snapshot, options).unwrap();
    foreign.set_actor(mint_actor(NOW, [66; 8]));
    let mut tx = foreign.transaction();
    let collection = crate::document::tests_collection("Observation");
    let map = tx.put_object(&collection, "k", ObjType::Map).unwrap();
    let status = tx.put_object(&map, "status", ObjType::Text).unwrap();
    tx.splice_text(&status, 0, 0, "final").unwrap();
    let code = tx.put_object(&map, "code", ObjType::Map).unwrap();
    let codings = tx.put_object(&code, "coding", ObjType::List).unwrap();
    let coding = tx.insert_object(&codings, 0, ObjType::Map).unwrap();
    tx.put(&coding, "code", "2823-3").unwrap();
    let quantity = tx.put_object(&map, "valueQuantity", ObjType::Map).unwrap();
    tx.put(&quantity, "value", 7.2).unwrap();
    tx.put(&quantity, "unit", "mmol/L").unwrap();
    let hash = tx.commit().0.unwrap();
    let change = foreign.get_change_by_hash(&hash).unwrap();
    let message = automerge::sync::Message {
        heads: foreign.get_heads(),
        need: vec![],
        have: vec![],
        changes: vec![change.raw_bytes().to_vec()].into(),
        flags: None,
        version: automerge::sync::MessageVersion::V1,
    };
    let peer = Peer(66);
    let author = Some(Author::new("p66", "Somebody"));
    world.server.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: false });
    world.server.handle(NOW, Input::Received { peer, message: message.encode() });
    let news = world.news().into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(news, ["OBSERVATION_RECORDED", "CRITICAL_VALUE_ALERT"]);
}

#[test]
fn an_import_is_told_as_one() {
    let mut world = World::with("patient:1", &[1]);
    let mut old = potassium(7.2);
    old["effectiveDateTime"] = json!("2019-05-01");
    old["subject"] = json!({ "reference": "Patient/1" });
    let command = Command::Import { resources: vec![old.clone()] };
    world.server.handle(NOW, Input::Command { ticket: 1, author: None, command });
    world.settle();
    let told: Vec<_> = world.events.iter().map(|e| (e.event.as_str(), e.import)).collect();
    let expected = ["RESOURCE_CREATED", "OBSERVATION_RECORDED", "CRITICAL_VALUE_ALERT"];
    assert_eq!(told, expected.map(|name| (name, true)));
    assert_eq!(world.events[2].details["late"], true);
}

#[test]
fn nobody_keeps_what_they_write_out_of_the_alerts_by_calling_it_an_import() {
    let mut world = World::with("patient:1", &[1]);
    let mut new = potassium(7.2);
    new["subject"] = json!({ "reference": "Patient/1" });
    world.edit(1, Command::Import { resources: vec![new] });
    world.settle();
    assert!(!world.events.is_empty());
    assert!(world.events.iter().all(|event| !event.import));
}
