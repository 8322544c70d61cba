//! An entry of the audit trail as an AuditEvent (FHIR R4, auditevent.html).

use chartroom_engine::{Action, RoomName, time};
use serde_json::{Map, Value, json};

use super::id;
use crate::audit::{Act, Door, Entry, Outcome, Touched};

/// The system of our own codes.
const SYSTEM: &str = "urn:chartroom:audit";
/// The system of changes, whose values are hashes in hex.
const CHANGE_SYSTEM: &str = "urn:chartroom:change";
const TYPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const DICOM_SYSTEM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const PURPOSE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const LIFECYCLE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle";
const ENTITY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";

/// The AuditEvent of an entry.
pub(super) fn of(entry: &Entry) -> Value {
    let when = time::rfc3339(i64::try_from(entry.at).unwrap_or(i64::MAX));
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": id(entry.n),
        "meta": { "versionId": "1", "lastUpdated": when },
        "type": kind(entry),
        "subtype": [{ "system": SYSTEM, "code": entry.act.code() }],
        "action": action(entry),
        "recorded": when,
        // FHIR R4, audit-event-outcome: success, minor failure, serious failure.
        "outcome": match entry.outcome {
            Outcome::Ok => "0",
            Outcome::Refused => "4",
            Outcome::Failed => "8",
        },
        "agent": agents(entry),
        "source": {
            "site": entry.via.code(),
            "observer": { "display": "Chartroom" },
            "type": [{ "system": SOURCE_SYSTEM, "code": "4" }],
        },
    });
    if let Some(event) = event.as_object_mut() {
        put(event, "outcomeDesc", entry.code.as_deref().map(Value::from));
        put(event, "purposeOfEvent", purpose(entry).map(|purpose| json!([purpose])));
        let entities = entities(entry);
        put(event, "entity", (!entities.is_empty()).then_some(Value::Array(entities)));
    }
    event
}

/// FHIR's own code where it was a FHIR request, and else DICOM's.
fn kind(entry: &Entry) -> Value {
    let code = match entry.act {
        Act::SignIn | Act::SignOut | Act::Revoke => "110114",
        Act::Start | Act::Stop | Act::Operate | Act::Checkpoint | Act::Overflow | Act::Mismatch => {
            "110100"
        }
        Act::BreakGlass | Act::Admit | Act::Dismiss | Act::Wipe => "110113",
        Act::Export => "110106",
        Act::Join
        | Act::Leave
        | Act::Read
        | Act::Search
        | Act::History
        | Act::Follow
        | Act::Write
        | Act::EditReverted
        | Act::WrongPatientCorrected
        | Act::PatientsMerged
        | Act::Relabelled => {
            if entry.via == Door::Fhir {
                return json!({ "system": TYPE_SYSTEM, "code": "rest" });
            }
            "110110"
        }
    };
    json!({ "system": DICOM_SYSTEM, "code": code })
}

/// FHIR R4, audit-event-action: create, read, update, delete, execute.
fn action(entry: &Entry) -> &'static str {
    let is_all = |action| entry.resources.iter().all(|touched| touched.action == Some(action));
    match entry.act {
        Act::Join | Act::Read | Act::History | Act::Follow | Act::Export => "R",
        Act::Write if entry.resources.is_empty() => "U",
        Act::Write if is_all(Action::Created) => "C",
        Act::Write if is_all(Action::Deleted) => "D",
        Act::Write
        | Act::EditReverted
        | Act::WrongPatientCorrected
        | Act::PatientsMerged
        | Act::Relabelled => "U",
        Act::SignIn
        | Act::SignOut
        | Act::Leave
        | Act::Search
        | Act::BreakGlass
        | Act::Admit
        | Act::Dismiss
        | Act::Revoke
        | Act::Wipe
        | Act::Operate
        | Act::Start
        | Act::Stop
        | Act::Checkpoint
        | Act::Overflow
        | Act::Mismatch => "E",
    }
}

/// Who asked, with which program, and through which server.
fn agents(entry: &Entry) -> Vec<Value> {
    let mut asked = json!({ "requestor": true });
    if let Some(asked) = asked.as_object_mut() {
        let by_itself = entry.who.is_none() && entry.via == Door::Server;
        let who = match &entry.who {
            Some(who) => Some(json!({ "identifier": { "value": who.id }, "display": who.name })),
            None => by_itself.then(|| json!({ "display": "Chartroom" })),
        };
        put(asked, "who", who);
        put(asked, "name", entry.who.as_ref().map(|who| who.name.as_str().into()));
        put(asked, "altId", entry.connection.as_deref().map(Value::from));
        // FHIR R4, network-type: an IP address.
        let network = entry.from.as_ref().map(|from| json!({ "address": from, "type": "2" }));
        put(asked, "network", network);
        put(asked, "purposeOfUse", coded_purpose(entry).map(|purpose| json!([purpose])));
    }
    // DICOM: application, and source of what came.
    let other = |code: &str, name: &Option<String>| {
        let kind = json!({ "coding": [{ "system": DICOM_SYSTEM, "code": code }] });
        name.as_ref().map(|name| json!({ "type": kind, "name": name, "requestor": false }))
    };
    let others = [other("110150", &entry.app), other("110153", &entry.server)];
    std::iter::once(asked).chain(others.into_iter().flatten()).collect()
}

fn coded_purpose(entry: &Entry) -> Option<Value> {
    let code = entry.purpose.as_ref()?;
    Some(json!({ "coding": [{ "system": PURPOSE_SYSTEM, "code": code }] }))
}

/// The purpose, with the reason that was given.
fn purpose(entry: &Entry) -> Option<Value> {
    let mut purpose = coded_purpose(entry);
    if let Some(reason) = &entry.reason {
        let stated = purpose.get_or_insert_with(|| json!({}));
        put(stated.as_object_mut()?, "text", Some(reason.as_str().into()));
    }
    purpose
}

/// What it is about: resources, patients whose rooms those are, rooms, changes, and details.
fn entities(entry: &Entry) -> Vec<Value> {
    let resources = entry.resources.iter().map(resource);
    let patients = entry.rooms.iter().filter_map(|room| {
        let reference = format!("Patient/{}", room.parse::<RoomName>().ok()?.patient_id()?);
        let named = entry.resources.iter().any(|touched| touched.of == reference);
        (!named).then(|| {
            json!({
                "what": { "reference": reference },
                "type": { "system": ENTITY_SYSTEM, "code": "1" },
                "role": { "system": ROLE_SYSTEM, "code": "1" },
            })
        })
    });
    let own = |code: &str| json!({ "system": SYSTEM, "code": code });
    let rooms = entry.rooms.iter().map(|room| json!({ "name": room, "type": own("room") }));
    let changes = entry.changes.iter().map(|hash| {
        let change = json!({ "identifier": { "system": CHANGE_SYSTEM, "value": hash } });
        json!({ "what": change, "type": own("change") })
    });
    let details = details(entry);
    let details = (!details.is_empty()).then(|| {
        // FHIR R4, object-role: a query, and a report.
        let role = if entry.act == Act::Search { "24" } else { "3" };
        let role = json!({ "system": ROLE_SYSTEM, "code": role });
        json!({ "type": own("detail"), "role": role, "detail": details })
    });
    resources.chain(patients).chain(rooms).chain(changes).chain(details).collect()
}

fn resource(touched: &Touched) -> Value {
    let mut entity = json!({ "what": { "reference": touched.of } });
    if let Some(entity) = entity.as_object_mut() {
        let lifecycle = touched.action.map(|action| match action {
            Action::Created => "1",
            Action::Updated => "3",
            Action::Deleted => "14",
        });
        let lifecycle = lifecycle.map(|code| json!({ "system": LIFECYCLE_SYSTEM, "code": code }));
        put(entity, "lifecycle", lifecycle);
        let elements: Vec<Value> =
            touched.elements.iter().map(|name| detail("element", name)).collect();
        put(entity, "detail", (!elements.is_empty()).then_some(Value::Array(elements)));
    }
    entity
}

fn details(entry: &Entry) -> Vec<Value> {
    let mut details: Vec<Value> =
        entry.detail.iter().map(|(name, code)| detail(name, code)).collect();
    if entry.more > 0 {
        details.push(detail("more-resources", &entry.more.to_string()));
    }
    if entry.import {
        details.push(detail("import", "true"));
    }
    if let Some(checkpoint) = &entry.checkpoint {
        details.push(detail("through", &checkpoint.n.to_string()));
        details.push(detail("hash", &checkpoint.hash));
        details.push(detail("key", &checkpoint.key));
        details.push(detail("signature", &checkpoint.signature));
    }
    details
}

fn detail(name: &str, text: &str) -> Value {
    // FHIR has no empty strings.
    let text = if text.is_empty() { "-" } else { text };
    json!({ "type": name, "valueString": text })
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    object.extend(value.map(|value| (name.to_owned(), value)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chartroom_engine::Author;

    use super::*;
    use crate::audit::Checkpoint;

    #[test]
    fn a_refused_read_is_an_audit_event_with_all_that_is_known() {
        let alice = Author::new("alice", "Alice");
        let entry = Entry::of(&alice, Act::Search)
            .via(Door::Fhir)
            .from("192.0.2.7")
            .app("a client")
            .connection("peer-1")
            .room(&"patient:p1".parse().unwrap())
            .resource("Condition", "c1")
            .detail("code", "exact")
            .purpose("BTG", Some("resuscitation".to_owned()))
            .refused("not-found");
        let entry = Entry { n: 17, at: 1_790_000_000_000, ..entry };
        let expected = json!({
            "resourceType": "AuditEvent",
            "id": "00000000000000000017",
            "meta": { "versionId": "1", "lastUpdated": "2026-09-21T14:13:20.000Z" },
            "type": { "system": TYPE_SYSTEM, "code": "rest" },
            "subtype": [{ "system": SYSTEM, "code": "search" }],
            "action": "E",
            "recorded": "2026-09-21T14:13:20.000Z",
            "outcome": "4",
            "outcomeDesc": "not-found",
            "purposeOfEvent": [{
                "coding": [{ "system": PURPOSE_SYSTEM, "code": "BTG" }],
                "text": "resuscitation",
            }],
            "agent": [
                {
                    "who": { "identifier": { "value": "alice" }, "display": "Alice" },
                    "name": "Alice",
                    "altId": "peer-1",
                    "requestor": true,
                    "network": { "address": "192.0.2.7", "type": "2" },
                    "purposeOfUse": [{ "coding": [{ "system": PURPOSE_SYSTEM, "code": "BTG" }] }],
                },
                {
                    "type": { "coding": [{ "system": DICOM_SYSTEM, "code": "110150" }] },
                    "name": "a client",
                    "requestor": false,
                },
            ],
            "source": {
                "site": "fhir",
                "observer": { "display": "Chartroom" },
                "type": [{ "system": SOURCE_SYSTEM, "code": "4" }],
            },
            "entity": [
                { "what": { "reference": "Condition/c1" } },
                {
                    "what": { "reference": "Patient/p1" },
                    "type": { "system": ENTITY_SYSTEM, "code": "1" },
                    "role": { "system": ROLE_SYSTEM, "code": "1" },
                },
                { "name": "patient:p1", "type": { "system": SYSTEM, "code": "room" } },
                {
                    "type": { "system": SYSTEM, "code": "detail" },
                    "role": { "system": ROLE_SYSTEM, "code": "24" },
                    "detail": [{ "type": "code", "valueString": "exact" }],
                },
            ],
        });
        assert_eq!(of(&entry), expected);
    }

    #[test]
    fn every_kind_of_entry_is_what_r4_says() {
        let written = |actions: &[Action]| {
            let mut entry = Entry::by_server(Act::Write);
            for action in actions {
                entry.touch("Condition/c1".to_owned(), Some(*action));
            }
            entry.changes.push("ab".repeat(32));
            entry
        };
        let actions = [Action::Created, Action::Updated, Action::Deleted];
        let writes = [&actions[..1], &actions[1..2], &actions[2..], &actions, &[]].map(written);
        let letters: Vec<&str> = writes.iter().map(action).collect();
        assert_eq!(letters, ["C", "U", "D", "U", "U"]);
        let checkpoint = Checkpoint {
            n: 1,
            hash: "00".repeat(32),
            at: 7,
            key: "k".to_owned(),
            signature: "s".to_owned(),
        };
        let signed = Entry { checkpoint: Some(checkpoint), ..Entry::by_server(Act::Checkpoint) };
        let anonymous = Entry::by_server(Act::SignIn).via(Door::Http).failed("no-token");
        let relayed = Entry { server: Some("ward".to_owned()), ..Entry::by_server(Act::Write) };
        let empty =
            Entry { detail: BTreeMap::from([("code".to_owned(), String::new())]), ..relayed };
        for entry in writes.into_iter().chain([signed, anonymous, empty]) {
            let event = of(&Entry { n: 1, ..entry });
            let issues = chartroom_fhir::validate::validate(&event);
            assert!(issues.is_empty(), "{issues:?} {event:#}");
        }
    }
}
