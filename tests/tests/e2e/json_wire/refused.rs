//! What a client may not ask, and how much.

use chartroom_tests::json_client::JsonClient;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{condition, of_p1, put, two_patients};
use crate::{ROOM, start};

#[tokio::test]
async fn what_is_wrong_is_named_and_the_connection_stays() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    let subscribe = |data: Value| json!({ "type": "subscribe", "data": data });
    let after = |after: u64| {
        let mut data = of_p1("s");
        data["after"] = after.into();
        subscribe(data)
    };
    for (frame, code, field) in [
        (json!({ "type": "hello" }), "UNKNOWN_TYPE", json!("type")),
        (json!([]), "BAD_FRAME", Value::Null),
        (subscribe(json!({ "subscription_id": "s" })), "BAD_FIELD", json!("data.patient_ids")),
        (
            subscribe(json!({ "subscription_id": "s", "patient_ids": ["p1", "nobody"] })),
            "ROOM_NOT_FOUND",
            json!("data.patient_ids[1]"),
        ),
        (
            subscribe(json!({ "subscription_id": "s", "room": "ward:unwritten" })),
            "ROOM_NOT_FOUND",
            json!("data.room"),
        ),
        (after(1000), "EVENTS_AHEAD", json!("data.after")),
        (
            json!({ "type": "note.typed", "payload": { "patientId": "nobody" } }),
            "ROOM_NOT_FOUND",
            json!("payload.patientId"),
        ),
    ] {
        let error = alice.refused(&frame).await.unwrap();
        assert_eq!((error["error"].as_str(), &error["field"]), (Some(code), &field), "{error}");
        assert!(error["message"].is_string() && error["timestamp"].is_string());
        if frame["type"] == "subscribe" {
            assert_eq!(error["data"]["subscription_id"], "s");
        }
    }
    let error = alice.refused(&after(1000)).await.unwrap();
    assert_eq!(error["data"]["last"], 3);
    alice.send_message(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(alice.next_error().await.unwrap()["error"], "BAD_FRAME");
    // None of it left a subscription behind, and the room of every facility can be followed.
    put(&server, ROOM, condition("p1", "unheard")).await;
    alice.subscribe(json!({ "subscription_id": "q", "room": "pharmacy:queue" })).await.unwrap();
    alice.subscribe(of_p1("s")).await.unwrap();
    put(&server, ROOM, condition("p1", "c")).await;
    alice.until_event("CONDITION_ADDED", "c").await.unwrap();
    assert_eq!(alice.numbers(ROOM), [7, 8, 9]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection() {
    let (_folder, server) = start().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    alice.send_message(Message::text("x".repeat(300_000))).await.unwrap();
    assert_eq!(alice.until_closed().await.unwrap().0, 1009);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn subscriptions_are_limited() {
    let (_folder, server) = two_patients().await;
    let mut alice = JsonClient::connect(server.address(), "alice").await.unwrap();
    for n in 0..256 {
        alice.subscribe(of_p1(&n.to_string())).await.unwrap();
    }
    let one_more = json!({ "type": "subscribe", "data": of_p1("one more") });
    let error = alice.refused(&one_more).await.unwrap();
    assert_eq!(error["error"], "TOO_MANY_SUBSCRIPTIONS");
    assert_eq!(error["field"], "data.subscription_id");
    alice.unsubscribe("0").await.unwrap();
    alice.subscribe(of_p1("one more")).await.unwrap();
    server.stop().await.unwrap();
}
