//! Decimals on their way back from JavaScript.
//!
//! FHIR's 0.010 says more than 0.01 (R4, datatypes, decimal), and JavaScript's numbers cannot tell
//! them apart. So where a command brings a number that is, as a JavaScript number, the one that
//! stands, the digits that stand are kept, and nobody writes 0.01 over 0.010 without meaning to.

use chartroom_engine::{Command, Document};
use serde_json::{Number, Value};

/// Gives the numbers of a command the digits that the document has for them.
pub fn keep(command: &mut Command, document: &Document) {
    match command {
        Command::Put { resource } => keep_resource(resource, document),
        Command::Import { resources } => {
            resources.iter_mut().for_each(|resource| keep_resource(resource, document));
        }
        Command::Batch { commands } => {
            commands.iter_mut().for_each(|command| keep(command, document));
        }
        Command::Patch { resource_type, id, elements } => {
            let Some(stored) = document.resource(resource_type, id) else { return };
            for (name, value) in elements {
                if let Some(stored) = stored.get(name) {
                    keep_value(value, stored);
                }
            }
        }
        Command::Delete { .. }
        | Command::Undelete { .. }
        | Command::Splice { .. }
        | Command::SetText { .. } => {}
    }
}

fn keep_resource(resource: &mut Value, document: &Document) {
    let name = |key: &str| resource.get(key).and_then(Value::as_str);
    let stored = name("resourceType").zip(name("id"));
    if let Some(stored) = stored.and_then(|(kind, id)| document.resource(kind, id)) {
        keep_value(resource, &stored);
    }
}

fn keep_value(value: &mut Value, stored: &Value) {
    match (value, stored) {
        (Value::Number(number), Value::Number(stored)) if is_same(number, stored) => {
            number.clone_from(stored);
        }
        (Value::Object(map), Value::Object(stored)) => {
            for (name, value) in map {
                if let Some(stored) = stored.get(name) {
                    keep_value(value, stored);
                }
            }
        }
        (Value::Array(items), Value::Array(stored)) => {
            for (index, item) in items.iter_mut().enumerate() {
                keep_item(item, index, stored);
            }
        }
        _ => {}
    }
}

/// An item may have moved: the same item elsewhere is a better guide than another one in its place.
fn keep_item(item: &mut Value, index: usize, stored: &[Value]) {
    let here = stored.get(index);
    let same = here.into_iter().chain(stored).find(|stored| looks_same(item, stored));
    if let Some(stored) = same.or(here) {
        keep_value(item, stored);
    }
}

/// Whether JavaScript takes both for equal.
fn looks_same(value: &Value, stored: &Value) -> bool {
    match (value, stored) {
        (Value::Number(number), Value::Number(stored)) => is_same(number, stored),
        (Value::Object(map), Value::Object(stored)) => {
            map.len() == stored.len()
                && map.iter().all(|(name, value)| {
                    stored.get(name).is_some_and(|stored| looks_same(value, stored))
                })
        }
        (Value::Array(items), Value::Array(stored)) => {
            items.len() == stored.len()
                && items.iter().zip(stored).all(|(item, stored)| looks_same(item, stored))
        }
        _ => value == stored,
    }
}

fn is_same(number: &Number, stored: &Number) -> bool {
    number.as_f64().is_some() && number.as_f64() == stored.as_f64()
}

#[cfg(test)]
mod tests {
    use chartroom_engine::{Document, RoomId, mint_actor};

    use super::*;

    fn check(value: &str, stored: &str, expected: &str) {
        let mut value = serde_json::from_str(value).expect("the test's JSON is JSON");
        keep_value(&mut value, &serde_json::from_str(stored).expect("the test's JSON is JSON"));
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn a_number_that_was_not_touched_keeps_its_digits() {
        check("0.01", "0.010", "0.010");
        check("0.02", "0.010", "0.02");
        check(
            r#"{"unit":"g","value":2}"#,
            r#"{"unit":"mg","value":2.0}"#,
            r#"{"unit":"g","value":2.0}"#,
        );
    }

    #[test]
    fn each_part_of_a_batch_keeps_its_digits() {
        let id = RoomId::first("patient:1".parse().expect("it is a room's name"));
        let actor = mint_actor(1, [1; 8]);
        let mut room = chartroom_engine::Room::new(
            chartroom_engine::RoomConfig::new(id.clone(), chartroom_engine::Role::Client),
            Document::found(&id, actor),
        );
        let read = |json: &str| -> Command {
            let value: Value = serde_json::from_str(json).expect("the test's JSON is JSON");
            serde_json::from_value(value).expect("it is a command")
        };
        let observation = |value: &str| {
            let resource = r#"{"resourceType":"Observation","id":"o","valueQuantity":{"value":V}}"#;
            let part = format!(r#"{{"kind":"put","resource":{resource}}}"#).replace('V', value);
            read(&format!(r#"{{"kind":"batch","commands":[{part}]}}"#))
        };
        let command = observation("0.010").clone();
        room.handle(1, chartroom_engine::Input::Command { ticket: 1, author: None, command });
        room.advance(1);
        let mut again = observation("0.01");
        keep(&mut again, room.document());
        assert_eq!(again, observation("0.010"));
    }

    #[test]
    fn an_item_that_moved_keeps_its_digits() {
        check("[1,2]", "[2.0,1.00]", "[1.00,2.0]");
        check(r#"[{"a":3},{"a":1}]"#, r#"[{"a":1.0},{"a":2.0}]"#, r#"[{"a":3},{"a":1.0}]"#);
    }
}
