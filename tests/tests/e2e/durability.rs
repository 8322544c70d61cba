//! What was acknowledged stays.

use std::sync::Arc;

use chartroom_server::storage::{Fault, Memory};
use chartroom_tests::{client::Client, server::Server};
use serde_json::json;

use crate::{ROOM, allergy, start};

#[tokio::test]
async fn restart_keeps_everything_acknowledged() {
    let (folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let heads = alice.heads(room);
    server.stop().await.unwrap();
    assert_eq!(alice.until_closed().await.unwrap().0, 1001);

    let server = Server::start(folder.path()).await.unwrap();
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    bob.open(ROOM).await.unwrap();
    bob.until_heads(room, &heads).await.unwrap();
    alice.reconnect(server.address()).await.unwrap();
    alice.put(room, allergy("a2", "peanut")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_acknowledges_nothing_and_loses_nothing() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage.clone()).await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();

    // Neither the commit nor its second try succeeds.
    storage.tree().fail_writes([Fault::WrittenUnsynced, Fault::NotWritten]);
    alice.put(room, allergy("a2", "peanut")).await.unwrap();
    assert_eq!(alice.until_closed().await.unwrap().0, 1013);
    assert_eq!(alice.chart(room).room.unsaved(), 1);

    alice.reconnect(server.address()).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let seen = server.get("/rooms/patient:p1").await.unwrap();
    assert_eq!(seen.body["resources"], json!({ "AllergyIntolerance": 2 }));
    server.stop().await.unwrap();
}
