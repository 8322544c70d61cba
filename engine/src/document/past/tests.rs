use serde_json::{Value, json};

use super::*;
use crate::{
    Command,
    document::{
        Writer,
        tests::{allergy, document, exchange, put},
    },
};

const KIND: &str = "AllergyIntolerance";

fn write(document: &mut Document, command: Command, second: u64) -> ChangeHash {
    let change = document.command(&command, Writer::Person(None), second * 1000).unwrap();
    change.unwrap().hash()
}

fn patch(elements: Value) -> Command {
    let Value::Object(elements) = elements else { panic!("elements are an object") };
    Command::Patch { resource_type: KIND.to_owned(), id: "a".to_owned(), elements }
}

fn delete() -> Command {
    Command::Delete { resource_type: KIND.to_owned(), id: "a".to_owned() }
}

fn undelete() -> Command {
    Command::Undelete { resource_type: KIND.to_owned(), id: "a".to_owned() }
}

fn splice(insert: &str) -> Command {
    Command::Splice {
        resource_type: KIND.to_owned(),
        id: "a".to_owned(),
        element: "note".to_owned(),
        index: 0,
        delete: 0,
        insert: insert.to_owned(),
    }
}

#[test]
fn history_tells_every_version() {
    let mut document = document("patient:1", 1);
    let resource = allergy("a", json!({"onsetString": "2001"}));
    let hashes = [
        write(&mut document, Command::Put { resource }, 10),
        write(&mut document, patch(json!({"onsetString": "2002", "criticality": "low"})), 20),
        write(&mut document, delete(), 30),
        write(&mut document, undelete(), 40),
    ];
    put(&mut document, allergy("b", json!({})));
    let mut people = People::default();
    people.bind(document.actor().clone(), Author::new("alice", "Alice"));
    let mut versions = Versions::default();
    versions.follow(&document);
    let told = |document: &Document, versions: &Versions| {
        serde_json::to_value(document.history(versions, KIND, "a", &people)).unwrap()
    };
    let version = |at: usize, action: &str, changed: Value| {
        json!({
            "hash": hashes[at].to_string(), "author": {"id": "alice", "name": "Alice"},
            "authored_ms": (at + 1) * 10_000, "action": action, "changed": changed,
        })
    };
    let expected = json!([
        version(0, "created", json!(["onsetString", "patient"])),
        version(1, "updated", json!(["criticality", "onsetString"])),
        version(2, "deleted", json!([])),
        version(3, "created", json!([])),
    ]);
    assert_eq!(told(&document, &versions), expected);
    write(&mut document, patch(json!({"criticality": "high"})), 50);
    versions.follow(&document);
    assert_eq!(told(&document, &versions).as_array().unwrap().len(), 5);
    assert_eq!(document.history(&versions, KIND, "c", &people), []);
}

#[test]
fn versions_follow_a_document_that_went_back() {
    let mut base = document("patient:1", 1);
    put(&mut base, allergy("a", json!({})));
    let mut further = base.clone();
    write(&mut further, patch(json!({"criticality": "low"})), 1);
    let mut versions = Versions::default();
    versions.follow(&further);
    assert_eq!(versions.of(KIND, "a").len(), 2);
    versions.follow(&base);
    assert_eq!(versions.of(KIND, "a").len(), 1);
}

#[test]
fn the_room_is_read_as_it_was() {
    let mut alice = document("patient:1", 1);
    let founded = alice.heads();
    let resource = allergy("a", json!({"onsetString": "2001"}));
    let created = write(&mut alice, Command::Put { resource: resource.clone() }, 10);
    write(&mut alice, delete(), 30);
    put(&mut alice, allergy("b", json!({})));
    assert_eq!(alice.heads_at(9_999), founded);
    assert_eq!(alice.heads_at(29_999), [created]);
    assert_eq!(alice.heads_at(i64::MAX), alice.heads());
    assert_eq!(alice.heads_at(-1), []);

    assert_eq!(alice.resource_at(&[created], KIND, "a"), Some(resource.clone()));
    assert_eq!(alice.collection_at(&[created], KIND), std::slice::from_ref(&resource));
    assert_eq!(alice.collection_at(&founded, KIND), Vec::<Value>::new());
    let then = alice.export_at(&[created]);
    assert_eq!(then["entry"].as_array().unwrap().len(), 1);
    assert_eq!(then["entry"][0]["resource"], resource);
    assert_eq!(alice.export_at(&alice.heads()), alice.export());
    assert_eq!(alice.export_at(&founded)["entry"], json!([]));
}

#[test]
fn a_time_is_what_was_known_then_and_nothing_that_hangs_in_the_air() {
    let mut alice = document("patient:1", 1);
    let first = write(&mut alice, Command::Put { resource: allergy("a", json!({})) }, 10);
    let mut bob = document("patient:1", 2);
    exchange(&mut alice, &mut bob);
    // Alice's clock runs ahead; what Bob writes on top claims an earlier time.
    write(&mut alice, patch(json!({"criticality": "low"})), 100);
    let beside = write(&mut bob, patch(json!({"onsetString": "2001"})), 20);
    exchange(&mut alice, &mut bob);
    write(&mut bob, patch(json!({"onsetString": "2002"})), 30);
    assert_eq!(bob.heads_at(50_000), [beside]);
    assert_eq!(bob.heads_at(15_000), [first]);
    assert_eq!(bob.heads_at(100_000), bob.heads());
}

#[test]
fn what_is_new_names_resources_and_those_of_texts() {
    let mut document = document("patient:1", 1);
    put(&mut document, allergy("a", json!({})));
    put(&mut document, allergy("b", json!({})));
    let seen = document.heads();
    assert!(document.changed_since(&seen).is_empty());
    write(&mut document, splice("Hives."), 1);
    put(&mut document, allergy("c", json!({})));
    let named = |ids: &[&str]| -> BTreeSet<(String, String)> {
        ids.iter().map(|id| (KIND.to_owned(), (*id).to_owned())).collect()
    };
    assert_eq!(document.changed_since(&seen), named(&["a", "c"]));
    assert_eq!(document.changed_since(&[]), named(&["a", "b", "c"]));
}
