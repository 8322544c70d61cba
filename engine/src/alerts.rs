//! Alerts for everybody: critical values as Communications, raised, escalated, acknowledged.
//!
//! A Communication says all there is to know of its alert, so a server that restarts goes on from
//! it: active while it is not completed, one extension per escalation, one for who acknowledged it.
//! Alerts that people write themselves are Communications of the same room; nothing here touches
//! them but [`overview`].

use serde_json::{Map, Value, json};

use crate::{
    Author, Command, Event, EventSource,
    id::named_uuid,
    time,
    wording::{self, text},
};

/// The system of the categories of Communications in `facility:alerts`.
pub const CATEGORY_SYSTEM: &str = "https://chartroom.dev/fhir/CodeSystem/communication-category";
/// The category of what the server raises.
const CRITICAL: &str = "critical-value";
/// The system of identifiers that name an event, `{room}#{number}`.
const EVENT_SYSTEM: &str = "https://chartroom.dev/fhir/event";
const ESCALATED_URL: &str = "https://chartroom.dev/fhir/StructureDefinition/alert-escalated";
const ACKNOWLEDGED_URL: &str = "https://chartroom.dev/fhir/StructureDefinition/alert-acknowledged";
/// The member of an event's details that names the role it was raised again for.
const ESCALATED_TO: &str = "escalated_to";
/// Statuses of a Communication that calls for nobody any more.
const ENDED: [&str; 4] = ["completed", "stopped", "not-done", "entered-in-error"];
/// Acknowledged alerts that an overview still shows, the newest ones.
const ACKNOWLEDGED_SHOWN: usize = 50;

/// The Communication for a critical value; `None` for an event that alerts in its own chart at most.
///
/// `patient` is the patient's name.
pub fn raise(event: &Event, patient: Option<&str>) -> Option<Value> {
    let late = event.details.get("late") == Some(&Value::Bool(true));
    if event.event != "CRITICAL_VALUE_ALERT" || event.import || late {
        return None;
    }
    let source = format!("{}#{}", event.room, event.seq);
    let subject = event.patient_id.as_ref().map(|id| format!("Patient/{id}"));
    let mut subject = json!({ "reference": subject });
    if let (Value::Object(subject), Some(name)) = (&mut subject, patient) {
        subject.insert("display".to_owned(), Value::from(name));
    }
    Some(json!({
        "resourceType": "Communication",
        "id": id(&source),
        "identifier": [{ "system": EVENT_SYSTEM, "value": source }],
        "status": "in-progress",
        "category": [{ "coding": [{ "system": CATEGORY_SYSTEM, "code": CRITICAL }] }],
        "priority": "stat",
        "subject": subject,
        "about": [{ "reference": format!("{}/{}", event.resource_type, event.resource_id) }],
        "sent": instant(event.time_ms),
        "payload": [{ "contentString": sentences(&event.details) }],
    }))
}

/// Where an alert that the server raised comes from: the event of the patient's room.
///
/// People write into the same room; what is not named as the server names it is theirs.
pub fn source(alert: &Value) -> Option<EventSource> {
    let source = text(alert, "/identifier/0/value")?;
    let (room, seq) =
        source.rsplit_once('#').filter(|_| text(alert, "/id") == Some(&id(source)))?;
    Some(EventSource { room: room.parse().ok()?, seq: seq.parse().ok()? })
}

/// The id of the Communication for an event.
fn id(source: &str) -> String {
    named_uuid(&format!("event/{source}"))
}

/// What an alert is about, such as `Observation/1`.
pub fn about(alert: &Value) -> Option<&str> {
    text(alert, "/about/0/reference")
}

/// Whether an alert still calls for somebody.
pub fn is_active(alert: &Value) -> bool {
    !text(alert, "/status").is_some_and(|status| ENDED.contains(&status))
}

/// Whether somebody has seen to what an alert is about.
pub fn is_completed(alert: &Value) -> bool {
    text(alert, "/status") == Some("completed")
}

/// Completes an alert: somebody has seen the value.
pub fn acknowledge(alert: &Value, by: Option<&Author>, at_ms: u64) -> Option<Command> {
    let parts = [
        by.map(|by| json!({ "url": "id", "valueString": by.id })),
        by.map(|by| json!({ "url": "name", "valueString": by.name })),
        Some(json!({ "url": "time", "valueInstant": instant(at_ms) })),
    ];
    let parts: Vec<Value> = parts.into_iter().flatten().collect();
    let added = json!({ "url": ACKNOWLEDGED_URL, "extension": parts });
    patch(alert, added, [("status", json!("completed")), ("received", json!(instant(at_ms)))])
}

/// Whether it stands in an alert who acknowledged it.
pub fn is_acknowledged(alert: &Value) -> bool {
    extensions(alert, ACKNOWLEDGED_URL).next().is_some()
}

/// Ends an alert whose result says something else by now; `why` is a sentence without its value.
pub fn withdraw(alert: &Value, why: &str, at_ms: u64) -> Option<Command> {
    let elements = json!({
        "status": "stopped",
        "statusReason": { "text": why },
        "received": instant(at_ms),
    });
    Some(Command::Patch {
        resource_type: "Communication".to_owned(),
        id: text(alert, "/id")?.to_owned(),
        elements: elements.as_object().cloned().unwrap_or_default(),
    })
}

/// When an alert goes to the next role, and which that is; `None` where it has been to all of them,
/// is acknowledged, or is nothing that the server raised.
pub fn escalation<'a>(alert: &Value, roles: &'a [String], after_ms: u64) -> Option<(u64, &'a str)> {
    source(alert).filter(|_| is_active(alert))?;
    let past: Vec<&Value> = extensions(alert, ESCALATED_URL).collect();
    let last = past.last().and_then(|last| part(last, "time")).or_else(|| text(alert, "/sent"));
    let last_ms = u64::try_from(time::parse(last?)?).ok()?;
    Some((last_ms.saturating_add(after_ms), roles.get(past.len())?))
}

/// Raises an alert again, to another role.
pub fn escalate(alert: &Value, role: &str, at_ms: u64) -> Option<Command> {
    let added = json!({ "url": ESCALATED_URL, "extension": [
        { "url": "role", "valueString": role },
        { "url": "time", "valueInstant": instant(at_ms) },
    ] });
    let mut recipients =
        alert.get("recipient").and_then(Value::as_array).cloned().unwrap_or_default();
    recipients.push(json!({ "type": "PractitionerRole", "display": role }));
    patch(alert, added, [("recipient", Value::Array(recipients)), ("priority", json!("stat"))])
}

/// The event that raised an alert, as it is repeated for another role.
pub fn escalated_event(event: Event, role: &str) -> Event {
    let mut repeated = event.repeated();
    if let Value::Object(details) = &mut repeated.details {
        details.insert(ESCALATED_TO.to_owned(), Value::from(role));
    }
    repeated
}

/// Whether an event raises an alert again, for another role.
pub fn is_escalated(event: &Event) -> bool {
    event.details.get(ESCALATED_TO).is_some()
}

/// What stands in `facility:alerts`: the `active` Communications, newest first, and the last
/// critical values that were `acknowledged`; each with who acknowledged it.
pub fn overview(communications: &[Value]) -> Value {
    let (answers, mut alerts): (Vec<&Value>, Vec<&Value>) =
        communications.iter().partition(|one| one.get("inResponseTo").is_some());
    alerts.sort_by_key(|alert| std::cmp::Reverse((text(alert, "/sent"), text(alert, "/id"))));
    let (active, ended): (Vec<&Value>, Vec<&Value>) =
        alerts.into_iter().partition(|alert| is_active(alert));
    let acknowledged =
        ended.into_iter().filter(|alert| source(alert).is_some() && is_completed(alert));
    let told = |alert: &Value| plain(alert, &answers);
    json!({
        "active": active.into_iter().map(told).collect::<Vec<_>>(),
        "acknowledged": acknowledged.take(ACKNOWLEDGED_SHOWN).map(told).collect::<Vec<_>>(),
    })
}

fn plain(alert: &Value, answers: &[&Value]) -> Value {
    let own = extensions(alert, ACKNOWLEDGED_URL).map(|acknowledged| {
        let by = json!({ "id": part(acknowledged, "id"), "name": part(acknowledged, "name") });
        json!({ "by": by, "at": part(acknowledged, "time") })
    });
    let answered = answers.iter().filter(|answer| answers_to(answer, alert)).map(|answer| {
        let by = answer.get("sender");
        let id = by.and_then(|by| text(by, "/reference").or_else(|| text(by, "/identifier/value")));
        let name = by.and_then(wording::reference);
        json!({ "by": { "id": id, "name": name }, "at": answer.get("sent") })
    });
    let escalated = extensions(alert, ESCALATED_URL).map(|escalated| part(escalated, "role"));
    let patient = text(alert, "/subject/reference");
    json!({
        "id": alert.get("id"),
        "category": text(alert, "/category/0/coding/0/code"),
        "priority": alert.get("priority"),
        "room": source(alert).map(|source| source.room),
        "patient": {
            "id": patient.map(|patient| patient.trim_start_matches("Patient/")),
            "name": text(alert, "/subject/display"),
        },
        "about": about(alert),
        "text": text(alert, "/payload/0/contentString"),
        "sent": alert.get("sent"),
        "escalatedTo": escalated.collect::<Vec<_>>(),
        "acknowledgements": own.chain(answered).collect::<Vec<_>>(),
    })
}

fn answers_to(answer: &Value, alert: &Value) -> bool {
    let references = answer.get("inResponseTo").and_then(Value::as_array).into_iter().flatten();
    let id = text(alert, "/id");
    references
        .filter_map(|one| text(one, "/reference")?.strip_prefix("Communication/"))
        .any(|target| Some(target) == id)
}

/// `Potassium 7.2 mmol/L is above 6.5`, and so on for other parts of the value.
fn sentences(details: &Value) -> String {
    let others = details.get("also").and_then(Value::as_array).into_iter().flatten();
    let all: Vec<String> = [details].into_iter().chain(others).map(sentence).collect();
    all.join("; ")
}

fn sentence(details: &Value) -> String {
    let word = |name: &str| match details.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    };
    let mut parts = vec![word("display"), word("value"), word("unit")];
    if parts.first().is_some_and(String::is_empty) {
        parts.splice(..1, [word("code")]);
    }
    let side = match word("direction").as_str() {
        "low" => "is below",
        "high" => "is above",
        _ => "is critical",
    };
    parts.extend([side.to_owned(), word("threshold")]);
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// Sets elements of an alert, and adds an extension to those that stand.
fn patch<const N: usize>(
    alert: &Value,
    added: Value,
    elements: [(&str, Value); N],
) -> Option<Command> {
    let mut extensions =
        alert.get("extension").and_then(Value::as_array).cloned().unwrap_or_default();
    extensions.push(added);
    let mut elements: Map<String, Value> =
        elements.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    elements.insert("extension".to_owned(), Value::Array(extensions));
    Some(Command::Patch {
        resource_type: "Communication".to_owned(),
        id: text(alert, "/id")?.to_owned(),
        elements,
    })
}

fn extensions<'a>(alert: &'a Value, url: &'static str) -> impl Iterator<Item = &'a Value> {
    let all = alert.get("extension").and_then(Value::as_array).into_iter().flatten();
    all.filter(move |extension| text(extension, "/url") == Some(url))
}

/// A part of one of our own extensions.
fn part<'a>(extension: &'a Value, url: &str) -> Option<&'a str> {
    let parts = extension.get("extension")?.as_array()?;
    let part = parts.iter().find(|part| text(part, "/url") == Some(url))?;
    text(part, "/valueString").or_else(|| text(part, "/valueInstant"))
}

fn instant(ms: u64) -> String {
    time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
