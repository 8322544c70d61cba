//! What the server writes from room to room, when it is killed in between.

use serde_json::{Value, json};

use crate::Served;

#[test]
fn the_queue_is_right_after_every_kill() {
    const ROUNDS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let server = Served::start(folder.path(), &[]);
        let order = json!({
            "resourceType": "MedicationRequest", "id": format!("m{round}"), "status": "active",
            "intent": "order", "subject": { "reference": "Patient/p1" },
            "medicationCodeableConcept": { "text": "Amoxicillin" },
        });
        let command = json!({ "kind": "put", "resource": order });
        assert_eq!(server.post("/rooms/patient:p1/commands", &command), 200);
        // Dropping it kills it, somewhere between the patient's commit and the queue's.
    }
    let server = Served::start(folder.path(), &[]);
    let read = |path: &str| serde_json::from_str::<Value>(&server.get(path).2).unwrap();
    let count = |queue: &Value| queue["newOrders"].as_array().unwrap().len();
    let mut queue = Value::Null;
    crate::until(|| {
        queue = read("/rooms/pharmacy:queue/queue");
        count(&queue) == ROUNDS
    });
    let events = read("/rooms/pharmacy:queue/events");
    let events = events["events"].as_array().unwrap();
    let mut told: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "MEDICATION_PRESCRIBED")
        .map(|event| event["resource_id"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, ["m0", "m1", "m2", "m3", "m4", "m5"]);
}
