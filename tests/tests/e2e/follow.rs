//! Numbered events over `/sync`: what the extension's frames do where no client helps.

use std::sync::Arc;

use chartroom_engine::DocumentId;
use chartroom_server::{
    storage::Memory,
    wire::frame::{FollowStart, Frame},
};
use chartroom_tests::{
    client::{Client, open_narrow_socket},
    server::Server,
};
use serde_json::{Value, json};

use crate::{ROOM, allergy, start};

async fn follow(client: &mut Client, document: DocumentId, id: u64, after: u64) {
    let (sender, target) = client.peer_ids();
    client
        .send(&Frame::Follow { sender, target, document, id, start: FollowStart::After(after) })
        .await
        .unwrap();
}

/// Numbers of the events heard for one follow.
fn heard(client: &Client, follow: u64) -> Vec<u64> {
    let frames = client.heard.iter().filter_map(|frame| match frame {
        Frame::Events { id, events, .. } if *id == follow => Some(events),
        _ => None,
    });
    let number = |text: &String| serde_json::from_str::<Value>(text).unwrap()["seq"].as_u64();
    frames.flatten().map(|text| number(text).unwrap()).collect()
}

/// Code of the end of each follow that ended.
fn ends(client: &Client) -> Vec<(u64, &str)> {
    let ends = client.heard.iter().filter_map(|frame| match frame {
        Frame::FollowEnded { id, code, .. } => Some((*id, code.as_str())),
        _ => None,
    });
    ends.collect()
}

#[tokio::test]
async fn a_replay_waits_for_a_slow_reader_and_does_not_close_it() {
    let server = Server::start_over(Arc::new(Memory::new())).await.unwrap();
    for n in 0..12 {
        let mut note = allergy(&format!("a{n}"), "latex");
        note["note"] = json!([{ "text": "x".repeat(512 * 1024) }]);
        let put = json!({ "kind": "put", "resource": note });
        assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
    }
    let narrow = open_narrow_socket(server.address()).await.unwrap();
    let mut slow = Client::over(narrow, "slow").await.unwrap();
    let room = slow.open(ROOM).await.unwrap();
    follow(&mut slow, room, 1, 0).await;
    // Far more than waits for one peer; by the time this reader has it all, the other's is read too.
    let page = server.get(&format!("/rooms/{ROOM}/events")).await.unwrap().body;
    let all: Vec<u64> = (1..=page["events"].as_array().unwrap().len() as u64).collect();
    assert!(all.len() >= 12);
    slow.until("everything is there", |slow| heard(slow, 1).len() >= all.len()).await.unwrap();
    assert_eq!(heard(&slow, 1), all);
    assert_eq!(slow.closed, None);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_followed_is_said_and_the_rest_goes_on() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    follow(&mut alice, DocumentId([7; 16]), 1, 0).await;
    follow(&mut alice, room, 2, 1000).await;
    alice.until("both ended", |alice| ends(alice).len() == 2).await.unwrap();
    assert!(ends(&alice).contains(&(1, "room-unavailable")), "{:?}", alice.heard);
    assert!(ends(&alice).contains(&(2, "events-ahead")), "{:?}", alice.heard);
    for id in 100..=164 {
        follow(&mut alice, room, id, 0).await;
    }
    alice.until("one too many", |alice| ends(alice).len() == 3).await.unwrap();
    assert_eq!(ends(&alice)[2], (164, "too-many-follows"));
    // A number in use is replaced, and one that was given up is free for another.
    let (sender, target) = alice.peer_ids();
    alice.send(&Frame::Unfollow { sender, target, id: 100 }).await.unwrap();
    follow(&mut alice, room, 163, 0).await;
    follow(&mut alice, room, 165, 0).await;
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    let all_but_one =
        |alice: &Client| (101..=163).chain([165]).all(|id| heard(alice, id).first() == Some(&1));
    alice.until("all others hear it", all_but_one).await.unwrap();
    assert!(heard(&alice, 100).is_empty());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_last_events_come_first_and_then_what_comes() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    let last = |id, count| {
        let (sender, target) = alice.peer_ids();
        Frame::Follow { sender, target, document: room, id, start: FollowStart::Last(count) }
    };
    let (early, two, all, wrong) = (last(1, 1000), last(2, 2), last(3, 1000), last(4, 0));
    // The log is empty yet.
    alice.send(&early).await.unwrap();
    for n in 0..4 {
        alice.put(room, allergy(&format!("a{n}"), "latex")).await.unwrap();
        alice.until_saved(room).await.unwrap();
    }
    let events = server.get(&format!("/rooms/{ROOM}/events")).await.unwrap().body;
    let end = events["last"].as_u64().unwrap();
    let heard_all = |from: u64, to: u64, id| {
        move |me: &Client| heard(me, id) == (from..=to).collect::<Vec<_>>()
    };
    alice.until("from the beginning", heard_all(1, end, 1)).await.unwrap();
    alice.send(&two).await.unwrap();
    alice.until("two", heard_all(end - 1, end, 2)).await.unwrap();
    alice.send(&all).await.unwrap();
    alice.until("fewer than asked for", heard_all(1, end, 3)).await.unwrap();
    alice.put(room, allergy("a9", "latex")).await.unwrap();
    alice.until("what comes", |me| heard(me, 2).last() > Some(&end)).await.unwrap();
    let live = heard(&alice, 2);
    assert!(live.windows(2).all(|pair| pair[1] == pair[0] + 1), "{live:?}");
    // No number of events.
    alice.send(&wrong).await.unwrap();
    assert_eq!(alice.until_closed().await.unwrap().0, 1002);
    server.stop().await.unwrap();
}
