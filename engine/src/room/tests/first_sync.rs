//! What newcomers are sent, and when it is made.

use super::{super::*, put, world::*};
use crate::limits::SNAPSHOT_TAIL_BYTES_MAX;

/// The opening message of a client that has nothing.
fn opening(seed: u8) -> (Room, Vec<u8>) {
    let mut client = replica("patient:1", Role::Client, seed);
    let joined = Input::Joined { peer: SERVER, author: None, may_write: true, extensions: true };
    client.handle(NOW, joined);
    client.advance(NOW);
    let message = sent(&mut client).pop().expect("a client opens");
    (client, message.to_vec())
}

/// The sync messages that a room has to say.
fn sent(room: &mut Room) -> Vec<Arc<[u8]>> {
    let outputs = std::iter::from_fn(|| room.poll_output());
    outputs
        .filter_map(|output| match output {
            Output::Send { message, .. } => Some(message),
            _ => None,
        })
        .collect()
}

/// Lets newcomers in at once; gives them, and what each is sent.
fn come(server: &mut Room, people: &[u8]) -> Vec<(Room, Arc<[u8]>)> {
    let mut clients = Vec::new();
    for person in people {
        let (peer, (client, message)) = (Peer(u64::from(*person)), opening(*person));
        let author = Some(Author::new(format!("p{person}"), "Somebody"));
        server.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: true });
        server.handle(NOW, Input::Received { peer, message });
        clients.push(client);
    }
    server.advance(NOW);
    clients.into_iter().zip(sent(server)).collect()
}

/// A server's room with so many resources, whose log is durable.
fn server_with(resources: usize) -> Room {
    let mut server = replica("patient:1", Role::Server, 200);
    write(&mut server, resources, "Asthma");
    server.handle(NOW, Input::Persisted { through: 1 });
    sent(&mut server);
    server
}

fn write(server: &mut Room, resources: usize, text: &str) {
    for i in 0..resources {
        let command = put(&format!("c{i}"), text);
        let author = Some(Author::new("alice", "Alice"));
        server.handle(NOW, Input::Command { ticket: 1, author, command });
    }
    server.advance(NOW);
}

fn holds(message: &[u8], chunk: &[u8]) -> bool {
    message.windows(chunk.len()).any(|window| window == chunk)
}

#[test]
fn newcomers_share_one_message_until_the_document_changes() {
    let mut server = server_with(3);
    let together = come(&mut server, &[1, 2]);
    let later = come(&mut server, &[3]);
    assert!(Arc::ptr_eq(&together[0].1, &together[1].1));
    assert!(Arc::ptr_eq(&together[0].1, &later[0].1));
    write(&mut server, 1, "Gout");
    server.handle(NOW, Input::Persisted { through: 2 });
    sent(&mut server);
    let changed = come(&mut server, &[4]);
    assert!(!Arc::ptr_eq(&together[0].1, &changed[0].1));
}

#[test]
fn a_newcomer_is_sent_the_snapshot_that_was_loaded_and_takes_no_events_from_behind_it() {
    let original = server_with(3);
    let snapshot = original.document().snapshot();
    let mut document = original.document().clone();
    let writer = crate::document::Writer::Person(None);
    document.command(&put("c9", "Gout"), writer, NOW).unwrap();
    let id = original.id().clone();
    let config =
        RoomConfig { snapshot: Some(snapshot.clone()), ..RoomConfig::new(id, Role::Server) };
    let mut server = Room::new(config, document);

    let (mut client, message) = come(&mut server, &[1]).remove(0);
    assert!(holds(&message, &snapshot.bytes));
    client.handle(NOW, Input::Received { peer: SERVER, message: message.to_vec() });
    client.advance(NOW);
    assert_eq!(client.document().heads(), server.document().heads());
    let outputs: Vec<Output> = std::iter::from_fn(|| client.poll_output()).collect();
    assert!(outputs.iter().any(|output| matches!(output, Output::Adopted)));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Events(_))));
}

#[test]
fn what_newcomers_are_sent_never_has_a_batch_in_flight() {
    let mut server = server_with(3);
    let before = server.durable().expect("all of it is durable");
    write(&mut server, 1, "Gout");
    assert!(server.durable().is_none());
    server.renew_snapshot(before.snapshot());
    assert!(come(&mut server, &[1]).is_empty(), "nobody is answered");
    server.handle(NOW, Input::Persisted { through: 2 });
    let message = sent(&mut server).pop().expect("the newcomer is answered");
    assert!(holds(&message, &before.save()));
    let (mut client, _) = opening(1);
    client.handle(NOW, Input::Received { peer: SERVER, message: message.to_vec() });
    client.advance(NOW);
    assert_eq!(client.document().heads(), server.document().heads());
}

#[test]
fn a_snapshot_that_was_outgrown_is_sent_until_there_is_another() {
    let mut server = server_with(3);
    let old = server.document().snapshot();
    come(&mut server, &[1]);
    write(&mut server, 1, &"x".repeat(SNAPSHOT_TAIL_BYTES_MAX));
    server.handle(NOW, Input::Persisted { through: 2 });
    sent(&mut server);
    assert!(!server.is_outgrown(), "nobody came for it yet");
    assert!(holds(&come(&mut server, &[2])[0].1, &old.bytes));
    assert!(server.is_outgrown());
    let new = server.durable().unwrap().snapshot();
    server.renew_snapshot(new.clone());
    assert!(!server.is_outgrown());
    assert!(holds(&come(&mut server, &[3])[0].1, &new.bytes));
}

#[test]
fn who_comes_during_an_import_is_not_sent_far_more_than_the_room_is_worth() {
    let mut server = server_with(1);
    come(&mut server, &[1]);
    for batch in 2..8 {
        write(&mut server, 1, &format!("{batch}").repeat(SNAPSHOT_TAIL_BYTES_MAX));
        server.handle(NOW, Input::Persisted { through: batch });
    }
    sent(&mut server);
    assert!(come(&mut server, &[2])[0].1.len() < SNAPSHOT_TAIL_BYTES_MAX);
    assert!(!server.is_outgrown());
}
