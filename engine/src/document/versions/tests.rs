use serde_json::json;

use super::*;
use crate::{RoomId, mint_actor};

const NOW_MS: u64 = 1_700_000_000_000;

fn actor(number: u8) -> ActorId {
    mint_actor(NOW_MS, [number; 8])
}

fn put(document: &mut Document, resource: serde_json::Value) -> ChangeHash {
    let command = Command::Put { resource };
    document.command(&command, Writer::Person(None), NOW_MS).unwrap().unwrap().hash()
}

fn condition(text: &str, note: &str) -> serde_json::Value {
    json!({ "resourceType": "Condition", "id": "c", "code": { "text": text }, "note": [{ "text": note }] })
}

#[test]
fn the_nth_change_of_a_resource_is_its_version_n() {
    let mut document = Document::found(&RoomId::first("patient:1".parse().unwrap()), actor(1));
    let mut versions = Versions::default();
    assert!(versions.follow(&document).is_empty());
    let first = put(&mut document, condition("Asthma", "mild"));
    put(&mut document, json!({ "resourceType": "Flag", "id": "f", "status": "active" }));
    let second = put(&mut document, condition("Asthma", "severe"));
    let written = versions.follow(&document);
    assert_eq!(written.len(), 2);
    assert_eq!(versions.of("Condition", "c"), [first, second]);
    let delete = Command::Delete { resource_type: "Condition".into(), id: "c".into() };
    let third = document.command(&delete, Writer::Person(None), NOW_MS).unwrap().unwrap().hash();
    assert_eq!(versions.follow(&document), [("Condition".into(), "c".into())].into());
    assert_eq!(versions.of("Condition", "c"), [first, second, third]);
    assert!(versions.is_deleting(&third) && !versions.is_deleting(&second));
    assert_eq!(versions.made_by(&second), [("Condition", "c", 2)]);
    assert!(versions.of("Condition", "none").is_empty());
    let behind = document.heads_behind([first, third]);
    let at = |change| document.resource_at(&behind[change], "Condition", "c");
    assert_eq!(at(&first), Some(condition("Asthma", "mild")));
    assert_eq!(at(&third), None);
}

#[test]
fn a_change_at_an_earlier_state_is_concurrent_with_what_came_since() {
    let room = RoomId::first("patient:1".parse().unwrap());
    let mut document = Document::found(&room, actor(1));
    let first = put(&mut document, condition("Asthma", "mild"));
    put(&mut document, condition("Asthma", "severe"));
    let command = Command::Put { resource: condition("Bronchitis", "mild") };
    let chunk = document.change_behind(&first, actor(2), &command, NOW_MS).unwrap().unwrap();
    assert_eq!(document.change_count(), 3);
    document.replay([chunk]).unwrap();
    let merged = document.resource("Condition", "c").unwrap();
    assert_eq!(merged, condition("Bronchitis", "severe"));
    let same = Command::Put { resource: condition("Asthma", "mild") };
    assert_eq!(document.change_behind(&first, actor(3), &same, NOW_MS).unwrap(), None);
}
