use automerge::{
    Change,
    legacy::{OpId, OpType},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    Command, RoomId, RoomName,
    change::operations::{self, Staged},
    document::Writer,
    mint_actor,
};

const NOW: u64 = 1_700_000_000_000;
const ID: &str = "a";

fn document() -> Document {
    let room = RoomId::first("patient:1".parse::<RoomName>().unwrap());
    let mut document = Document::found(&room, mint_actor(NOW, [1; 8]));
    let resource = json!({
        "resourceType": "AllergyIntolerance",
        "id": ID,
        "patient": { "reference": "Patient/1" },
        "criticality": "low",
        "category": ["food"],
        "onsetString": "as a child",
        "recordedDate": "2026-01-01",
        "_recordedDate": { "extension": [{ "url": "u", "valueBoolean": true }] },
    });
    write(&mut document, Command::Put { resource });
    document
}

fn write(document: &mut Document, command: Command) -> Change {
    document.command(&command, Writer::Person(None), NOW).unwrap().expect("it changes something")
}

fn patch(elements: Value) -> Command {
    let Value::Object(elements) = elements else { panic!("elements are an object") };
    Command::Patch { resource_type: "AllergyIntolerance".to_owned(), id: ID.to_owned(), elements }
}

/// What somebody else makes of the document with a command.
fn change(document: &Document, command: Command) -> Change {
    let mut copy = document.clone();
    copy.set_actor(mint_actor(NOW, [2; 8]));
    write(&mut copy, command)
}

/// A change with its operations bent.
fn bent(document: &Document, bend: impl Fn(&mut automerge::ExpandedChange)) -> Change {
    let mut expanded = change(document, patch(json!({ "criticality": "high" }))).decode();
    bend(&mut expanded);
    expanded.hash = None;
    Change::from(expanded)
}

/// What the document says without reading the resource again, checked against a reading.
fn follow(document: &Document, before: &mut Look, change: &Change) -> Option<Look> {
    let (touched, _) = operations::touched(document, &Staged::default(), change).unwrap();
    let mut document = document.clone();
    document.stage(change);
    let followed = document.follow(before, change, touched[0].puts.as_ref()?)?;
    document.apply(vec![change.clone()]).unwrap();
    assert_eq!(followed.seen, document.look("AllergyIntolerance", ID).seen);
    Some(followed)
}

#[test]
fn elements_that_are_set_added_and_removed_are_followed() {
    let mut document = document();
    let mut look = document.look("AllergyIntolerance", ID);
    for elements in [
        json!({ "criticality": "high" }),
        json!({ "criticality": null }),
        json!({ "criticality": "low", "type": "allergy" }),
        json!({ "recordedDate": "2026-02-02" }),
        json!({ "recordedDate": null }),
        json!({ "code": { "text": "Penicillin" } }),
        json!({ "onsetString": "=as an adult" }),
    ] {
        let change = change(&document, patch(elements.clone()));
        let followed = follow(&document, &mut look, &change);
        look = followed.unwrap_or_else(|| panic!("{elements} is followed"));
        document.apply(vec![change]).unwrap();
    }
}

#[test]
fn what_is_not_plain_is_read() {
    let document = document();
    let (resource_type, id) = ("AllergyIntolerance".to_owned(), ID.to_owned());
    for (why, command) in [
        ("an item of a list", patch(json!({ "category": ["food", "medication"] }))),
        (
            "another variant of a choice",
            patch(json!({ "onsetDateTime": "2001", "onsetString": null })),
        ),
        ("a delete", Command::Delete { resource_type, id }),
    ] {
        let change = change(&document, command);
        let mut look = document.look("AllergyIntolerance", ID);
        assert!(follow(&document, &mut look, &change).is_none(), "{why}");
    }
}

#[test]
fn who_did_not_know_of_all_that_stands_is_not_followed() {
    let mut document = document();
    let behind = change(&document, patch(json!({ "type": "allergy" })));
    write(&mut document, patch(json!({ "criticality": "high" })));
    let mut look = document.look("AllergyIntolerance", ID);
    assert!(follow(&document, &mut look, &behind).is_none());
}

#[test]
fn a_resource_in_conflict_is_not_followed() {
    let mut document = document();
    let other = change(&document, patch(json!({ "criticality": "high" })));
    write(&mut document, patch(json!({ "criticality": "unable-to-assess" })));
    document.apply(vec![other]).unwrap();
    let mut look = document.look("AllergyIntolerance", ID);
    assert_eq!(look.seen.disputed, ["criticality"]);
    let knows = change(&document, patch(json!({ "type": "allergy" })));
    assert!(follow(&document, &mut look, &knows).is_none());
}

#[test]
fn operations_that_take_the_place_of_something_else_are_not_followed() {
    let document = document();
    let nothing = |op: &mut automerge::legacy::Op| op.pred = Vec::<OpId>::new().into();
    for (why, change) in [
        ("of nothing", bent(&document, |change| change.operations.iter_mut().for_each(nothing))),
        (
            "a counter",
            bent(&document, |change| {
                change.operations[0].action = OpType::Put(ScalarValue::Counter(1.into()));
            }),
        ),
        (
            "a name of ours",
            bent(&document, |change| {
                change.operations[0].key = automerge::legacy::Key::Map("$deleted".into());
                nothing(&mut change.operations[0]);
            }),
        ),
        (
            "a sibling's name",
            bent(&document, |change| {
                change.operations[0].key = automerge::legacy::Key::Map("_criticality".into());
                nothing(&mut change.operations[0]);
            }),
        ),
        (
            "the type",
            bent(&document, |change| {
                change.operations[0].key = automerge::legacy::Key::Map("resourceType".into());
                nothing(&mut change.operations[0]);
            }),
        ),
    ] {
        let mut look = document.look("AllergyIntolerance", ID);
        assert!(follow(&document, &mut look, &change).is_none(), "in place {why}");
    }
}
