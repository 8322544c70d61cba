#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde_json::{Value, json};

use super::*;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What reading a list comes to that differs in `fields` from a good one.
fn read(fields: &Value) -> Result<Vec<Target>, String> {
    let mut target = json!({
        "name": "lab",
        "url": "https://lab.example.org/hook",
        "secret": SECRET,
        "rooms": ["*"],
        "events": ["CRITICAL_VALUE_ALERT"],
    });
    for (field, value) in fields.as_object().unwrap() {
        target[field] = value.clone();
    }
    read_text(&json!({ "targets": [target] }).to_string())
}

fn read_text(text: &str) -> Result<Vec<Target>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let file = folder.path().join("targets.json");
    std::fs::write(&file, text).unwrap();
    let folder = format!("{}/", folder.path().display());
    read_targets(&file).map_err(|error| error.to_string().replace(&folder, ""))
}

#[test]
fn a_good_list_is_read() {
    let target = &read(&json!({ "secret": null, "secret_file": "secret" })).unwrap()[0];
    assert_eq!(target.retry, Retry { attempts: 300, first_ms: 5000, max_ms: 900_000 });
    assert!(!target.from_start);
    let more = json!({ "url": "http://127.0.0.1:9/hook", "from": "start", "events": ["*"] });
    let target = &read(&more).unwrap()[0];
    assert!(target.from_start && target.events.is_none());
    assert!(!format!("{target:?}").contains("hook"));
}

#[test]
fn an_error_names_file_target_and_field() {
    for (fields, expected) in [
        (json!({ "name": "Lab" }), "target \"Lab\": name: is up to 32 of a-z"),
        (json!({ "url": "lab" }), "target \"lab\": url: relative URL without a base"),
        (json!({ "url": "ftp://lab.example.org" }), "target \"lab\": url: is https"),
        (json!({ "url": "http://lab.example.org" }), "target \"lab\": url: is https, but"),
        (json!({ "url": "https://a:b@lab.example.org" }), "target \"lab\": url: holds no name"),
        (json!({ "secret": "hunter2" }), "target \"lab\": secret: a secret is whsec_"),
        (json!({ "secret": null }), "target \"lab\": secret: is missing"),
        (json!({ "secret_file": "secret" }), "target \"lab\": secret: stands in place"),
        (json!({ "secret": null, "secret_file": "gone" }), "target \"lab\": secret_file: gone: No"),
        (json!({ "rooms": [] }), "target \"lab\": rooms: names none"),
        (json!({ "rooms": ["patient"] }), "target \"lab\": rooms: \"patient\": "),
        (json!({ "events": ["CRITICAL"] }), "target \"lab\": events: \"CRITICAL\" is no event's"),
        (json!({ "headers": { "a b": "c" } }), "target \"lab\": headers: \"a b\": is no header's"),
        (
            json!({ "headers": { "Webhook-Id": "c" } }),
            "target \"lab\": headers: \"Webhook-Id\": is",
        ),
        (json!({ "headers": { "a": "\n" } }), "target \"lab\": headers: \"a\": has no header's"),
        (json!({ "attempts": 0 }), "target \"lab\": attempts: is at least 1"),
        (json!({ "backoff_max_ms": 1 }), "target \"lab\": backoff_max_ms: is not below"),
        (json!({ "timeout_ms": "1 s" }), "targets[0].timeout_ms: invalid type"),
        (json!({ "timeout": 1 }), "targets[0].timeout: unknown field `timeout`"),
        (json!({ "from": "now" }), ""),
    ] {
        let error = read(&fields).err().unwrap_or_default();
        assert!(error.contains(expected), "{fields}: {error}");
        assert!(error.is_empty() || error.starts_with("targets.json: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let twice = json!({ "name": "a", "url": "https://a.org", "secret": SECRET, "rooms": ["*"], "events": ["*"] });
    let error = read_text(&json!({ "targets": [twice, twice] }).to_string()).unwrap_err();
    assert_eq!(error, "targets.json: target \"a\": name: stands twice");
    assert!(read_text("[").unwrap_err().starts_with("targets.json: "));
}

#[test]
fn a_target_is_told_of_nothing_twice_and_nothing_old() {
    let event = |fields: Value| {
        let mut event = json!({
            "seq": 1, "event": "CRITICAL_VALUE_ALERT", "event_type": "critical.value.alert",
            "room": "patient:p1", "patient_id": "p1", "resource_type": "Observation",
            "resource_id": "o1", "action": "created", "resource": null, "changed": [],
            "author": null, "time": "2026-01-01T00:00:00Z", "authored": "2026-01-01T00:00:00Z",
            "changes": [], "import": false, "details": {},
        });
        for (field, value) in fields.as_object().unwrap() {
            event[field] = value.clone();
        }
        serde_json::from_value::<Event>(event).unwrap()
    };
    let all = &read(&json!({})).unwrap()[0];
    let alerts = &read(&json!({ "rooms": ["facility:*"] })).unwrap()[0];
    assert!(all.wants(&event(json!({}))));
    assert!(!all.wants(&event(json!({ "event": "OBSERVATION_RECORDED" }))));
    assert!(!all.wants(&event(json!({ "import": true }))));
    assert!(!all.wants(&event(json!({ "details": { "late": true } }))));
    let repeated = event(json!({
        "room": "facility:alerts", "source": { "room": "patient:p1", "seq": 7 },
    }));
    assert!(!all.wants(&repeated) && alerts.wants(&repeated));
    let again = chartroom_engine::alerts::escalated_event(repeated, "supervisor");
    assert!(all.wants(&again) && alerts.wants(&again));
}
