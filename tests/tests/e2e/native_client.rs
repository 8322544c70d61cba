//! The client library for Rust programs: rooms kept in step through whatever the line does.

mod relay;
mod sign_in;

use std::{future::Future, pin::pin, sync::Arc};

use chartroom_client::{
    Author, Client, Command, EditError, Event, Events, FollowError, OpenError, OpenRoom, SaveError,
    Status, Target,
};
use chartroom_server::{config::ServerConfig, storage::Memory};
use chartroom_tests::{client::PATIENCE, server::Server};
use futures_util::FutureExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::timeout;

use crate::{ROOM, allergy, start};
use relay::Relay;

fn target(server: &Server) -> Target {
    Target::new(&server.http()).unwrap()
}

fn person(id: &str) -> Author {
    Author::new(id, id)
}

/// What was waited for, or the test fails.
async fn soon<T>(waiting: impl Future<Output = T>) -> T {
    timeout(PATIENCE, waiting).await.unwrap()
}

async fn open(target: Target, who: &str) -> (Client, OpenRoom) {
    let client = Client::connect(target, person(who));
    let room = soon(client.open(ROOM)).await.unwrap();
    (client, room)
}

/// Waits until the client has noticed that the server is away.
async fn until_offline(client: &Client) {
    let mut status = client.status();
    soon(status.wait_for(|status| matches!(status, Status::Offline(_)))).await.unwrap();
}

fn put(id: &str) -> Command {
    Command::Put { resource: allergy(id, "latex") }
}

fn there(id: &str) -> impl Fn(&OpenRoom) -> bool {
    move |room| room.resource("AllergyIntolerance", id).is_some()
}

async fn next(events: &mut Events) -> Event {
    soon(events.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_shows_at_once_and_is_saved() {
    let (_folder, server) = start().await;
    let (client, room) = open(target(&server), "alice").await;
    let edit = room.edit(put("a1")).await.unwrap();
    assert_eq!(room.resource("AllergyIntolerance", "a1"), Some(allergy("a1", "latex")));
    soon(edit.saved()).await.unwrap();
    assert_eq!(room.unsaved(), 0);
    // An edit that changes nothing is as safe as what it found.
    let again = room.edit(put("a1")).await.unwrap();
    assert_eq!(again.hash(), None);
    soon(again.saved()).await.unwrap();

    let stored = server.get(&format!("/rooms/{ROOM}/document")).await.unwrap();
    assert!(stored.body["resources"]["AllergyIntolerance"]["a1"].is_object(), "{}", stored.text);
    soon(client.close()).await;
    assert_eq!(room.edit(put("a2")).await.unwrap_err(), EditError::Closed);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_converge_in_two_rooms() {
    let (_folder, server) = start().await;
    let (alice, of_alice) = open(target(&server), "alice").await;
    let (_bob, of_bob) = open(target(&server), "bob").await;
    let beside = soon(alice.open("facility:directory")).await.unwrap();
    let ward = json!({ "resourceType": "Location", "id": "w1", "name": "Ward 1" });
    let elsewhere = beside.edit(Command::Put { resource: ward }).await.unwrap();
    for n in 0..20 {
        of_alice.edit(put(&format!("a{n}"))).await.unwrap();
        of_bob.edit(put(&format!("b{n}"))).await.unwrap();
    }
    let all =
        |room: &OpenRoom| room.is_in_step() && room.resources("AllergyIntolerance").len() == 40;
    soon(of_alice.until(all)).await.unwrap();
    soon(of_bob.until(all)).await.unwrap();
    assert_eq!(of_alice.heads(), of_bob.heads());
    soon(elsewhere.saved()).await.unwrap();
    assert!(of_bob.resource("Location", "w1").is_none());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn values_that_did_not_know_of_each_other_wait_for_a_person() {
    let (_folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    let (alice, of_alice) = open(relay.target(), "alice").await;
    let (_bob, of_bob) = open(target(&server), "bob").await;
    soon(of_alice.edit(put("a1")).await.unwrap().saved()).await.unwrap();
    soon(of_bob.until(there("a1"))).await.unwrap();

    relay.lead_to(None);
    until_offline(&alice).await;
    for (room, to) in [(&of_alice, "peanut"), (&of_bob, "wheat")] {
        room.edit(Command::Put { resource: allergy("a1", to) }).await.unwrap();
    }
    relay.lead_to(Some(server.address()));
    for room in [&of_alice, &of_bob] {
        soon(room.until(|room| room.conflicts().len() == 1)).await.unwrap();
    }
    assert_eq!(of_alice.conflicts()[0].values.len(), 2);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_loses_no_edit_and_no_event() {
    let (folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    let (client, room) = open(relay.target(), "alice").await;
    let mut events = room.follow(0).await.unwrap();
    soon(room.edit(put("a1")).await.unwrap().saved()).await.unwrap();
    assert_eq!(next(&mut events).await.resource_id, "a1");

    relay.lead_to(None);
    server.stop().await.unwrap();
    until_offline(&client).await;
    let away = [room.edit(put("a2")).await.unwrap(), room.edit(put("a3")).await.unwrap()];
    assert_eq!((room.unsaved(), room.is_in_step()), (2, false));
    assert!(there("a3")(&room));

    let server = Server::start(folder.path()).await.unwrap();
    let colleagues = json!({ "kind": "put", "resource": allergy("b1", "latex") });
    assert_eq!(server.command(ROOM, &colleagues).await.unwrap().status, 200);
    relay.lead_to(Some(server.address()));
    for edit in away {
        soon(edit.saved()).await.unwrap();
    }
    soon(room.until_in_step()).await.unwrap();
    assert!(there("b1")(&room));

    let page = server.get(&format!("/rooms/{ROOM}/events?after=0")).await.unwrap().body;
    let last = page["last"].as_u64().unwrap();
    let mut ids = Vec::new();
    for number in 2..=last {
        let event = next(&mut events).await;
        assert_eq!(event.seq, number);
        ids.push(event.resource_id);
    }
    for id in ["a2", "a3", "b1"] {
        assert!(ids.contains(&id.to_owned()), "{ids:?}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_opened_without_a_server_is_written_and_comes_into_step() {
    let (_folder, server) = start().await;
    let (_bob, of_bob) = open(target(&server), "bob").await;
    soon(of_bob.edit(put("b1")).await.unwrap().saved()).await.unwrap();
    let relay = Relay::before(server.address()).await;
    relay.lead_to(None);
    let (_alice, of_alice) = open(relay.target(), "alice").await;
    let edit = of_alice.edit(put("a1")).await.unwrap();
    assert!(!there("b1")(&of_alice));
    relay.lead_to(Some(server.address()));
    soon(edit.saved()).await.unwrap();
    soon(of_alice.until_in_step()).await.unwrap();
    assert!(there("b1")(&of_alice));
    soon(of_bob.until(there("a1"))).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_made_here_is_said_at_once() {
    let (_folder, server) = start().await;
    let (client, room) = open(target(&server), "mallory").await;
    let mut of_another = allergy("a1", "latex");
    of_another["patient"]["reference"] = "Patient/p2".into();
    let refused = room.edit(Command::Put { resource: of_another }).await.unwrap_err();
    let EditError::Command(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code(), "wrong-patient");
    assert!(!there("a1")(&room));
    assert!(matches!(soon(client.open("nonsense")).await, Err(OpenError::Name(_))));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_server_refuses_comes_back_with_its_reason() {
    let mut config = ServerConfig::new("unused");
    config.hub.limits.room_size_max.bytes = 20_000;
    let server = Server::start_over_with(Arc::new(Memory::new()), config).await.unwrap();
    let (_client, room) = open(target(&server), "alice").await;
    for letter in ["x", "y"] {
        let mut long = allergy("a1", "latex");
        long["note"] = json!([{ "text": letter.repeat(12_000) }]);
        let put = json!({ "kind": "put", "resource": long });
        assert_eq!(server.command(ROOM, &put).await.unwrap().status, 200);
    }
    let edit = room.edit(put("a2")).await.unwrap();
    let refused = soon(edit.saved()).await.unwrap_err();
    let SaveError::Refused { code, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(code, "room-full");
    assert_eq!(edit.command(), &put("a2"));
    assert!(!there("a2")(&room), "the room shows what the server has");
    assert_eq!(room.unsaved(), 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_first_sync_comes_in_parts() {
    let storage = Arc::new(Memory::new());
    let server = Server::start_over_with(storage, ServerConfig::new("unused")).await.unwrap();
    let (_alice, of_alice) = open(target(&server), "alice").await;
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..8 {
        // What does not compress, so that the snapshot is large.
        let text: String = (0..40_000).map(|_| random.random_range('a'..='z')).collect();
        let resource = allergy(&format!("a{number}"), &text);
        of_alice.edit(Command::Put { resource }).await.unwrap();
    }
    soon(of_alice.until_in_step()).await.unwrap();
    let (_bob, of_bob) = open(target(&server), "bob").await;
    assert_eq!(of_bob.heads(), of_alice.heads());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_founded_anew_takes_its_people_and_their_edits_along() {
    let (_folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    let (alice, of_alice) = open(relay.target(), "alice").await;
    let (_bob, of_bob) = open(target(&server), "bob").await;
    let mut events = of_alice.follow(0).await.unwrap();
    soon(of_alice.edit(put("a1")).await.unwrap().saved()).await.unwrap();
    assert_eq!(next(&mut events).await.resource_id, "a1");
    soon(of_bob.until(there("a1"))).await.unwrap();

    relay.lead_to(None);
    until_offline(&alice).await;
    let mut late = allergy("a1", "latex");
    late["note"] = json!([{ "text": "since childhood" }]);
    let edit = of_alice.edit(Command::Put { resource: late }).await.unwrap();
    let before = edit.hash();
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.body["epoch"], 2, "{}", answer.text);
    // Bob hears of it on his connection, and goes on.
    soon(of_bob.edit(put("b1")).await.unwrap().saved()).await.unwrap();

    relay.lead_to(Some(server.address()));
    soon(edit.saved()).await.unwrap();
    assert_ne!(edit.hash(), before, "it was made again");
    soon(of_alice.until(there("b1"))).await.unwrap();
    let noted = |room: &OpenRoom| {
        let shown = room.resource("AllergyIntolerance", "a1");
        shown.is_some_and(|shown| shown["note"][0]["text"] == "since childhood")
    };
    soon(of_bob.until(noted)).await.unwrap();
    assert_eq!(of_alice.heads(), of_bob.heads());
    let mut seq = 1;
    loop {
        let event = next(&mut events).await;
        assert_eq!(event.seq, seq + 1);
        seq = event.seq;
        if event.changed.iter().any(|element| element == "note") {
            break;
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_edit_that_does_not_fit_the_new_epoch_comes_back() {
    let (_folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    let (alice, room) = open(relay.target(), "alice").await;
    for id in ["a1", "a2"] {
        soon(room.edit(put(id)).await.unwrap().saved()).await.unwrap();
    }
    relay.lead_to(None);
    until_offline(&alice).await;
    let patch = |id: &str| Command::Patch {
        resource_type: "AllergyIntolerance".to_owned(),
        id: id.to_owned(),
        elements: json!({ "criticality": "high" }).as_object().unwrap().clone(),
    };
    let (lost, kept) =
        (room.edit(patch("a1")).await.unwrap(), room.edit(patch("a2")).await.unwrap());
    let delete = json!({ "kind": "delete", "resourceType": "AllergyIntolerance", "id": "a1" });
    assert_eq!(server.command(ROOM, &delete).await.unwrap().status, 200);
    let answer = server.post_path(&format!("/rooms/{ROOM}/refound"), String::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    relay.lead_to(Some(server.address()));
    let error = soon(lost.saved()).await.unwrap_err();
    assert!(matches!(error, SaveError::NotMadeAgain(_)), "{error}");
    assert_eq!(lost.command(), &patch("a1"));
    soon(kept.saved()).await.unwrap();
    assert!(!there("a1")(&room));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_of_events_is_waited_for() {
    const EDITS: u64 = 1000;
    let (_folder, server) = start().await;
    let (_client, room) = open(target(&server), "alice").await;
    let mut slow = room.follow(0).await.unwrap();
    for n in 0..EDITS {
        room.edit(put(&format!("a{n}"))).await.unwrap();
    }
    soon(room.until_in_step()).await.unwrap();
    // A reader that came later has had all of them before the slow one begins.
    let mut quick = room.follow(0).await.unwrap();
    for events in [&mut quick, &mut slow] {
        for number in 1..=EDITS {
            assert_eq!(next(events).await.seq, number);
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn events_that_are_not_there_end_the_stream() {
    let (_folder, server) = start().await;
    let (client, room) = open(target(&server), "alice").await;
    let mut events = room.follow(7).await.unwrap();
    let ended = soon(events.next()).await.unwrap().unwrap_err();
    assert_eq!(ended, FollowError::Ahead { last: 0 });
    assert!(soon(events.next()).await.is_none());
    let mut others = room.follow(0).await.unwrap();
    soon(client.close()).await;
    assert!(soon(others.next()).await.is_none());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_after_cut_loses_and_repeats_nothing() {
    let (_folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    let (_alice, room) = open(relay.target(), "alice").await;
    let mut events = room.follow(0).await.unwrap();
    for round in 0..3 {
        for n in 0..50 {
            room.edit(put(&format!("a{round}-{n}"))).await.unwrap();
            if n == 25 {
                // Some of these have arrived, some are on their way.
                relay.lead_to(Some(server.address()));
            }
        }
        // The first event of this round has come through.
        let expected = round * 50 + 1;
        assert_eq!(next(&mut events).await.seq, expected);
        for number in expected + 1..=expected + 49 {
            assert_eq!(next(&mut events).await.seq, number);
        }
    }
    soon(room.until_in_step()).await.unwrap();
    let stored = server.get(&format!("/rooms/{ROOM}")).await.unwrap();
    assert_eq!(stored.body["seq"], 150);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_edit_waits_while_too_much_is_unsaved() {
    let (_folder, server) = start().await;
    let relay = Relay::before(server.address()).await;
    relay.lead_to(None);
    let (client, room) = open(relay.target(), "alice").await;
    // Those that change nothing count as well.
    let data = "x".repeat(chartroom_client::UNSAVED_BYTES_MAX / 8);
    let resource = json!({ "resourceType": "Binary", "id": "b1", "data": data });
    for _ in 0..8 {
        let long = Command::Put { resource: resource.clone() };
        soon(room.edit(long)).await.unwrap();
    }
    let mut another = pin!(room.edit(put("a3")));
    assert!(another.as_mut().now_or_never().is_none());
    // What is asked later is answered, so the other was not asked for.
    soon(client.open("patient:p2")).await.unwrap();
    assert!(another.as_mut().now_or_never().is_none());
    assert_eq!(room.unsaved(), 8);

    relay.lead_to(Some(server.address()));
    soon(soon(another).await.unwrap().saved()).await.unwrap();
    server.stop().await.unwrap();
}
