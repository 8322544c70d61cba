//! What is noted of acts that somebody may have to answer for, as FHIR's AuditEvent: who, what, when;
//! no clinical text.

use std::sync::Arc;

use chartroom_engine::{RoomId, RoomName, time};
use serde_json::{Value, json};

use super::{ask::Ask, error::FhirError, write::Prepared};
use crate::{
    clock,
    hub::{Hub, RoomError},
    storage::Fact,
};

/// The table of them.
const TABLE: &str = "audit";
/// The system of our own codes.
const SYSTEM: &str = "urn:chartroom:audit";

/// An act.
#[derive(Debug, Clone)]
pub(crate) struct Act<'a> {
    /// One of our own codes, such as `edit-reverted`.
    pub code: &'static str,
    /// FHIR's `audit-event-action`.
    pub action: &'static str,
    /// What it is about: references, and names of elements in each.
    pub about: Vec<(String, Vec<&'a str>)>,
    /// The rooms in which it is marked.
    pub rooms: Vec<RoomName>,
    /// Whether it ended halfway.
    pub failed: bool,
}

/// Notes that writes put back what others wrote, where they do.
pub(crate) async fn reverts(ask: &Ask, writes: &[Prepared]) -> Result<(), FhirError> {
    let reverting = writes.iter().filter(|write| !write.reverts.is_empty());
    let about: Vec<_> = reverting
        .map(|write| {
            let names = write.reverts.iter().map(String::as_str).collect();
            (format!("{}/{}", write.resource_type, write.id), names)
        })
        .collect();
    if about.is_empty() {
        return Ok(());
    }
    let rooms = writes.first().map(|write| write.room.clone()).into_iter().collect();
    let act = Act { code: "edit-reverted", action: "U", about, rooms, failed: false };
    note(ask, act).await.map(drop)
}

/// Notes an act, durably; gives the id of what was noted.
pub(crate) async fn note(ask: &Ask, act: Act<'_>) -> Result<String, FhirError> {
    let now_ms = clock::now_ms();
    let id = format!("{now_ms:014}-{:016x}", rand::random::<u64>());
    let room = act.rooms.first().cloned().unwrap_or_else(RoomName::directory);
    let event = event(ask, &id, now_ms, act);
    let fact = Fact {
        table: TABLE.to_owned(),
        key: id.clone(),
        value: Some(serde_json::to_vec(&event).unwrap_or_default()),
    };
    ask.caller.hub().note(RoomId::first(room), vec![fact]).await?;
    Ok(id)
}

/// One of them.
pub(crate) async fn read(hub: &Arc<Hub>, id: &str) -> Result<Option<Value>, RoomError> {
    let found = hub.fact(TABLE, id.to_owned()).await?;
    Ok(found.and_then(|event| serde_json::from_slice(&event).ok()))
}

/// All of them, the oldest first.
pub(crate) async fn all(hub: &Arc<Hub>) -> Result<Vec<Arc<Value>>, RoomError> {
    let events = hub.facts(TABLE).await?;
    Ok(events.iter().filter_map(|(_, event)| serde_json::from_slice(event).ok()).collect())
}

fn event(ask: &Ask, id: &str, now_ms: u64, act: Act<'_>) -> Value {
    let author = ask.caller.author();
    let when = time::rfc3339(i64::try_from(now_ms).unwrap_or(i64::MAX));
    let entities = act.about.into_iter().map(|(reference, names)| {
        let detail = |name: &str| json!({ "type": "element", "valueString": name });
        let details: Vec<Value> = names.into_iter().map(detail).collect();
        let mut entity = json!({ "what": { "reference": reference } });
        if let (Some(entity), false) = (entity.as_object_mut(), details.is_empty()) {
            entity.insert("detail".to_owned(), Value::Array(details));
        }
        entity
    });
    let rooms = act
        .rooms
        .iter()
        .map(|room| json!({ "name": room.as_str(), "type": { "system": SYSTEM, "code": "room" } }));
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": id,
        "meta": { "versionId": "1", "lastUpdated": when },
        "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest" },
        "subtype": [{ "system": SYSTEM, "code": act.code }],
        "action": act.action,
        "recorded": when,
        // FHIR R4, audit-event-outcome: success, serious failure.
        "outcome": if act.failed { "8" } else { "0" },
        "agent": [{
            "who": { "identifier": { "value": author.id }, "display": author.name },
            "requestor": true,
        }],
        "source": { "observer": { "display": "Chartroom" } },
        "entity": entities.chain(rooms).collect::<Vec<_>>(),
    });
    if let (Some(reason), Some(event)) = (&ask.reason, event.as_object_mut()) {
        event.insert("purposeOfEvent".to_owned(), json!([{ "text": reason }]));
    }
    event
}
