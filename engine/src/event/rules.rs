//! The rules that turn a resource change into events.

use serde_json::{Value, json};

use super::{Action, Event, ResourceChange, Rules};
use crate::RoomName;

/// The events of one resource change, unnumbered: the generic one first.
pub(crate) fn derive(
    room: &RoomName,
    change: &ResourceChange,
    _rules: &Rules,
    now_ms: u64,
) -> Vec<Event> {
    let event = |name: &str, details: Value| Event {
        seq: 0,
        event: name.to_owned(),
        event_type: name.to_lowercase().replace('_', "."),
        room: room.clone(),
        patient_id: room.patient_id().map(str::to_owned),
        resource_type: change.resource_type.clone(),
        resource_id: change.id.clone(),
        action: change.action,
        resource: change.resource.clone(),
        changed: change.elements.clone(),
        author: change.author.clone(),
        time_ms: now_ms,
        authored_ms: change.authored_ms,
        changes: vec![change.hash.to_string()],
        import: change.import,
        details,
        source: None,
    };
    let generic = match change.action {
        Action::Created => "RESOURCE_CREATED",
        Action::Updated => "RESOURCE_UPDATED",
        Action::Deleted => "RESOURCE_DELETED",
    };
    let mut events = vec![event(generic, Value::Null)];
    let conflicts = [
        ("CONFLICT_DETECTED", &change.conflicts_new),
        ("CONFLICT_RESOLVED", &change.conflicts_gone),
    ];
    for (name, elements) in conflicts {
        if !elements.is_empty() {
            events.push(event(name, json!({ "elements": elements })));
        }
    }
    events
}
