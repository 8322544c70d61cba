//! JSON events over WebSocket, by the letter of both generations of the front end that speaks them.

mod refused;
mod replay;

use chartroom_tests::{
    json_client::{Generation, JsonClient},
    server::Server,
};
use serde_json::{Value, json};

use crate::{ROOM, allergy, start};

/// A condition of a patient.
fn condition(patient: &str, id: &str) -> Value {
    json!({
        "resourceType": "Condition",
        "id": id,
        "subject": { "reference": format!("Patient/{patient}") },
        "code": { "text": "asthma" },
    })
}

async fn put(server: &Server, room: &str, resource: Value) {
    let put = json!({ "kind": "put", "resource": resource });
    let answer = server.command(room, &put).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn delete(server: &Server, room: &str, resource_type: &str, id: &str) {
    let delete = json!({ "kind": "delete", "resourceType": resource_type, "id": id });
    let answer = server.command(room, &delete).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A server with the rooms of two patients.
async fn two_patients() -> (tempfile::TempDir, Server) {
    let (folder, server) = start().await;
    put(&server, ROOM, condition("p1", "first")).await;
    put(&server, "patient:p2", condition("p2", "first")).await;
    (folder, server)
}

fn of_p1(id: &str) -> Value {
    json!({ "subscription_id": id, "patient_ids": ["p1"], "resource_types": [] })
}

#[tokio::test]
async fn both_generations_hear_of_a_change_once() {
    let (_folder, server) = two_patients().await;
    for (generation, delivered) in [
        (
            Generation::Newer,
            vec![
                "resource.created",
                "condition.diagnosed",
                "condition.added",
                "resource.deleted",
                "condition.deleted",
            ],
        ),
        (Generation::Older, vec!["condition.diagnosed", "condition.added", "condition.deleted"]),
    ] {
        let id = format!("{generation:?}").to_lowercase();
        let mut alice =
            JsonClient::connect_as(server.address(), "alice", generation).await.unwrap();
        assert_eq!(alice.welcome["type"], "welcome");
        assert!(alice.welcome["data"]["client_id"].is_string());
        assert_eq!(alice.welcome["data"]["user"]["username"], "alice");
        let created = alice.subscribe(of_p1("s1")).await.unwrap();
        assert_eq!(
            created,
            json!({
                "action": "created", "subscription_id": "s1", "resource_types": null,
                "patient_ids": ["p1"], "room": null,
            })
        );
        put(&server, ROOM, condition("p1", &id)).await;
        delete(&server, ROOM, "Condition", &id).await;
        alice.until_event("CONDITION_DELETED", &id).await.unwrap();
        let names: Vec<String> = alice.delivered().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, delivered);
        let (_, first) = alice.delivered()[0].clone();
        assert_eq!(first["resource"], condition("p1", &id));
        assert_eq!((&first["patient_id"], &first["action"]), (&json!("p1"), &json!("created")));
        let (_, last) = alice.delivered().pop().unwrap();
        assert_eq!(last["resource"], json!({ "resourceType": "Condition", "id": id }));
        assert_eq!(last["author"], json!({ "id": "alice", "name": "Alice" }));
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn patients_and_types_are_filtered() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let only = json!({
        "subscription_id": "s", "patient_ids": ["p1"], "resource_types": ["Condition"],
    });
    let created = alice.subscribe(only).await.unwrap();
    assert_eq!(created["resource_types"], json!(["Condition"]));
    put(&server, "patient:p2", condition("p2", "other")).await;
    put(&server, ROOM, allergy("a1", "latex")).await;
    put(&server, ROOM, condition("p1", "mine")).await;
    alice.until_event("CONDITION_ADDED", "mine").await.unwrap();
    // A later one of the other patient, so that an earlier one would have come by now.
    alice.subscribe(json!({ "subscription_id": "t", "patient_ids": ["p2"] })).await.unwrap();
    put(&server, "patient:p2", condition("p2", "late")).await;
    alice.until_event("CONDITION_ADDED", "late").await.unwrap();
    let seen: Vec<&Value> = alice.updates.iter().map(|u| &u["data"]["resource_id"]).collect();
    assert_eq!(seen, ["mine", "mine", "mine", "late", "late", "late"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn named_events_alone_are_sent() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let only = json!({
        "subscription_id": "s", "patient_ids": ["p1"], "events": ["condition.added", "RESOURCE_DELETED"],
    });
    alice.subscribe(only).await.unwrap();
    put(&server, ROOM, condition("p1", "c")).await;
    delete(&server, ROOM, "Condition", "c").await;
    alice.until_event("RESOURCE_DELETED", "c").await.unwrap();
    let names: Vec<&Value> = alice.updates.iter().map(|u| &u["data"]["event"]).collect();
    assert_eq!(names, ["CONDITION_ADDED", "RESOURCE_DELETED"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn several_subscriptions_make_no_second_copy() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.subscribe(of_p1("s1")).await.unwrap();
    alice.subscribe(of_p1("s2")).await.unwrap();
    alice.subscribe(json!({ "subscription_id": "s3", "room": ROOM })).await.unwrap();
    put(&server, ROOM, condition("p1", "c1")).await;
    put(&server, ROOM, condition("p1", "c2")).await;
    alice.until_event("CONDITION_ADDED", "c2").await.unwrap();
    assert_eq!(alice.numbers(ROOM), [4, 5, 6, 7, 8, 9]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_repeated_subscription_merges() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let of_type = |name: &str| json!({ "subscription_id": "s", "patient_ids": ["p1"], "resource_types": [name] });
    alice.subscribe(of_type("Condition")).await.unwrap();
    let merged = alice.subscribe(of_type("AllergyIntolerance")).await.unwrap();
    assert_eq!(merged["resource_types"], json!(["AllergyIntolerance", "Condition"]));
    put(&server, ROOM, condition("p1", "c")).await;
    put(&server, ROOM, allergy("a", "latex")).await;
    alice.until_event("ALLERGY_ADDED", "a").await.unwrap();
    alice.until_event("CONDITION_ADDED", "c").await.unwrap();
    let merged =
        alice.subscribe(json!({ "subscription_id": "s", "patient_ids": ["p2"] })).await.unwrap();
    assert_eq!(merged["patient_ids"], json!(["p1", "p2"]));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn unsubscribing_leaves() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.subscribe(of_p1("s1")).await.unwrap();
    alice.subscribe(json!({ "subscription_id": "s2", "patient_ids": ["p2"] })).await.unwrap();
    put(&server, ROOM, condition("p1", "heard")).await;
    alice.until_event("CONDITION_ADDED", "heard").await.unwrap();
    let removed = alice.unsubscribe("s1").await.unwrap();
    assert_eq!(removed, json!({ "action": "removed", "subscription_id": "s1" }));
    put(&server, ROOM, condition("p1", "unheard")).await;
    put(&server, "patient:p2", condition("p2", "still")).await;
    alice.until_event("CONDITION_ADDED", "still").await.unwrap();
    // Subscribed again, it begins with what comes then.
    alice.subscribe(of_p1("s1")).await.unwrap();
    put(&server, ROOM, condition("p1", "again")).await;
    alice.until_event("CONDITION_ADDED", "again").await.unwrap();
    assert!(alice.updates.iter().all(|update| update["data"]["resource_id"] != "unheard"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_ping_is_answered_and_a_token_is_taken() {
    let (_folder, server) = start().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.send(&json!({ "type": "authenticate", "token": "whatever" })).await.unwrap();
    let success = alice.answer("auth_success").await.unwrap();
    assert_eq!(success["message"], "Authentication successful");
    alice.send(&json!({ "type": "ping" })).await.unwrap();
    let pong = alice.answer("pong").await.unwrap();
    assert!(pong["timestamp"].as_str().unwrap().ends_with('Z'));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_clients_own_event_reaches_the_others_of_that_patient() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let mut bob = JsonClient::connect_as(server.address(), "bob", Generation::Older).await.unwrap();
    let mut charlie = JsonClient::connect(server.address(), "charlie").await.unwrap();
    alice.subscribe(of_p1("s")).await.unwrap();
    bob.subscribe(of_p1("s")).await.unwrap();
    charlie.subscribe(json!({ "subscription_id": "s", "patient_ids": ["p2"] })).await.unwrap();
    let said = json!({
        "type": "order.placed", "payload": { "patientId": "p1", "orderId": "o1" },
        "timestamp": "2024-01-01T00:00:00Z",
    });
    alice.send(&said).await.unwrap();
    bob.until(|data| data["event_type"] == "order.placed").await.unwrap();
    let (name, data) = bob.delivered().pop().unwrap();
    assert_eq!(name, "order.placed");
    assert_eq!((&data["orderId"], &data["patient_id"]), (&json!("o1"), &json!("p1")));
    assert_eq!((&data["client_event"], &data["from"]["id"]), (&json!(true), &json!("alice")));
    // Answered behind what Alice said, which is passed on before anything else is read of her.
    for client in [&mut alice, &mut charlie] {
        client.send(&json!({ "type": "ping" })).await.unwrap();
        client.answer("pong").await.unwrap();
        assert!(client.updates.is_empty(), "{:?}", client.updates);
    }
    bob.unsubscribe("s").await.unwrap();
    alice.send(&said).await.unwrap();
    alice.send(&json!({ "type": "ping" })).await.unwrap();
    alice.answer("pong").await.unwrap();
    bob.send(&json!({ "type": "ping" })).await.unwrap();
    bob.answer("pong").await.unwrap();
    assert_eq!(bob.updates.len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_servers_end_closes_the_socket() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.subscribe(of_p1("s")).await.unwrap();
    let (stopped, closed) = tokio::join!(server.stop(), alice.until_closed());
    stopped.unwrap();
    assert_eq!(closed.unwrap().0, 1001);
}

/// An active prescription of a patient.
fn prescription(patient: &str, id: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "subject": { "reference": format!("Patient/{patient}") },
        "medicationCodeableConcept": { "text": "metformin 500 mg" },
    })
}

#[tokio::test]
async fn the_pharmacy_hears_of_every_prescription_once() {
    let (_folder, server) = two_patients().await;
    let queue = "pharmacy:queue";
    let to_queue = || json!({ "subscription_id": "q", "room": queue });
    let mut pharmacist = JsonClient::connect(server.address(), "bob").await.unwrap();
    let mut both = JsonClient::connect(server.address(), "charlie").await.unwrap();
    pharmacist.subscribe(to_queue()).await.unwrap();
    both.subscribe(to_queue()).await.unwrap();
    both.subscribe(of_p1("chart")).await.unwrap();

    put(&server, ROOM, prescription("p1", "m1")).await;
    pharmacist.until_event("MEDICATION_PRESCRIBED", "m1").await.unwrap();
    put(&server, "patient:p2", prescription("p2", "m2")).await;
    both.until_event("MEDICATION_PRESCRIBED", "m2").await.unwrap();
    pharmacist.until_event("MEDICATION_PRESCRIBED", "m2").await.unwrap();

    let prescribed = |client: &JsonClient| -> Vec<Value> {
        let all = client.delivered().into_iter();
        all.filter(|(name, _)| name == "medication.prescribed").map(|(_, d)| d.clone()).collect()
    };
    let heard = prescribed(&pharmacist);
    let patients: Vec<&Value> = heard.iter().map(|data| &data["patient_id"]).collect();
    assert_eq!(patients, ["p1", "p2"]);
    assert_eq!(heard[0]["room"], queue);
    assert_eq!(heard[0]["source"]["room"], ROOM);
    assert_eq!(heard[0]["resource"], prescription("p1", "m1"));
    assert_eq!(heard[0]["medication"], heard[0]["resource"]);
    // The chart's own copy, and for the other patient the queue's.
    let heard = prescribed(&both);
    let rooms: Vec<&Value> = heard.iter().map(|data| &data["room"]).collect();
    assert_eq!(rooms, [ROOM, queue]);
    server.stop().await.unwrap();
}
