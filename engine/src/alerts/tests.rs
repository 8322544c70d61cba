use serde_json::{Value, json};

use super::*;
use crate::{Action, Document, RoomId, document::Writer, mint_actor};

const MINUTE: u64 = 60_000;
const NOW: u64 = 1_700_000_000_000;

fn critical() -> Event {
    Event {
        seq: 7,
        event: "CRITICAL_VALUE_ALERT".to_owned(),
        event_type: "critical.value.alert".to_owned(),
        room: "patient:1".parse().unwrap(),
        patient_id: Some("1".to_owned()),
        resource_type: "Observation".to_owned(),
        resource_id: "o1".to_owned(),
        action: Action::Created,
        resource: std::sync::Arc::default(),
        changed: Vec::new(),
        author: None,
        time_ms: NOW,
        authored_ms: 0,
        changes: Vec::new(),
        import: false,
        details: json!({
            "code": "2823-3", "display": "Potassium", "value": 7.2, "unit": "mmol/L",
            "threshold": 6.5, "direction": "high",
        }),
        source: None,
        via: None,
    }
}

fn apply(alert: &Value, command: Command) -> Value {
    let room = RoomId::first("facility:alerts".parse().unwrap());
    let mut document = Document::found(&room, mint_actor(NOW, [1; 8]));
    let commands = [Command::Put { resource: alert.clone() }, command];
    for command in commands {
        document.command(&command, Writer::Server { import: false }, NOW).unwrap();
    }
    document.resource("Communication", alert["id"].as_str().unwrap()).unwrap()
}

#[test]
fn a_critical_value_becomes_an_alert_that_says_what_is_critical_and_where() {
    let alert = raise(&critical(), Some("Ann Doe")).unwrap();
    assert_eq!(alert["payload"][0]["contentString"], "Potassium 7.2 mmol/L is above 6.5");
    assert_eq!(
        (alert["status"].as_str(), about(&alert)),
        (Some("in-progress"), Some("Observation/o1"))
    );
    assert_eq!(alert["subject"], json!({ "reference": "Patient/1", "display": "Ann Doe" }));
    let mut both = critical();
    both.details["also"] = json!([{ "code": "2947-0", "interpretation": "LL" }]);
    assert_eq!(
        raise(&both, None).unwrap()["payload"][0]["contentString"],
        "Potassium 7.2 mmol/L is above 6.5; 2947-0 is critical"
    );
    let source = source(&alert).unwrap();
    assert_eq!((source.room.as_str(), source.seq), ("patient:1", 7));
    assert_eq!(raise(&critical(), Some("Ann Doe")).unwrap(), alert, "the same each time");
    let again = raise(&Event { seq: 9, ..critical() }, None).unwrap();
    assert_ne!(again["id"], alert["id"], "a second crossing is another alert");
}

#[test]
fn late_and_imported_values_and_other_events_raise_nothing() {
    let mut late = critical();
    late.details["late"] = Value::Bool(true);
    let imported = Event { import: true, ..critical() };
    let other = Event { event: "RESOURCE_CREATED".to_owned(), ..critical() };
    for event in [late, imported, other] {
        assert_eq!(raise(&event, None), None);
    }
}

#[test]
fn an_alert_goes_from_role_to_role_until_somebody_acknowledges_it() {
    let roles = ["charge-nurse".to_owned(), "supervisor".to_owned()];
    let alert = raise(&critical(), None).unwrap();
    assert_eq!(escalation(&alert, &roles, 15 * MINUTE), Some((NOW + 15 * MINUTE, "charge-nurse")));
    let first = NOW + 16 * MINUTE;
    let alert = apply(&alert, escalate(&alert, "charge-nurse", first).unwrap());
    assert_eq!(escalation(&alert, &roles, 15 * MINUTE), Some((first + 15 * MINUTE, "supervisor")));
    let acknowledged = {
        let by = Author::new("bob", "Bob Ruiz");
        apply(&alert, acknowledge(&alert, Some(&by), first + MINUTE).unwrap())
    };
    assert_eq!((is_active(&acknowledged), is_acknowledged(&acknowledged)), (false, true));
    assert_eq!(escalation(&acknowledged, &roles, 15 * MINUTE), None);
    let alert = apply(&alert, escalate(&alert, "supervisor", first + 15 * MINUTE).unwrap());
    assert_eq!(escalation(&alert, &roles, 15 * MINUTE), None, "no role is left");
    assert!(is_active(&alert));
    let own = json!({ "resourceType": "Communication", "id": "c", "status": "in-progress", "sent": "2024-01-01" });
    assert_eq!(escalation(&own, &roles, 15 * MINUTE), None, "people's own alerts are theirs");
    let forged = raise(&critical(), None).map(|mut alert| {
        alert["id"] = json!("forged");
        alert
    });
    assert_eq!(forged.as_ref().and_then(source), None, "whatever they are made to look like");
}

#[test]
fn an_escalated_event_names_its_source_and_the_role() {
    let event = escalated_event(critical(), "supervisor");
    assert_eq!(event.details["escalated_to"], "supervisor");
    assert_eq!(event.details["value"], json!(7.2));
    let source = event.source.unwrap();
    assert_eq!((source.room.as_str(), source.seq), ("patient:1", 7));
}

#[test]
fn the_overview_tells_what_is_active_and_who_acknowledged_what() {
    let alert = raise(&critical(), Some("Ann Doe")).unwrap();
    let alert = apply(&alert, escalate(&alert, "charge-nurse", NOW + MINUTE).unwrap());
    let by = Author::new("bob", "Bob Ruiz");
    let done = raise(&Event { seq: 8, ..critical() }, None).unwrap();
    let done = apply(&done, acknowledge(&done, Some(&by), NOW + MINUTE).unwrap());
    let drill = json!({
        "resourceType": "Communication", "id": "drill", "status": "in-progress", "sent": "2024-01-01",
        "category": [{ "coding": [{ "system": CATEGORY_SYSTEM, "code": "announcement" }] }],
        "payload": [{ "contentString": "Fire drill at noon" }],
    });
    let answer = json!({
        "resourceType": "Communication", "id": "seen", "status": "completed", "sent": "2024-01-01T08:00:00Z",
        "inResponseTo": [{ "reference": "Communication/drill" }], "sender": { "identifier": { "value": "alice" }, "display": "Alice Chen" },
    });
    let critical = |id: &Value, name: Value, escalated: Value, acknowledged: Value| {
        json!({
            "id": id, "category": "critical-value", "priority": "stat", "room": "patient:1",
            "patient": { "id": "1", "name": name }, "about": "Observation/o1",
            "text": "Potassium 7.2 mmol/L is above 6.5", "sent": "2023-11-14T22:13:20.000Z",
            "escalatedTo": escalated, "acknowledgements": acknowledged,
        })
    };
    let by_bob =
        json!({ "by": { "id": "bob", "name": "Bob Ruiz" }, "at": "2023-11-14T22:14:20.000Z" });
    let by_alice =
        json!({ "by": { "id": "alice", "name": "Alice Chen" }, "at": "2024-01-01T08:00:00Z" });
    let announced = json!({
        "id": "drill", "category": "announcement", "priority": null, "room": null,
        "patient": { "id": null, "name": null }, "about": null, "text": "Fire drill at noon",
        "sent": "2024-01-01", "escalatedTo": [], "acknowledgements": [by_alice],
    });
    let expected = json!({
        "active": [
            announced,
            critical(&alert["id"], json!("Ann Doe"), json!(["charge-nurse"]), json!([])),
        ],
        "acknowledged": [critical(&done["id"], Value::Null, json!([]), json!([by_bob]))],
    });
    assert_eq!(overview(&[done, drill, answer, alert]), expected);
}
