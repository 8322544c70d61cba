//! What a peer does wrong ends its own connection with a reason, and nobody else's.

use chartroom_engine::limits;
use chartroom_server::wire::frame::Frame;
use chartroom_tests::client::{Client, open_socket};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{ROOM, allergy, start};

/// Mallory sends something; Alice, who is in the same room, works on.
async fn mallory_sends(
    send: impl AsyncFnOnce(&mut Client, chartroom_engine::DocumentId),
) -> (u16, String) {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let mut mallory = Client::connect(server.address(), "mallory").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    mallory.open(ROOM).await.unwrap();
    send(&mut mallory, room).await;
    let closed = mallory.until_closed().await.unwrap();
    let told =
        |frame: &Frame| matches!(frame, Frame::Error { message, .. } if *message == closed.1);
    assert!(mallory.heard.iter().any(told), "{:?}", mallory.heard);

    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert_eq!(alice.closed, None);
    server.stop().await.unwrap();
    closed
}

#[tokio::test]
async fn garbage_gives_a_protocol_error() {
    let (code, reason) =
        mallory_sends(async |m, _| m.send_bytes(vec![0xff, 0x00, 0x13]).await.unwrap()).await;
    assert_eq!(code, 1002, "{reason}");
}

#[tokio::test]
async fn a_sync_message_of_garbage_gives_a_protocol_error() {
    let (code, reason) = mallory_sends(async |m, document| {
        let (sender, target) = m.peer_ids();
        let data = vec![0x42, 0xff, 0xff, 0xff, 0xff];
        m.send(&Frame::Sync { sender, target, document, data }).await.unwrap();
    })
    .await;
    assert_eq!(code, 1002, "{reason}");
}

#[tokio::test]
async fn text_gives_a_protocol_error() {
    let (code, reason) = mallory_sends(async |m, _| {
        m.socket().send(Message::text("{\"type\":\"join\"}")).await.unwrap();
    })
    .await;
    assert_eq!(code, 1002, "{reason}");
}

#[tokio::test]
async fn an_oversized_frame_gives_too_large() {
    let (code, reason) = mallory_sends(async |m, _| {
        m.send_bytes(vec![0; limits::FRAME_BYTES_MAX + 100_000]).await.unwrap();
    })
    .await;
    assert_eq!(code, 1009, "{reason}");
}

#[tokio::test]
async fn another_protocol_version_is_told_so() {
    let (_folder, server) = start().await;
    let mut socket = open_socket(server.address()).await.unwrap();
    let join = Frame::Join {
        sender: "x".to_owned(),
        metadata: chartroom_server::wire::frame::PeerMetadata::default(),
        versions: vec!["2".to_owned()],
    };
    let bytes = chartroom_server::wire::frame::encode(&join);
    socket.send(Message::Binary(bytes.into())).await.unwrap();
    // A ping may come first.
    let first = loop {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            break bytes;
        }
    };
    let frame = chartroom_server::wire::frame::decode(&first).unwrap();
    assert!(matches!(frame, Frame::Error { message, .. } if message.contains("version 1")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_frame_before_join_is_a_protocol_error() {
    let (_folder, server) = start().await;
    let mut socket = open_socket(server.address()).await.unwrap();
    let frame =
        Frame::Room { sender: "x".to_owned(), target: "y".to_owned(), name: ROOM.to_owned() };
    let bytes = chartroom_server::wire::frame::encode(&frame);
    socket.send(Message::Binary(bytes.into())).await.unwrap();
    let mut last = None;
    while let Some(Ok(message)) = socket.next().await {
        last = Some(message);
    }
    let Some(Message::Close(Some(close))) = last else { panic!("{last:?}") };
    assert_eq!(u16::from(close.code), 1002);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_bad_room_name_is_refused_and_the_connection_stands() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    for name in ["", "patient", "Patient:1", "patient:", "patient:a/b", &"x".repeat(500)] {
        let error = alice.open(name).await.unwrap_err();
        assert!(error.to_string().contains("room-name-invalid"), "{error}");
    }
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_document_is_unavailable() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let (sender, target) = alice.peer_ids();
    let document = chartroom_engine::DocumentId([7; 16]);
    alice
        .send(&Frame::Request { sender, target, document, data: vec![0x42, 0, 0, 0, 0] })
        .await
        .unwrap();
    let told = |alice: &Client| {
        alice.heard.iter().any(
            |frame| matches!(frame, Frame::DocUnavailable { document: d, .. } if *d == document),
        )
    };
    alice.until("doc-unavailable", told).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn unknown_message_types_are_ignored() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    alice.send(&Frame::Unknown { kind: "tomorrow".to_owned() }).await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn bad_commands_are_named() {
    let (_folder, server) = start().await;
    let put = |resource| json!({ "kind": "put", "resource": resource });
    let unknown = put(json!({ "resourceType": "Nonsense", "id": "x" }));
    let answer = server.command(ROOM, &unknown).await.unwrap();
    assert_eq!((answer.status, answer.code()), (422, Some("unknown-resource-type")));
    let bad_id = put(json!({ "resourceType": "Patient", "id": "a b" }));
    let answer = server.command(ROOM, &bad_id).await.unwrap();
    assert_eq!((answer.status, answer.code()), (422, Some("bad-id")));
    let wrong = put(json!({ "resourceType": "Patient", "id": "p2" }));
    let answer = server.command(ROOM, &wrong).await.unwrap();
    assert_eq!((answer.status, answer.code()), (422, Some("wrong-patient")));
    let answer = server.command(ROOM, &json!({ "kind": "paint" })).await.unwrap();
    assert_eq!((answer.status, answer.code()), (400, Some("bad-body")));
    let answer = server.post(ROOM, "{".to_owned()).await.unwrap();
    assert_eq!((answer.status, answer.code()), (400, Some("bad-body")));
    let answer = server.command("Patient:1", &unknown).await.unwrap();
    assert_eq!((answer.status, answer.code()), (400, Some("room-name-invalid")));
    let answer = server.get("/rooms/patient:p1").await.unwrap();
    assert_eq!((answer.status, answer.code()), (404, Some("room-not-found")));
    server.stop().await.unwrap();
}
