//! Who is in a room, as the people in it are told.

use chartroom_engine::{Author, DocumentId};
use chartroom_server::wire::frame::{Frame, PeerMetadata, PresentPeer};
use chartroom_tests::{
    forge::Message,
    raw::{Wire, plain},
    server::Server,
};

use serde_json::json;

use crate::{ROOM, start};

/// A peer that understands the extensions, in no room.
async fn peer(server: &Server, person: &str, peer_id: &str) -> Wire {
    let mut wire = Wire::open(server.address(), None, peer_id).await.unwrap();
    let person = Some(Author::new(person, person.to_uppercase()));
    wire.join(PeerMetadata { person, ..plain() }).await.unwrap();
    match wire.frames.first() {
        Some(Frame::Peer { sender, .. }) => wire.server_id = sender.clone(),
        other => panic!("{other:?}"),
    }
    wire
}

/// Enters [`ROOM`]; its document.
async fn enter(wire: &mut Wire) -> DocumentId {
    let Frame::RoomFound { document, .. } = wire.find(ROOM).await.unwrap() else {
        panic!("{:?}", wire.frames)
    };
    wire.sync(document, Message::default().encode()).await.unwrap();
    wire.settled().await.unwrap();
    document
}

async fn show(wire: &mut Wire, document: DocumentId, state: Option<&str>) {
    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
    let state = state.map(str::to_owned);
    wire.send(&Frame::Presence { sender, target, document, state }).await.unwrap();
}

/// Somebody in the room who shows something.
async fn present(server: &Server, name: &str, state: Option<&str>) -> (Wire, DocumentId) {
    let mut wire = peer(server, name, &format!("peer-{name}")).await;
    let document = enter(&mut wire).await;
    show(&mut wire, document, state).await;
    wire.until("who is there", |me| told(me).count() > 0).await.unwrap();
    (wire, document)
}

/// What a peer was told, message by message.
fn told(wire: &Wire) -> impl Iterator<Item = (bool, &[PresentPeer], &[String])> {
    wire.frames.iter().filter_map(|frame| match frame {
        Frame::Present { complete, peers, gone, .. } => Some((*complete, &**peers, &**gone)),
        _ => None,
    })
}

/// Who else is there, as a peer has heard: peer, person and state.
fn others(wire: &Wire) -> Vec<(String, String, String)> {
    let mut there = std::collections::BTreeMap::new();
    for (complete, peers, gone) in told(wire) {
        if complete {
            there.clear();
        }
        for peer in peers.iter().filter(|peer| peer.peer != wire.peer_id) {
            there.insert(peer.peer.clone(), (peer.person.name.clone(), peer.state.clone()));
        }
        for peer in gone {
            there.remove(peer);
        }
    }
    there.into_iter().map(|(peer, (name, state))| (peer, name, state)).collect()
}

fn of(peer: &str, name: &str, state: &str) -> (String, String, String) {
    (peer.to_owned(), name.to_owned(), state.to_owned())
}

#[tokio::test]
async fn people_hear_who_is_there_under_which_name_and_who_went() {
    let (_folder, server) = start().await;
    let (mut alice, room) = present(&server, "alice", Some(r#"{"at":"a"}"#)).await;
    assert_eq!(told(&alice).next().unwrap(), (true, &[][..], &[][..]));
    let (mut bob, _) = present(&server, "bob", None).await;
    assert_eq!(others(&bob), [of("peer-alice", "ALICE", r#"{"at":"a"}"#)]);
    // Bob listens and shows nothing, until he does.
    show(&mut bob, room, Some("1")).await;
    alice.until("bob", |me| others(me) == [of("peer-bob", "BOB", "1")]).await.unwrap();
    show(&mut alice, room, Some("2")).await;
    bob.until("2", |me| others(me) == [of("peer-alice", "ALICE", "2")]).await.unwrap();
    show(&mut bob, room, None).await;
    alice.until("hidden", |me| others(me).is_empty()).await.unwrap();
    show(&mut bob, room, Some("3")).await;
    alice.until("again", |me| others(me).len() == 1).await.unwrap();
    let (sender, target) = (bob.peer_id.clone(), bob.server_id.clone());
    bob.send(&Frame::LeaveRoom { sender, target, document: room }).await.unwrap();
    alice.until("left", |me| others(me).is_empty()).await.unwrap();

    let (bob, _) = present(&server, "bob", Some("4")).await;
    alice.until("back", |me| others(me).len() == 1).await.unwrap();
    // Neither a leave nor a close frame.
    drop(bob);
    alice.until("gone", |me| others(me).is_empty()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_newer_socket_of_a_peer_takes_the_older_ones_place() {
    let (_folder, server) = start().await;
    let (mut alice, _) = present(&server, "alice", Some("1")).await;
    let (mut old, _) = present(&server, "bob", Some("2")).await;
    alice.until("bob", |me| others(me).len() == 1).await.unwrap();
    let (_new, _) = present(&server, "bob", Some("3")).await;
    assert_eq!(old.until_closed().await.unwrap().0, 1008);
    alice.until("new", |me| others(me) == [of("peer-bob", "BOB", "3")]).await.unwrap();
    // The end of the old socket takes nothing away.
    let (carol, _) = present(&server, "carol", None).await;
    assert_eq!(others(&carol).len(), 2);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_answer_to_a_join_says_whom_the_server_takes_it_for() {
    let (_folder, server) = start().await;
    let mut alice = peer(&server, "alice", "peer-1").await;
    let person = |wire: &Wire| match wire.frames.first() {
        Some(Frame::Peer { metadata, .. }) => metadata.chartroom.clone().unwrap().person,
        other => panic!("{other:?}"),
    };
    assert_eq!(person(&alice), Some(Author::new("alice", "ALICE")));
    let nobody = Wire::joined(server.address(), None, "peer-2").await.unwrap();
    assert_eq!(person(&nobody).unwrap().id, "anonymous");
    alice.settled().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_not_in_the_room_is_told_nothing_and_shown_to_nobody() {
    let (_folder, server) = start().await;
    let (mut alice, room) = present(&server, "alice", Some("1")).await;
    let mut bob = peer(&server, "bob", "peer-bob").await;
    // The name is known, the room not entered.
    bob.find(ROOM).await.unwrap();
    show(&mut bob, room, Some("2")).await;
    show(&mut bob, DocumentId([9; 16]), Some("3")).await;
    // Another's peer id, and what is no JSON.
    enter(&mut bob).await;
    let (sender, target) = (alice.peer_id.clone(), bob.server_id.clone());
    let forged = Frame::Presence { sender, target, document: room, state: Some("4".to_owned()) };
    bob.send(&forged).await.unwrap();
    show(&mut bob, room, Some("{")).await;
    bob.settled().await.unwrap();
    assert_eq!(told(&bob).count(), 0);
    show(&mut bob, room, Some("5")).await;
    alice.until("bob", |me| !others(me).is_empty()).await.unwrap();
    assert_eq!(others(&alice), [of("peer-bob", "BOB", "5")]);
    bob.until("alice", |me| !others(me).is_empty()).await.unwrap();
    assert_eq!(others(&bob), [of("peer-alice", "ALICE", "1")]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_state_over_four_kibibytes_ends_its_connection() {
    let (_folder, server) = start().await;
    let (mut alice, room) = present(&server, "alice", None).await;
    let (mut bob, _) = present(&server, "bob", None).await;
    let largest = format!("{:?}", "x".repeat(4094));
    show(&mut bob, room, Some(&largest)).await;
    alice.until("4096 bytes", |me| others(me).len() == 1).await.unwrap();
    show(&mut bob, room, Some(&format!("{largest} "))).await;
    assert_eq!(bob.until_closed().await.unwrap().0, 1009);
    alice.until("gone", |me| others(me).is_empty()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_people_cost_each_a_bounded_number_of_messages_and_bytes() {
    const PEOPLE: usize = 100;
    const ROUNDS: usize = 20;
    let (_folder, server) = start().await;
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push(present(&server, &format!("p{n}"), Some("{}")).await);
    }
    let room = people[0].1;
    let (watcher, movers) = people.split_first_mut().unwrap();
    let watcher = &mut watcher.0;
    watcher.until("all are there", |me| others(me).len() == PEOPLE - 1).await.unwrap();
    let (frames, bytes) = (told(watcher).count(), watcher.bytes.len());
    let began = std::time::Instant::now();
    for round in 1..=ROUNDS {
        let state = format!(r#"{{"at":"Observation/o{round}"}}"#);
        for (mover, _) in movers.iter_mut() {
            show(mover, room, Some(&state)).await;
        }
    }
    let last = format!(r#"{{"at":"Observation/o{ROUNDS}"}}"#);
    let moved = |me: &Wire| others(me).iter().all(|(_, _, state)| *state == last);
    watcher.until("all have moved", moved).await.unwrap();
    // One message for each tenth of a second, however many moved; the newest state of each alone.
    let ticks = usize::try_from(began.elapsed().as_millis() / 100).unwrap() + 2;
    let (frames, bytes) = (told(watcher).count() - frames, watcher.bytes.len() - bytes);
    assert!(frames <= ticks, "{frames} messages in {ticks} ticks");
    assert!(bytes <= ticks * PEOPLE * 160, "{bytes} bytes in {ticks} ticks");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_list_of_rooms_tells_who_is_shown_in_each_until_they_go() {
    let (_folder, server) = start().await;
    let patient = json!({ "resourceType": "Patient", "id": "p1" });
    server.command(ROOM, &json!({ "kind": "put", "resource": patient })).await.unwrap();
    let (mut alice, room) = present(&server, "alice", Some("1")).await;
    let (mut bob, _) = present(&server, "bob", None).await;
    let listed = async || {
        let rooms = server.get("/rooms").await.unwrap().body;
        let all = rooms["rooms"].as_array().unwrap();
        all.iter().find(|one| one["room"] == ROOM).unwrap()["present"].clone()
    };
    let id = json!([{ "id": "alice", "name": "ALICE" }]);
    // The list has what was told.
    alice.until("what changed", |me| told(me).any(|(complete, ..)| !complete)).await.unwrap();
    assert_eq!(listed().await, id, "Bob shows nothing of himself");
    show(&mut alice, room, None).await;
    bob.until("gone", |me| others(me).is_empty()).await.unwrap();
    assert_eq!(listed().await, json!([]));
    server.stop().await.unwrap();
}
