#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected ends there"
)]

use chartroom_engine::{Action, Author, Event};
use serde_json::{Value, json};

use super::*;

fn parsed(frame: &Value) -> Result<Request, RequestError> {
    Request::parse(&frame.to_string())
}

fn subscribe(data: &Value) -> Subscribe {
    match parsed(&json!({ "type": "subscribe", "data": data })) {
        Ok(Request::Subscribe(subscribe)) => subscribe,
        other => panic!("{other:?}"),
    }
}

fn event(name: &str, resource: Value) -> Event {
    Event {
        seq: 7,
        event: name.to_owned(),
        event_type: name.to_lowercase().replace('_', "."),
        room: "patient:456".parse().unwrap(),
        patient_id: Some("456".to_owned()),
        resource_type: "Condition".to_owned(),
        resource_id: "123".to_owned(),
        action: Action::Created,
        resource: resource.into(),
        changed: vec!["code".to_owned()],
        author: Some(Author::new("alice", "Alice")),
        time_ms: 0,
        authored_ms: 0,
        changes: Vec::new(),
        import: false,
        details: json!({ "why": 1 }),
        source: None,
        via: None,
    }
}

fn read(frame: &[u8]) -> Value {
    serde_json::from_slice(frame).unwrap()
}

#[test]
fn both_generations_subscribe_to_the_same() {
    let data = json!({
        "subscription_id": "patient-p1-1", "patient_ids": ["p1"], "resource_types": ["Condition"],
    });
    let newer = parsed(&json!({ "type": "subscribe", "data": data })).unwrap();
    let older = parsed(&json!({ "type": "subscription", "data": data })).unwrap();
    assert_eq!(newer, older);
    let Request::Subscribe(subscribe) = newer else { panic!("{newer:?}") };
    assert_eq!(subscribe.places.len(), 1);
    assert_eq!(subscribe.places[0].room.as_str(), "patient:p1");
    assert_eq!(subscribe.filter.types, Some(["Condition"].into()));
    assert_eq!(subscribe.filter.patients, None);
}

#[test]
fn no_types_and_null_mean_all() {
    for types in [json!([]), Value::Null] {
        let data = json!({
            "subscription_id": "s", "room": "pharmacy:queue", "resource_types": types,
        });
        assert_eq!(subscribe(&data).filter, Filter::default());
    }
}

#[test]
fn patients_narrow_a_room() {
    let data = json!({ "subscription_id": "s", "room": "pharmacy:queue", "patient_ids": ["456"] });
    let subscribe = subscribe(&data);
    assert_eq!(subscribe.places[0].field, "data.room");
    assert!(subscribe.filter.matches(&event("RESOURCE_CREATED", Value::Null)));
    let other = Event { patient_id: None, ..event("RESOURCE_CREATED", Value::Null) };
    assert!(!subscribe.filter.matches(&other));
}

#[test]
fn events_are_wanted_by_either_name() {
    for name in ["CONFLICT_DETECTED", "conflict.detected"] {
        let data = json!({ "subscription_id": "s", "room": "pharmacy:queue", "events": [name] });
        let filter = subscribe(&data).filter;
        assert!(filter.matches(&event("CONFLICT_DETECTED", Value::Null)));
        assert!(!filter.matches(&event("RESOURCE_CREATED", Value::Null)));
    }
}

#[test]
fn a_number_to_begin_behind_is_of_one_room() {
    let one = json!({ "subscription_id": "s", "patient_ids": ["p1", "p1"], "after": 3 });
    let one = subscribe(&one);
    assert_eq!(one.after, [("patient:p1".parse().unwrap(), 3)].into());
    let each = json!({
        "subscription_id": "s", "patient_ids": ["p1", "p2"], "after": { "patient:p2": 5 },
    });
    assert_eq!(subscribe(&each).after, [("patient:p2".parse().unwrap(), 5)].into());
}

#[test]
fn what_is_wrong_is_named() {
    let with = |name: &str, value: Value| {
        let mut data = json!({ "subscription_id": "s", "patient_ids": ["p1", "p2"] });
        data[name] = value;
        json!({ "type": "subscribe", "data": data })
    };
    let publish = |payload: Value| json!({ "type": "order.placed", "payload": payload });
    let many: Vec<String> = (0..257).map(|n| n.to_string()).collect();
    for (frame, field) in [
        (json!({}), "type"),
        (json!({ "type": 5 }), "type"),
        (json!({ "type": "update" }), "type"),
        (json!({ "type": "subscribe" }), "data"),
        (json!({ "type": "subscribe", "data": [] }), "data"),
        (json!({ "type": "subscribe", "data": {} }), "data.subscription_id"),
        (with("subscription_id", json!(5)), "data.subscription_id"),
        (with("subscription_id", json!("")), "data.subscription_id"),
        (with("subscription_id", json!("x".repeat(257))), "data.subscription_id"),
        (with("patient_ids", Value::Null), "data.patient_ids"),
        (with("patient_ids", json!([])), "data.patient_ids"),
        (with("patient_ids", json!("p1")), "data.patient_ids"),
        (with("patient_ids", json!(many)), "data.patient_ids"),
        (with("patient_ids", json!(["p1", 5])), "data.patient_ids[1]"),
        (with("patient_ids", json!(["Patient/1"])), "data.patient_ids[0]"),
        (with("patient_ids", json!(["p1~psychiatry"])), "data.patient_ids[0]"),
        (with("room", json!("queue")), "data.room"),
        (with("room", json!(5)), "data.room"),
        (with("resource_types", json!("Condition")), "data.resource_types"),
        (with("resource_types", json!(["Condition", "condition"])), "data.resource_types[1]"),
        (with("resource_types", json!([null])), "data.resource_types[0]"),
        (with("events", json!(["RESOURCE_CREATED", "NOVEL"])), "data.events[1]"),
        (with("after", json!(5)), "data.after"),
        (with("after", json!("5")), "data.after"),
        (with("after", json!({ "patient:p1": -1 })), "data.after"),
        (with("after", json!({ "patient:p3": 1 })), "data.after"),
        (json!({ "type": "unsubscribe", "data": {} }), "data.subscription_id"),
        (publish(Value::Null), "payload"),
        (publish(json!({})), "payload.patientId"),
        (publish(json!({ "patientId": "a b" })), "payload.patientId"),
        (publish(json!({ "patientId": "p1", "text": "x".repeat(70_000) })), "payload"),
        (json!({ "type": "a.".repeat(200), "payload": {} }), "type"),
    ] {
        let error = parsed(&frame).unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{frame}");
        let told = read(&reply::refused(&error, 0));
        assert_eq!(told["field"], field);
        assert_eq!(told["data"].get("subscription_id").is_some(), with_id(&frame), "{frame}");
    }
    for text in ["", "5", "[]", "{", "\"ping\""] {
        assert_eq!(Request::parse(text).unwrap_err().code, "bad-frame");
    }
}

/// Whether a frame is about a subscription that has a good id.
fn with_id(frame: &Value) -> bool {
    let id = frame.pointer("/data/subscription_id").and_then(Value::as_str);
    id.is_some_and(|id| !id.is_empty() && id.len() < 200)
}

#[test]
fn a_generic_update_has_no_event_type() {
    let told = read(&reply::update(&event("RESOURCE_CREATED", json!({ "id": "123" })), false));
    assert_eq!(
        told,
        json!({
            "type": "update",
            "data": {
                "action": "created",
                "resource_type": "Condition",
                "resource_id": "123",
                "patient_id": "456",
                "resource": { "id": "123" },
                "event": "RESOURCE_CREATED",
                "seq": 7,
                "room": "patient:456",
                "author": { "id": "alice", "name": "Alice" },
                "time": "1970-01-01T00:00:00.000Z",
                "authored": "1970-01-01T00:00:00.000Z",
                "changed": ["code"],
                "import": false,
            },
            "timestamp": "1970-01-01T00:00:00.000Z",
        })
    );
}

#[test]
fn a_clinical_update_has_an_event_type_and_never_a_null_resource() {
    let told = read(&reply::update(&event("CONDITION_DIAGNOSED", Value::Null), true));
    let data = &told["data"];
    let stub = json!({ "resourceType": "Condition", "id": "123" });
    assert_eq!(data["event_type"], "condition.diagnosed");
    assert_eq!((&data["resource"], &data["medication"]), (&stub, &stub));
    assert_eq!(data["details"], json!({ "why": 1 }));
}

#[test]
fn what_a_client_says_cannot_pass_for_what_the_server_says() {
    let payload = json!({
        "patientId": "456", "event": "CRITICAL_VALUE_ALERT", "seq": 9, "from": "the server",
        "client_event": false, "event_type": "critical.value.alert", "patient_id": "1", "dose": 5,
    });
    let from = Author::new("mallory", "Mallory");
    let payload = payload.as_object().unwrap();
    let told = read(&reply::said("order.placed", Some("456"), &from, payload, 0));
    assert_eq!(
        told["data"],
        json!({
            "event_type": "order.placed",
            "client_event": true,
            "from": { "id": "mallory", "name": "Mallory" },
            "patient_id": "456",
            "patientId": "456",
            "dose": 5,
            "resource": { "resourceType": "Patient", "id": "456" },
        })
    );
}

#[test]
fn filters_widen() {
    let mut filter = Filter { types: Some(["Condition"].into()), ..Filter::default() };
    filter.widen(Filter { types: Some(["Goal"].into()), ..Filter::default() });
    assert_eq!(filter.types, Some(["Condition", "Goal"].into()));
    filter.widen(Filter::default());
    assert_eq!(filter, Filter::default());
}
