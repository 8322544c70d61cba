//! Over these limits a connection is closed, with a code.

use chartroom_engine::{DocumentId, limits};
use chartroom_server::{limits::Limits, wire::frame::Frame};
use chartroom_tests::{
    client::{Client, open_socket},
    forge,
};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use super::{exceeded, start_with};
use crate::{alice_and_bob, allergy};

/// The code of the error that a client heard.
fn error_code(client: &Client) -> Option<&str> {
    client.heard.iter().find_map(|frame| match frame {
        Frame::Error { code, .. } => code.as_deref(),
        _ => None,
    })
}

/// Mallory goes over a limit and is closed for it, while Alice, in the same room, works on.
async fn closed_for(
    limit: &str,
    set: impl FnOnce(&mut Limits),
    send: impl AsyncFnOnce(&mut Client, DocumentId) -> anyhow::Result<()>,
) -> u16 {
    let (_folder, server) = start_with(set).await;
    let (mut alice, mut mallory, room) = alice_and_bob(&server).await;
    // The end may come before all of it is sent.
    let _ = send(&mut mallory, room).await;
    let (code, _) = mallory.until_closed().await.unwrap();
    assert_eq!(error_code(&mallory), Some(limit));
    assert_eq!(exceeded(&server, limit).await, 1);
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    assert_eq!(alice.closed, None);
    server.stop().await.unwrap();
    code
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009() {
    let code = closed_for(
        "frame-too-large",
        |_| {},
        async |mallory, _| mallory.send_bytes(vec![0; limits::FRAME_BYTES_MAX + 100_000]).await,
    );
    assert_eq!(code.await, 1009);
}

#[tokio::test]
async fn a_message_that_lists_too_much_closes_with_1009() {
    let code = closed_for(
        "message-over-limit",
        |_| {},
        async |mallory, document| {
            let (sender, target) = mallory.peer_ids();
            let need = vec![[7; 32]; limits::HASHES_MAX + 1];
            let data = forge::Message { need, ..forge::Message::default() }.encode();
            mallory.send(&Frame::Sync { sender, target, document, data }).await
        },
    );
    assert_eq!(code.await, 1009);
}

#[tokio::test]
async fn messages_that_come_to_nothing_close_with_1008() {
    let code = closed_for(
        "too-many-mistakes",
        |limits| limits.messages_per_second = 100_000,
        async |mallory, _| {
            for _ in 0..limits::MISTAKES_BURST + 1000 {
                mallory.send(&Frame::Unknown { kind: "tomorrow".to_owned() }).await?;
            }
            Ok(())
        },
    );
    assert_eq!(code.await, 1008);
}

#[tokio::test]
async fn changes_that_are_refused_without_end_close_with_1008() {
    let code = closed_for(
        "too-many-refused",
        |_| {},
        async |mallory, document| {
            let (sender, target) = mallory.peer_ids();
            let changes = vec![forge::refused([6; 16]); limits::FRAME_CHANGES_MAX];
            let data = forge::Message::of(changes).encode();
            let frame = Frame::Sync { sender, target, document, data };
            for _ in 0..limits::REFUSED_BURST / limits::FRAME_CHANGES_MAX as u64 + 1 {
                mallory.send(&frame).await?;
            }
            Ok(())
        },
    );
    assert_eq!(code.await, 1008);
}

#[tokio::test]
async fn a_message_of_few_bytes_and_endless_operations_closes_with_1009() {
    let code = closed_for(
        "message-over-limit",
        |_| {},
        async |mallory, document| {
            let (sender, target) = mallory.peer_ids();
            let bombs = (0..20).map(|n| forge::bomb([n; 16], 99_999)).collect();
            let data = forge::Message::of(bombs).encode();
            mallory.send(&Frame::Sync { sender, target, document, data }).await
        },
    );
    assert_eq!(code.await, 1009);
}

#[tokio::test]
async fn a_message_to_others_over_the_limit_closes_with_1009() {
    let code = closed_for(
        "ephemeral-too-large",
        |_| {},
        async |mallory, document| {
            let (sender, target) = mallory.peer_ids();
            let (count, session) = (1, "s".to_owned());
            let data = vec![0; limits::EPHEMERAL_BYTES_MAX + 1];
            mallory.send(&Frame::Ephemeral { sender, target, document, count, session, data }).await
        },
    );
    assert_eq!(code.await, 1009);
}

#[tokio::test]
async fn who_says_nothing_is_closed_with_1008() {
    let (_folder, server) = start_with(|_| {}).await;
    let mut socket = open_socket(server.address()).await.unwrap();
    let closed = async {
        while let Some(message) = socket.next().await {
            if let Message::Close(Some(frame)) = message.unwrap() {
                return u16::from(frame.code);
            }
        }
        0
    };
    assert_eq!(closed.await, 1008);
    assert_eq!(exceeded(&server, "join-too-late").await, 1);
    server.stop().await.unwrap();
}
