//! Rooms come and go, and one that is damaged harms no other.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use chartroom_engine::limits::SYNC_PART_BYTES;
use chartroom_server::{
    config::ServerConfig,
    storage::{Memory, Storage, Tree, Write},
    wire::frame::Frame,
};
use chartroom_tests::{
    client::{Client, PATIENCE, open_narrow_socket},
    gate::Gate,
    server::Server,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{ROOM, alice_and_bob, allergy};

#[tokio::test]
async fn idle_room_is_unloaded_and_comes_back() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage).await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let heads = alice.heads(room);
    assert_eq!(loaded_rooms(&server).await, 1);
    drop(alice);

    let unloaded = async {
        while loaded_rooms(&server).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, unloaded).await.unwrap();
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    bob.open(ROOM).await.unwrap();
    bob.until_heads(room, &heads).await.unwrap();
    bob.put(room, allergy("a2", "peanut")).await.unwrap();
    bob.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_that_changes_while_it_is_unloaded_loses_nothing() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage).await.unwrap();
    for n in 0..50 {
        let put = json!({ "kind": "put", "resource": allergy(&format!("a{n}"), "latex") });
        assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
        if n % 10 == 0 {
            // Longer than a room stays without members here: the next command meets its unloading.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    let answer = server.get("/rooms/patient:p1").await.unwrap();
    assert_eq!(answer.body["resources"], json!({ "AllergyIntolerance": 50 }));
    assert_eq!(answer.body["seq"], 50);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn unreadable_room_leaves_the_rest() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage.clone()).await.unwrap();
    for (room, patient) in [(ROOM, "p1"), ("patient:p2", "p2")] {
        let mut resource = allergy("a1", "latex");
        resource["patient"]["reference"] = format!("Patient/{patient}").into();
        let put = json!({ "kind": "put", "resource": resource });
        assert_eq!(server.command(room, &put).await.unwrap().status, 200);
    }
    server.stop().await.unwrap();
    lose_a_change(&storage, ROOM);

    let server = Server::start_over(storage).await.unwrap();
    let answer = server.get("/rooms/patient:p1/document").await.unwrap();
    assert_eq!((answer.status, answer.code()), (503, Some("room-unreadable")));
    assert_eq!(answer.body["error"]["room"], ROOM);
    assert!(answer.body["error"]["key"].as_str().is_some_and(|key| !key.is_empty()));
    let put = json!({ "kind": "put", "resource": allergy("a2", "latex") });
    let answer = server.command(ROOM, &put).await.unwrap();
    assert_eq!((answer.status, answer.code()), (503, Some("room-unreadable")));

    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let error = alice.open(ROOM).await.unwrap_err();
    assert!(error.to_string().contains("room-unreadable"), "{error}");
    let other = alice.open("patient:p2").await.unwrap();
    let there = |alice: &Client| alice.resource(other, "AllergyIntolerance", "a1").is_some();
    alice.until("the other room is there", there).await.unwrap();
    assert_eq!(server.get("/rooms").await.unwrap().body["rooms"].as_array().unwrap().len(), 2);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_nobody_waits_for_it() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage).await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let narrow = open_narrow_socket(server.address()).await.unwrap();
    let mut slow = Client::over(narrow, "slow").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    slow.open(ROOM).await.unwrap();
    // More than waits for one peer, while the slow one reads nothing.
    for n in 0..12 {
        let mut note = allergy(&format!("a{n}"), "latex");
        note["note"] = json!([{ "text": "x".repeat(512 * 1024) }]);
        alice.put(room, note).await.unwrap();
        alice.until_saved(room).await.unwrap();
    }
    let closed = slow.until_closed().await;
    // What was on its way may have been cut off with the close frame behind it.
    assert!(closed.is_err() || closed.is_ok_and(|(code, _)| [1013, 1006].contains(&code)));
    slow.reconnect(server.address()).await.unwrap();
    let heads = alice.heads(room);
    slow.until_heads(room, &heads).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_subscribes_hears_what_the_server_holds() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over(storage).await.unwrap();
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    let (sender, target) = bob.peer_ids();
    let ours = target.strip_prefix("chartroom-").unwrap().to_owned();
    let (add, remove) = (vec![ours.clone()], Vec::new());
    let subscribe = Frame::RemoteSubscriptionChange { sender, target, add, remove };
    bob.send(&subscribe).await.unwrap();
    // Answered behind the subscription, so that it has been taken when Alice writes.
    bob.open("patient:p2").await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let head = alice.heads(room)[0].to_string();
    let held = |bob: &Client| {
        bob.heard.iter().any(|frame| match frame {
            Frame::RemoteHeadsChanged { document, heads, .. } => {
                *document == room && heads[&ours].heads.iter().any(|h| hex_of(h) == head)
            }
            _ => false,
        })
    };
    bob.until("the server's heads", held).await.unwrap();
    server.stop().await.unwrap();
}

/// Hex of a hash in bs58check.
fn hex_of(head: &str) -> String {
    let bytes = bs58::decode(head).with_check(None).into_vec().unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes one record of the room's log.
fn lose_a_change(storage: &Memory, room: &str) {
    let mut prefix = b"x".to_vec();
    prefix.extend_from_slice(room.as_bytes());
    let mut end = prefix.clone();
    end.push(0xff);
    let mut lost = None;
    let mut first = |key: &[u8], _: &[u8]| {
        lost = Some(key.to_vec());
        ControlFlow::Break(())
    };
    storage.tree().scan(&prefix, &end, &mut first).unwrap();
    storage.tree().write(vec![Write::Delete(lost.unwrap())]).unwrap();
}

async fn loaded_rooms(server: &Server) -> u64 {
    let text = server.text("/metrics").await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("chartroom_rooms_loaded ")).unwrap();
    line.parse().unwrap()
}

#[tokio::test]
async fn a_large_room_comes_in_parts_to_all_who_join_and_they_converge() {
    const PEOPLE: usize = 5;
    let server = Server::start_over_with(Arc::new(Memory::new()), ServerConfig::new("unused"));
    let server = server.await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..8 {
        // What does not compress, so that the snapshot is large.
        let text: String = (0..40_000).map(|_| random.random_range('a'..='z')).collect();
        alice.put(room, allergy(&format!("a{number}"), &text)).await.unwrap();
    }
    alice.until_saved(room).await.unwrap();
    let heads = alice.heads(room);

    let mut joining = JoinSet::new();
    for number in 0..PEOPLE {
        let (address, heads) = (server.address(), heads.clone());
        joining.spawn(async move {
            let mut client = Client::connect(address, &format!("p{number}")).await.unwrap();
            let room = client.open(ROOM).await.unwrap();
            client.until_heads(room, &heads).await.unwrap();
            client.chart(room).parts.clone()
        });
    }
    for parts in joining.join_all().await {
        let (last, full) = parts.split_last().expect("it came in parts");
        assert!(full.len() >= 2 && full.iter().all(|bytes| *bytes == SYNC_PART_BYTES), "{parts:?}");
        assert!(*last <= SYNC_PART_BYTES);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_serves_before_it_has_looked_at_its_rooms_and_loads_none_of_the_others() {
    let memory = Arc::new(Memory::new());
    let server = Server::start_over(memory.clone()).await.unwrap();
    for patient in 1..=20 {
        let resource = json!({ "resourceType": "Patient", "id": format!("p{patient}") });
        let put = json!({ "kind": "put", "resource": resource });
        let room = format!("patient:p{patient}");
        assert_eq!(server.command(&room, &put).await.unwrap().status, 200);
    }
    server.stop().await.unwrap();

    let storage = Arc::new(Gate::new(memory, ROOM.parse().unwrap()));
    let held = Arc::clone(&storage);
    let (release, released) = std::sync::mpsc::sync_channel::<()>(0);
    let (holding, holds) = tokio::sync::oneshot::channel();
    let holder = std::thread::spawn(move || {
        let _list = held.hold_list();
        holding.send(()).unwrap();
        released.recv().unwrap();
    });
    holds.await.unwrap();
    let server = Server::start_over(Arc::clone(&storage) as Arc<dyn Storage>).await.unwrap();
    assert_eq!(server.get("/readyz").await.unwrap().status, 200);
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let patients = storage.loaded();
    let patients = patients.iter().filter(|id| id.name.is_chart()).map(|id| id.name.as_str());
    assert_eq!(patients.collect::<Vec<_>>(), [ROOM]);
    release.send(()).unwrap();
    holder.join().unwrap();
    server.stop().await.unwrap();
}
