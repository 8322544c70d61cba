//! A room founded anew: its people go along with their unsaved edits, and nothing is lost.

use std::sync::Arc;

use chartroom_server::storage::{Fault, Memory};
use chartroom_tests::{
    client::Client,
    server::{Answer, Server},
};
use serde_json::{Value, json};

use crate::{ROOM, alice_and_bob, allergy, start};

async fn refound(server: &Server) -> Answer {
    server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap()
}

async fn put(server: &Server, id: &str) -> Answer {
    let put = json!({ "kind": "put", "resource": allergy(id, "latex") });
    server.command(ROOM, &put).await.unwrap()
}

async fn ids(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/rooms/{ROOM}/document{query}")).await.unwrap();
    let allergies = answer.body["resources"]["AllergyIntolerance"].as_object().unwrap();
    allergies.keys().cloned().collect()
}

#[tokio::test]
async fn people_go_along_with_their_unsaved_edits() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    for n in 0..20 {
        alice.put(room, allergy(&format!("a{n:02}"), "latex")).await.unwrap();
    }
    alice.until_saved(room).await.unwrap();
    // Some of these are taken before the seal, the others have to be made again.
    for n in 20..40 {
        alice.put(room, allergy(&format!("a{n:02}"), "latex")).await.unwrap();
        bob.put(room, allergy(&format!("b{n:02}"), "latex")).await.unwrap();
    }
    let answer = refound(&server).await;
    assert_eq!((answer.status, &answer.body["epoch"]), (200, &json!(2)), "{}", answer.text);
    alice.put(room, allergy("a40", "latex")).await.unwrap();
    let next = alice.move_on(room).await.unwrap();
    assert_ne!(next, room);
    assert_eq!(bob.move_on(room).await.unwrap(), next);
    for person in [&mut alice, &mut bob] {
        person.until_saved(next).await.unwrap();
    }
    bob.put(next, allergy("b41", "latex")).await.unwrap();
    bob.until_saved(next).await.unwrap();
    let heads = bob.heads(next);
    alice.until_heads(next, &heads).await.unwrap();
    let mut expected: Vec<String> = (0..=40).map(|n| format!("a{n:02}")).collect();
    expected.extend((20..40).map(|n| format!("b{n:02}")));
    expected.push("b41".to_owned());
    assert_eq!(ids(&server, "").await, expected);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn somebody_who_was_away_comes_back_into_the_new_epoch() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    alice.put(room, allergy("a", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_heads(room, &alice.heads(room)).await.unwrap();
    assert_eq!(refound(&server).await.status, 200);
    // Bob has not heard of it when his edit leaves, and his socket is gone before he does.
    let mut late = allergy("a", "latex");
    late["note"] = json!([{ "text": "since childhood" }]);
    bob.put(room, late).await.unwrap();
    bob.reconnect_elsewhere(server.address(), room).await.unwrap();
    let next = bob.move_on(room).await.unwrap();
    bob.until_saved(next).await.unwrap();
    let shown = bob.resource(next, "AllergyIntolerance", "a").unwrap();
    assert_eq!(shown["note"][0]["text"], "since childhood");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_sealed_epoch_stays_readable_and_events_are_numbered_on() {
    let storage = Arc::new(Memory::new());
    let mut server = Server::start_over(storage.clone()).await.unwrap();
    assert_eq!(put(&server, "a").await.status, 200);
    for epoch in [2, 3] {
        assert_eq!(refound(&server).await.body["epoch"], epoch);
        assert_eq!(put(&server, &format!("in{epoch}")).await.status, 200);
        server.stop().await.unwrap();
        server = Server::start_over(storage.clone()).await.unwrap();
    }
    assert_eq!(ids(&server, "?epoch=1").await, ["a"]);
    assert_eq!(ids(&server, "?epoch=2").await, ["a", "in2"]);
    assert_eq!(ids(&server, "").await, ["a", "in2", "in3"]);
    let answer = server.get(&format!("/rooms/{ROOM}?epoch=4")).await.unwrap();
    assert_eq!((answer.status, answer.code()), (404, Some("room-not-found")));
    let events = server.get(&format!("/rooms/{ROOM}/events?after=0")).await.unwrap();
    let told: Vec<(u64, &Value)> = events.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "RESOURCE_CREATED")
        .map(|event| (event["seq"].as_u64().unwrap(), &event["resource"]["id"]))
        .collect();
    assert_eq!(told, [(1, &json!("a")), (3, &json!("in2")), (5, &json!("in3"))]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_failure_while_founding_leaves_the_room_as_it_was() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage.clone()).await.unwrap();
    assert_eq!(put(&server, "a").await.status, 200);
    for fault in [Fault::NotWritten, Fault::WrittenUnsynced] {
        storage.tree().fail_writes([fault, Fault::NotWritten]);
        let answer = refound(&server).await;
        assert_eq!((answer.status, answer.code()), (503, Some("storage-failed")), "{fault:?}");
        assert_eq!(put(&server, &format!("{fault:?}")).await.status, 200);
        let room = server.get(&format!("/rooms/{ROOM}")).await.unwrap();
        assert_eq!(room.body["epoch"], 1);
    }
    assert_eq!(refound(&server).await.body["epoch"], 2);
    assert_eq!(ids(&server, "").await, ["NotWritten", "WrittenUnsynced", "a"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_with_open_conflicts_is_not_founded_anew() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    alice.put(room, allergy("a", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_heads(room, &alice.heads(room)).await.unwrap();
    alice.put(room, allergy("a", "peanut")).await.unwrap();
    bob.put(room, allergy("a", "wheat")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let answer = refound(&server).await;
    assert_eq!((answer.status, answer.code()), (409, Some("conflict-open")));
    let mut late = Client::connect(server.address(), "charlie").await.unwrap();
    assert_eq!(late.open(ROOM).await.unwrap(), room, "the room is as before");
    server.stop().await.unwrap();
}
