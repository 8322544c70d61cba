//! What people see of each other.

use chartroom_engine::{Command, mint_actor};
use chartroom_server::wire::frame::Frame;
use chartroom_tests::{client::Client, server::Server};

use crate::{ROOM, alice_and_bob, allergy, start};

#[tokio::test]
async fn late_peer_receives_history() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    for (id, to) in [("a1", "penicillin"), ("a2", "peanut"), ("a3", "latex")] {
        alice.put(room, allergy(id, to)).await.unwrap();
    }
    alice.until_saved(room).await.unwrap();

    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    assert_eq!(bob.open(ROOM).await.unwrap(), room);
    bob.until_heads(room, &alice.heads(room)).await.unwrap();
    let seen = bob.resource(room, "AllergyIntolerance", "a2");
    assert_eq!(seen, Some(allergy("a2", "peanut")));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn edit_reaches_a_colleague_with_its_author() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;

    alice.put(room, allergy("a1", "penicillin")).await.unwrap();
    let added = |bob: &Client| bob.resource(room, "AllergyIntolerance", "a1").is_some();
    bob.until("the allergy is there", added).await.unwrap();
    alice.put(room, allergy("a2", "peanut")).await.unwrap();
    let named = |bob: &Client| {
        bob.chart(room).events.iter().any(|event| {
            event.resource_id == "a2"
                && event.author.as_ref().is_some_and(|author| author.name == "Alice")
        })
    };
    bob.until("the event names Alice", named).await.unwrap();

    let delete =
        Command::Delete { resource_type: "AllergyIntolerance".to_owned(), id: "a1".to_owned() };
    bob.edit(room, delete).await.unwrap();
    let gone = |alice: &Client| alice.resource(room, "AllergyIntolerance", "a1").is_none();
    alice.until("the allergy is gone", gone).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn two_clients_converge() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    for n in 0..20 {
        alice.put(room, allergy(&format!("alice-{n}"), "latex")).await.unwrap();
        bob.put(room, allergy(&format!("bob-{n}"), "peanut")).await.unwrap();
    }
    alice.until_saved(room).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let all =
        |me: &Client| me.chart(room).room.document().collection("AllergyIntolerance").len() == 40;
    alice.until("everything is there", all).await.unwrap();
    bob.until("everything is there", all).await.unwrap();
    assert_eq!(alice.heads(room), bob.heads(room));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn two_who_founded_a_room_offline_both_see_both() {
    let (folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    server.stop().await.unwrap();

    let mut of_alice = allergy("a1", "penicillin");
    of_alice["criticality"] = "high".into();
    let mut of_bob = allergy("a1", "penicillin");
    of_bob["type"] = "allergy".into();
    // Sending fails, since nobody is there; the edits stand locally.
    let _ = alice.put(room, of_alice).await;
    let _ = bob.put(room, of_bob).await;

    let server = Server::start(folder.path()).await.unwrap();
    alice.reconnect(server.address()).await.unwrap();
    bob.reconnect(server.address()).await.unwrap();
    alice.until_saved(room).await.unwrap();
    bob.until_saved(room).await.unwrap();
    let both = |me: &Client| {
        me.resource(room, "AllergyIntolerance", "a1")
            .is_some_and(|a| a["criticality"] == "high" && a["type"] == "allergy")
    };
    alice.until("both people's elements", both).await.unwrap();
    bob.until("both people's elements", both).await.unwrap();
    let heads = alice.heads(room);
    bob.until_heads(room, &heads).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn presence_reaches_the_others_once() {
    let (_folder, server) = start().await;
    let (mut alice, mut bob, room) = alice_and_bob(&server).await;
    // A change that reached Bob shows that both are in the room.
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    let heads = alice.heads(room);
    bob.until_heads(room, &heads).await.unwrap();

    let (sender, target) = alice.peer_ids();
    let presence = |count| Frame::Ephemeral {
        sender: sender.clone(),
        target: target.clone(),
        document: room,
        count,
        session: "s".to_owned(),
        data: vec![0xf6],
    };
    for count in [1, 1, 2] {
        alice.send(&presence(count)).await.unwrap();
    }
    let counts = |bob: &Client| -> Vec<u64> {
        let heard = bob.heard.iter().filter_map(|frame| match frame {
            Frame::Ephemeral { count, .. } => Some(*count),
            _ => None,
        });
        heard.collect()
    };
    bob.until("presence twice", |bob| counts(bob).len() >= 2).await.unwrap();
    assert_eq!(counts(&bob), [1, 2]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_change_of_one_chart_is_refused_in_another() {
    let (_folder, server) = start().await;
    let mut mallory = Client::connect(server.address(), "mallory").await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = mallory.open("patient:p2").await.unwrap();
    alice.open("patient:p2").await.unwrap();
    let result = mallory.put(room, allergy("a1", "latex")).await;
    assert!(result.unwrap_err().to_string().contains("another patient"));

    let own = alice.open(ROOM).await.unwrap();
    alice.put(own, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(own).await.unwrap();
    assert!(alice.resource(room, "AllergyIntolerance", "a1").is_none());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn second_join_replaces_the_first() {
    let (_folder, server) = start().await;
    let mut first = Client::connect(server.address(), "alice").await.unwrap();
    let room = first.open(ROOM).await.unwrap();
    first.put(room, allergy("a1", "latex")).await.unwrap();
    first.until_saved(room).await.unwrap();

    let mut second = Client::connect(server.address(), "alice").await.unwrap();
    second.open(ROOM).await.unwrap();
    second.until_heads(room, &first.heads(room)).await.unwrap();
    assert_eq!(first.until_closed().await.unwrap().0, 1008);
    second.put(room, allergy("a2", "peanut")).await.unwrap();
    second.until_saved(room).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn frames_in_another_name_are_dropped() {
    let (_folder, server) = start().await;
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let mut mallory = Client::connect(server.address(), "mallory").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    mallory.open(ROOM).await.unwrap();
    let (sender, target) = alice.peer_ids();
    mallory.send(&Frame::Leave { sender: sender.clone() }).await.unwrap();
    mallory.send(&Frame::Sync { sender, target, document: room, data: vec![1] }).await.unwrap();
    alice.put(room, allergy("a1", "latex")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let heads = alice.heads(room);
    mallory.until_heads(room, &heads).await.unwrap();
    assert_eq!(mallory.author_of(room, &mint_actor(0, [0; 8])), None);
    server.stop().await.unwrap();
}
