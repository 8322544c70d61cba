//! End to end: real sockets, a real store, real restarts. One binary, a module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

mod bad_input;
mod durability;
mod http;
mod import;
mod people;
mod rooms;

use serde_json::{Value, json};

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
