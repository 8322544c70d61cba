//! What clients hear: one text frame each, as UTF-8.

use std::collections::BTreeMap;

use bytes::Bytes;
use chartroom_engine::{Action, Author, Event, EventSource, RoomName, time::rfc3339};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{RequestError, filter::Wanted};

/// The first frame: who the server takes the client for.
pub(crate) fn welcome(client_id: &str, author: &Author, role: &str) -> Bytes {
    let user = json!({ "username": author.id, "name": author.name, "role": role });
    frame(&json!({ "type": "welcome", "data": { "client_id": client_id, "user": user } }))
}

/// The client is who it says.
pub(crate) fn auth_success() -> Bytes {
    frame(&json!({ "type": "auth_success", "message": "Authentication successful" }))
}

/// The client's sign-in does not do, in the words that WintEHR's front end knows.
pub(crate) fn auth_failed(expired: bool) -> Bytes {
    frame(
        &json!({ "type": "error", "error": if expired { "TOKEN_EXPIRED" } else { "AUTH_FAILED" } }),
    )
}

/// A sign of life.
pub(crate) fn pong(now_ms: u64) -> Bytes {
    frame(&json!({ "type": "pong", "timestamp": instant(now_ms) }))
}

/// A subscription stands; it is told as it is with what was merged into it.
pub(crate) fn subscribed(
    id: &str,
    types: &Wanted<&'static str>,
    patient_ids: &Wanted<String>,
    room: Option<&RoomName>,
    now_ms: u64,
) -> Bytes {
    let data = json!({
        "action": "created",
        "subscription_id": id,
        "resource_types": types,
        "patient_ids": patient_ids,
        "room": room,
    });
    subscription(&data, now_ms)
}

/// A subscription is gone.
pub(crate) fn unsubscribed(id: &str, now_ms: u64) -> Bytes {
    subscription(&json!({ "action": "removed", "subscription_id": id }), now_ms)
}

/// An event: generic ones without a dotted name, since the older client is to leave them alone.
pub(crate) fn update(event: &Event, with_medication: bool) -> Bytes {
    let generic = event.event.starts_with("RESOURCE_");
    let stub = stub(&event.resource_type, &event.resource_id);
    let resource = if event.resource.is_null() { &stub } else { &event.resource };
    let data = Data {
        event_type: (!generic).then_some(&event.event_type),
        action: event.action,
        resource_type: &event.resource_type,
        resource_id: &event.resource_id,
        patient_id: event.patient_id.as_deref(),
        resource,
        medication: with_medication.then_some(resource),
        details: (!generic).then_some(&event.details),
        event: &event.event,
        seq: event.seq,
        room: &event.room,
        author: event.author.as_ref(),
        time: instant(event.time_ms),
        authored: rfc3339(event.authored_ms),
        changed: &event.changed,
        import: event.import,
        source: event.source.as_ref(),
    };
    frame(&Update { kind: "update", timestamp: instant(event.time_ms), data })
}

/// What another client said in a patient's room, in the form of an update, so that clients deliver
/// it. What only the server says about an event is not taken from the client.
pub(crate) fn said(
    name: &str,
    patient_id: Option<&str>,
    from: &Author,
    payload: &Map<String, Value>,
    now_ms: u64,
) -> Bytes {
    let mut data = payload.clone();
    for ours in
        ["event", "seq", "room", "author", "time", "authored", "changes", "import", "source"]
    {
        data.remove(ours);
    }
    data.insert("event_type".to_owned(), name.into());
    data.insert("client_event".to_owned(), true.into());
    data.insert("from".to_owned(), json!(from));
    data.insert("patient_id".to_owned(), json!(patient_id));
    if !data.get("resource").is_some_and(Value::is_object) {
        data.insert("resource".to_owned(), stub("Patient", patient_id.unwrap_or_default()));
    }
    frame(&json!({ "type": "update", "data": data, "timestamp": instant(now_ms) }))
}

/// A frame that was not taken, and why.
pub(crate) fn refused(error: &RequestError, now_ms: u64) -> Bytes {
    let mut data = Map::new();
    let numbers = [("first", error.first), ("last", error.last)];
    data.extend(numbers.into_iter().filter_map(|(name, n)| Some((name.to_owned(), n?.into()))));
    if let Some(id) = &error.subscription_id {
        data.insert("subscription_id".to_owned(), id.as_str().into());
    }
    failure(error.code, error.field.as_deref(), &error.message, &data.into(), now_ms)
}

/// The last frame of a connection that cannot go on, with the number to resume from in each room.
pub(crate) fn ended(
    code: &str,
    message: &str,
    resume_after: &BTreeMap<RoomName, u64>,
    now_ms: u64,
) -> Bytes {
    failure(code, None, message, &json!({ "resume_after": resume_after }), now_ms)
}

#[derive(Serialize)]
struct Update<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: Data<'a>,
    timestamp: String,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a String>,
    action: Action,
    resource_type: &'a str,
    resource_id: &'a str,
    patient_id: Option<&'a str>,
    resource: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    medication: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
    event: &'a str,
    seq: u64,
    room: &'a RoomName,
    author: Option<&'a Author>,
    time: String,
    authored: String,
    changed: &'a [String],
    import: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a EventSource>,
}

fn failure(code: &str, field: Option<&str>, message: &str, data: &Value, now_ms: u64) -> Bytes {
    frame(&json!({
        "type": "error",
        "error": code.to_uppercase().replace('-', "_"),
        "field": field,
        "message": message,
        "data": data,
        "timestamp": instant(now_ms),
    }))
}

fn subscription(data: &Value, now_ms: u64) -> Bytes {
    let timestamp = instant(now_ms);
    frame(&json!({
        "type": "subscription", "data": data, "timestamp": timestamp, "message_id": null,
    }))
}

fn stub(resource_type: &str, id: &str) -> Value {
    json!({ "resourceType": resource_type, "id": id })
}

fn instant(ms: u64) -> String {
    rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn frame(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("texts, numbers and maps with text keys").into()
}
