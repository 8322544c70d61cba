//! End to end: real sockets, a real store, real restarts. One binary, a module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

mod access;
mod alerts;
mod bad_input;
mod durability;
mod events;
mod fhir;
mod follow;
mod http;
mod import;
mod json_wire;
mod limits;
mod native_client;
mod peers;
mod people;
mod pharmacy;
mod presence;
mod refound;
mod rooms;
mod webhooks;

use chartroom_engine::DocumentId;
use chartroom_tests::{client::Client, server::Server};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The room of a patient that the tests share.
const ROOM: &str = "patient:p1";

/// An allergy of that patient.
fn allergy(id: &str, to: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "id": id,
        "patient": { "reference": "Patient/p1" },
        "code": { "text": to },
    })
}

/// A server over a new store, and the folder that goes with it.
async fn start() -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    (folder, server)
}

/// Two people who have opened [`ROOM`], and its document.
async fn alice_and_bob(server: &Server) -> (Client, Client, DocumentId) {
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    bob.open(ROOM).await.unwrap();
    (alice, bob, room)
}
