#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "tests read files and say what they skip"
)]

mod conditions;
mod critical;
mod docs_events;
mod names;
mod ways;

use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_790_000_000_000;

/// The events of a change of one resource in a room; null where the resource is absent.
fn derived(room: &str, resource_type: &str, before: &Value, after: &Value) -> Vec<Event> {
    let complete = |value: &Value| {
        let mut resource = json!({ "resourceType": resource_type, "id": "x" });
        for (name, element) in value.as_object()? {
            resource[name] = element.clone();
        }
        Some(resource)
    };
    let (before, after) = (complete(before), complete(after));
    let action = match (&before, &after) {
        (None, Some(_)) => Action::Created,
        (Some(_), None) => Action::Deleted,
        (Some(_), Some(_)) | (None, None) => Action::Updated,
    };
    let change = ResourceChange {
        resource_type: resource_type.to_owned(),
        id: "x".to_owned(),
        action,
        elements: vec![],
        reverts: vec![],
        conflicts_new: vec![],
        conflicts_gone: vec![],
        before: before.map(std::sync::Arc::new),
        resource: after.unwrap_or_else(|| crate::document::stub(resource_type, "x")).into(),
        hash: ChangeHash([0; 32]),
        author: None,
        authored_ms: 0,
        import: false,
        via: None,
    };
    derive(&room.parse().unwrap(), &change, &Rules::shipped(), NOW)
}

/// The clinical events of a change; the generic one is checked to come first.
fn clinical(room: &str, resource_type: &str, before: &Value, after: &Value) -> Vec<Event> {
    let mut events = derived(room, resource_type, before, after);
    let generic = match (before.is_null(), after.is_null()) {
        (true, false) => "RESOURCE_CREATED",
        (false, true) => "RESOURCE_DELETED",
        (false, false) | (true, true) => "RESOURCE_UPDATED",
    };
    assert_eq!(events.remove(0).event, generic);
    events
}

fn told(events: &[Event]) -> String {
    events.iter().map(|event| event.event.as_str()).collect::<Vec<_>>().join(" ")
}
