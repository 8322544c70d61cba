//! The FHIR face over real sockets: what it answers, what it refuses, and that nothing is half done.

mod bad_input;
mod compartments;
mod concurrency;
mod conditional;
mod corrections;
mod import;
mod moved_texts;
mod old_stores;
mod privacy;
mod search;
mod transactions;
mod versions;

use std::{sync::Arc, time::Instant};

use chartroom_engine::{ChangeHash, RoomId, RoomName, change};
use chartroom_server::{
    config::ServerConfig,
    storage::{Memory, Storage},
};
use chartroom_tests::{
    client::PATIENCE,
    fhir::{Fhir, Reply},
    server::Server,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::start;

/// A patient.
fn patient(id: &str, family: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "name": [{ "family": family, "given": ["Ann"] }],
        "birthDate": "1970-01-02",
    })
}

/// An observation of a patient.
fn observation(id: &str, of: &str, value: i64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "text": "pulse" },
        "subject": { "reference": format!("Patient/{of}") },
        "effectiveDateTime": "2024-05-06T07:08:09Z",
        "valueInteger": value,
    })
}

/// A server over a new store, and Alice at it.
async fn clinic() -> (TempDir, Server, Fhir) {
    let (folder, server) = start().await;
    let alice = Fhir::of(&server, "alice;Alice");
    until_listed(&alice, "Basic/none").await;
    (folder, server, alice)
}

/// Asks until it is known where everything is.
async fn until_listed(alice: &Fhir, path: &str) -> Reply {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = alice.get(path).await.unwrap();
        if reply.status != 503 {
            return reply;
        }
        assert!(!reply.header("retry-after").is_empty(), "{}", reply.text);
        assert!(Instant::now() < deadline, "it is never listed: {}", reply.text);
        tokio::task::yield_now().await;
    }
}

/// A server with the patients `p1` and `p2`, and Alice at it.
async fn hospital() -> (TempDir, Server, Fhir) {
    let (folder, server, alice) = clinic().await;
    admit(&alice).await;
    (folder, server, alice)
}

/// The same, over a storage in memory that a test looks into.
async fn open_hospital() -> (Arc<Memory>, Server, Fhir) {
    let storage = Arc::new(Memory::new());
    let server =
        Server::start_over_with(storage.clone(), ServerConfig::new("unused")).await.unwrap();
    let alice = Fhir::of(&server, "alice;Alice");
    until_listed(&alice, "Basic/none").await;
    admit(&alice).await;
    (storage, server, alice)
}

/// Checks that other servers take every change of a patient's room.
fn check_changes(storage: &Memory, patient: &str) {
    let room = RoomId::first(RoomName::patient(patient).unwrap());
    for logged in storage.load(&room).unwrap().unwrap().changes {
        let scanned = change::scan(&logged.bytes);
        assert!(
            scanned.is_ok(),
            "change {} of {} bytes: {scanned:?}",
            logged.seq,
            logged.bytes.len()
        );
    }
}

/// Writes the patients `p1` and `p2`.
async fn admit(alice: &Fhir) {
    for (id, family) in [("p1", "Doe"), ("p2", "Roe")] {
        let reply = alice.put(&patient(id, family)).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
}

/// Puts a resource, which must be taken.
async fn put(who: &Fhir, resource: &Value) -> Reply {
    let reply = who.put(resource).await.unwrap();
    assert!([200, 201].contains(&reply.status), "{} {}", reply.status, reply.text);
    reply
}

/// How a room stands: its changes and the number of its last event.
async fn level(server: &Server, room: &str) -> (u64, u64) {
    let shown = server.get(&format!("/rooms/{room}")).await.unwrap();
    if shown.status == 404 {
        return (0, 0);
    }
    let events = server.get(&format!("/rooms/{room}/events?after=0&limit=100000")).await.unwrap();
    let changes = shown.body["changes"].as_u64().unwrap();
    (changes, events.body["last"].as_u64().unwrap_or_default())
}

/// A room's heads.
async fn heads(server: &Server, room: &str) -> Vec<ChangeHash> {
    let shown = server.get(&format!("/rooms/{room}")).await.unwrap().body;
    let heads = shown["heads"].as_array().unwrap().iter();
    heads.map(|head| head.as_str().unwrap().parse().unwrap()).collect()
}

/// How all rooms of resources stand: heads, and the number of the last event, by room.
async fn levels(server: &Server) -> Vec<Value> {
    let rooms = server.get("/rooms").await.unwrap().body;
    let mut levels = Vec::new();
    for room in rooms["rooms"].as_array().unwrap() {
        let name = room["room"].as_str().unwrap();
        if !name.starts_with("patient:") && name != "facility:directory" {
            continue;
        }
        let shown = server.get(&format!("/rooms/{name}")).await.unwrap().body;
        let (_, last) = level(server, name).await;
        levels.push(json!([name, shown["epoch"], shown["heads"], last]));
    }
    levels
}

/// What every error has: FHIR's content type, and an OperationOutcome that says something.
fn check_outcome(case: &str, reply: &Reply) {
    assert!(
        reply.header("content-type").starts_with("application/fhir+json"),
        "{case}: {:?} {}",
        reply.headers,
        reply.text
    );
    assert_eq!(reply.body["resourceType"], "OperationOutcome", "{case}: {}", reply.text);
    assert!(!reply.issues().is_empty(), "{case}: {}", reply.text);
    for issue in reply.issues() {
        assert!(issue["diagnostics"].as_str().is_some_and(|text| !text.is_empty()), "{case}");
    }
}

/// A parameter that refers to a patient.
fn refers(name: &str, to: &str) -> Value {
    json!({ "name": name, "valueReference": { "reference": format!("Patient/{to}") } })
}

/// The parameter that says why.
fn because(text: &str) -> Value {
    json!({ "name": "reason", "valueString": text })
}

/// An entry of a Bundle that is posted.
fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({ "request": { "method": method, "url": url } });
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

/// The ids of a Bundle's resources of a type, in their order.
fn ids_of(entries: &[Value], resource_type: &str) -> Vec<String> {
    let resources = entries.iter().map(|entry| &entry["resource"]);
    let of_type = resources.filter(|resource| resource["resourceType"] == resource_type);
    of_type.map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}
