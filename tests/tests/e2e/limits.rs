//! Over a limit there is a code and a metric, and others are served meanwhile.

mod closed;

use std::time::{Duration, Instant};

use chartroom_engine::limits;
use chartroom_server::{
    config::ServerConfig,
    limits::Limits,
    wire::frame::{FollowStart, Frame},
};
use chartroom_tests::{
    client::{Client, open_socket},
    forge,
    json_client::JsonClient,
    server::Server,
};
use serde_json::json;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{ROOM, alice_and_bob, allergy};

/// A server with limits of the test's.
async fn start_with(set: impl FnOnce(&mut Limits)) -> (TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ServerConfig::new(folder.path());
    set(&mut config.hub.limits);
    let server = Server::start_with(config).await.unwrap();
    (folder, server)
}

/// How often a limit was exceeded.
async fn exceeded(server: &Server, limit: &str) -> u64 {
    let metrics = server.text("/metrics").await.unwrap();
    let name = format!("chartroom_limit_exceeded_total{{limit=\"{limit}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |n| n.parse().unwrap())
}

/// Status and error code with which a socket is refused.
async fn refusal(server: &Server) -> (u16, String) {
    match open_socket(server.address()).await.unwrap_err().downcast::<Error>().unwrap() {
        Error::Http(response) => {
            let body: serde_json::Value =
                serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
            (response.status().as_u16(), body["error"]["code"].as_str().unwrap().to_owned())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn beyond_the_last_place_a_socket_is_refused_and_http_is_served() {
    let (_folder, server) = start_with(|limits| limits.connections_max = 1).await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    assert_eq!(refusal(&server).await, (503, "too-many-connections".to_owned()));
    assert_eq!(exceeded(&server, "too-many-connections").await, 1);
    assert_eq!(server.get("/healthz").await.unwrap().status, 200);
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();

    drop(alice);
    // The place is free when the server has put the socket away.
    while Client::connect(server.address(), "bob").await.is_err() {}
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_does_not_say_who_it_is_takes_few_places() {
    let (_folder, server) = start_with(|limits| limits.connections_unjoined_max = 1).await;
    let socket = open_socket(server.address()).await.unwrap();
    assert_eq!(refusal(&server).await, (503, "too-many-unjoined".to_owned()));
    assert_eq!(exceeded(&server, "too-many-unjoined").await, 1);
    let mut alice = Client::over(socket, "alice").await.unwrap();
    // The place is free when the server has gone on behind the join.
    while Client::connect(server.address(), "bob").await.is_err() {}
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn many_messages_are_read_slowly_and_close_nobody() {
    let (_folder, server) = start_with(|limits| limits.messages_per_second = 100).await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    for _ in 0..100 * limits::MESSAGES_BURST_SECONDS + 100 {
        alice.send(&Frame::Unknown { kind: "tomorrow".to_owned() }).await.unwrap();
    }
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    bob.put(room, allergy("b1", "latex")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert!(exceeded(&server, "messages-per-second").await > 0);
    assert_eq!(alice.closed, None);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn many_bytes_are_read_slowly_and_close_nobody() {
    let (_folder, server) = start_with(|limits| limits.bytes_per_second = 100_000).await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    let mut long = allergy("a1", "latex");
    long["note"] = json!([{ "text": "x".repeat(1_000_000) }]);
    alice.put(room, long).await.unwrap();
    alice.put(room, allergy("a2", "latex")).await.unwrap();
    bob.put(room, allergy("b1", "latex")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert!(exceeded(&server, "bytes-per-second").await > 0);
    assert_eq!(alice.closed, None);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_return_with_three_thousand_edits_is_saved() {
    // A tenth of the usual rates.
    let (_folder, server) = start_with(|limits| {
        limits.messages_per_second /= 10;
        limits.bytes_per_second /= 10;
    })
    .await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    alice.socket().close(None).await.unwrap();
    for n in 0..3000 {
        // Sending fails, since nobody is there; the edits stand locally.
        let _ = alice.put(room, allergy(&format!("a{}", n % 50), &n.to_string())).await;
    }
    assert_eq!(alice.chart(room).room.unsaved(), 3000);
    alice.reconnect(server.address()).await.unwrap();
    bob.put(room, allergy("b1", "latex")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    while alice.chart(room).room.unsaved() > 0 {
        let before = alice.chart(room).room.unsaved();
        alice.until("more of it saved", |me| me.chart(room).room.unsaved() < before).await.unwrap();
    }
    bob.until("all of it seen", |me| {
        me.resource(room, "AllergyIntolerance", "a49")
            .is_some_and(|allergy| allergy["code"]["text"] == "2999")
    })
    .await
    .unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn json_frames_that_are_wrong_without_end_close_with_1008() {
    let (_folder, server) = start_with(|limits| limits.messages_per_second = 100_000).await;
    let mut client = JsonClient::connect(server.address(), "mallory").await.unwrap();
    for _ in 0..limits::MISTAKES_BURST + 1000 {
        // The end may come before all of it is sent.
        if client.send_message(Message::text("nonsense")).await.is_err() {
            break;
        }
    }
    assert_eq!(client.until_closed().await.unwrap().0, 1008);
    assert!(client.errors.iter().any(|error| error["error"] == "TOO_MANY_MISTAKES"));
    assert_eq!(exceeded(&server, "too-many-mistakes").await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_that_is_full_is_read_and_founded_anew_and_then_written() {
    let (_folder, server) = start_with(|limits| limits.room_size_max.bytes = 20_000).await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    for letter in ["x", "y"] {
        let mut long = allergy("a1", "latex");
        long["note"] = json!([{ "text": letter.repeat(12_000) }]);
        let put = json!({ "kind": "put", "resource": long });
        assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
    }
    let small = json!({ "kind": "put", "resource": allergy("a2", "latex") });
    let answer = server.command(ROOM, &small).await.unwrap();
    assert_eq!((answer.status, answer.code()), (422, Some("room-full")));
    alice.put(room, allergy("a3", "latex")).await.unwrap();
    alice.until("edit given back", |me| !me.chart(room).given_back.is_empty()).await.unwrap();
    let full = |frame: &Frame| matches!(frame, Frame::Refused { code, .. } if code == "room-full");
    assert!(alice.heard.iter().any(full));
    assert_eq!(exceeded(&server, "room-full").await, 2);
    let seen = |me: &Client| me.resource(room, "AllergyIntolerance", "a1").is_some();
    bob.until("what stands read", seen).await.unwrap();
    assert_eq!(alice.closed, None);

    let path = format!("/rooms/{ROOM}/refound");
    assert_eq!(server.post_path(&path, String::new()).await.unwrap().status, 200);
    assert_eq!(server.command(ROOM, &small).await.unwrap().status, 200);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn one_room_too_many_is_refused_and_the_connection_stays() {
    let (_folder, server) = start_with(|_| {}).await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let (sender, target) = alice.peer_ids();
    for n in 0..=limits::CONNECTION_ROOMS_MAX {
        let name = format!("patient:n{n}");
        let put = json!({ "kind": "put", "resource": {
            "resourceType": "Patient", "id": format!("n{n}")
        } });
        assert_eq!(server.command(&name, &put).await.unwrap().status, 200);
        let (sender, target) = (sender.clone(), target.clone());
        alice.send(&Frame::Room { sender, target, name }).await.unwrap();
    }
    let refused = |frame: &Frame| matches!(frame, Frame::RoomRefused { code, .. } if code == "too-many-rooms");
    alice.until("a room refused", |me| me.heard.iter().any(refused)).await.unwrap();
    assert_eq!(alice.heard.len(), limits::CONNECTION_ROOMS_MAX + 1);
    assert_eq!(exceeded(&server, "too-many-rooms").await, 1);
    assert_eq!(alice.closed, None);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn one_follow_too_many_is_refused_and_the_connection_stays() {
    let (_folder, server) = start_with(|_| {}).await;
    let (mut alice, _bob, document) = alice_and_bob(&server).await;
    let (sender, target) = alice.peer_ids();
    for id in 0..=limits::FOLLOWS_MAX as u64 {
        let (sender, target) = (sender.clone(), target.clone());
        alice
            .send(&Frame::Follow { sender, target, document, id, start: FollowStart::After(0) })
            .await
            .unwrap();
    }
    let refused = |frame: &Frame| matches!(frame, Frame::FollowEnded { code, .. } if code == "too-many-follows");
    alice.until("a follow refused", |me| me.heard.iter().any(refused)).await.unwrap();
    assert_eq!(exceeded(&server, "too-many-follows").await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_value_beside_too_many_others_is_refused_and_choosing_is_not() {
    let (_folder, server) = start_with(|_| {}).await;
    let mut people = Vec::new();
    for n in 0..=limits::CONCURRENT_MAX {
        let mut person = Client::connect(server.address(), &format!("person{n}")).await.unwrap();
        let room = person.open(ROOM).await.unwrap();
        person.socket().close(None).await.unwrap();
        // Sending fails, since nobody is there; the edit stands locally.
        let _ = person.put(room, allergy("a1", &n.to_string())).await;
        people.push((person, room));
    }
    let (mut last, room) = people.pop().unwrap();
    for (person, room) in &mut people {
        person.reconnect(server.address()).await.unwrap();
        person.until_saved(*room).await.unwrap();
    }
    last.reconnect(server.address()).await.unwrap();
    last.until("edit given back", |me| !me.chart(room).given_back.is_empty()).await.unwrap();
    assert_eq!(exceeded(&server, "too-many-concurrent").await, 1);
    let (others, _) = people.last().unwrap();
    let heads = others.heads(room);
    last.until("the others' values", |me| me.heads(room) == heads).await.unwrap();
    last.put(room, allergy("a1", "the choice")).await.unwrap();
    last.until_saved(room).await.unwrap();
    assert_eq!(last.chart(room).given_back.len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let (_folder, server) = start_with(|_| {}).await;
    let answer = server.post(ROOM, " ".repeat(limits::BODY_BYTES_MAX + 1)).await.unwrap();
    assert_eq!((answer.status, answer.code()), (413, Some("too-large")));
    assert_eq!(exceeded(&server, "body-too-large").await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_opens_room_after_new_room_waits_and_others_do_not() {
    let (_folder, server) = start_with(|_| {}).await;
    let (mut alice, mut mallory, room) = alice_and_bob(&server).await;
    let (sender, target) = mallory.peer_ids();
    let count = limits::NEW_ROOMS_PER_SECOND * limits::NEW_ROOMS_BURST_SECONDS + 2;
    for n in 0..count {
        let (sender, target, name) = (sender.clone(), target.clone(), format!("patient:n{n}"));
        mallory.send(&Frame::Room { sender, target, name }).await.unwrap();
    }
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    mallory.until("all opened", |me| me.heard.len() as u64 == count).await.unwrap();
    assert!(exceeded(&server, "new-rooms-per-second").await > 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn whose_changes_are_refused_by_the_hundred_is_heard_more_slowly_and_stays() {
    let (_folder, server) = start_with(|_| {}).await;
    let (mut alice, mut mallory, room) = alice_and_bob(&server).await;
    let (sender, target) = mallory.peer_ids();
    let count = limits::REFUSED_PER_SECOND_UNSLOWED * limits::REFUSED_UNSLOWED_SECONDS + 50;
    let data = forge::Message::of(vec![forge::refused([6; 16]); count as usize]).encode();
    mallory.send(&Frame::Sync { sender, target, document: room, data }).await.unwrap();
    let refused = |frame: &Frame| matches!(frame, Frame::Refused { .. });
    mallory.until("refusals", |me| me.heard.iter().any(refused)).await.unwrap();
    let began = Instant::now();
    mallory.put(room, allergy("m1", "latex")).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    mallory.until_saved(room).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(300), "{:?}", began.elapsed());
    assert!(exceeded(&server, "refused-per-second").await > 0);
    assert_eq!(mallory.closed, None);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_change_over_the_limit_is_refused_and_the_connection_stays() {
    let (_folder, server) = start_with(|_| {}).await;
    let (mut alice, mut mallory, room) = alice_and_bob(&server).await;
    let change = forge::bomb([6; 16], limits::CHANGE_OPS_MAX as usize + 1);
    let (sender, target) = mallory.peer_ids();
    let data = forge::Message::of(vec![change]).encode();
    mallory.send(&Frame::Sync { sender, target, document: room, data }).await.unwrap();
    let refused =
        |frame: &Frame| matches!(frame, Frame::Refused { code, .. } if code == "too-large");
    mallory.until("a refusal", |me| me.heard.iter().any(refused)).await.unwrap();
    assert_eq!(exceeded(&server, "change-too-large").await, 1);
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert_eq!(mallory.closed, None);
    server.stop().await.unwrap();
}
