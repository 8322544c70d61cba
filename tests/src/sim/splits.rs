//! However a room's log is cut into batches, its events and their numbers are the same.

use std::sync::Arc;

use automerge::{
    Change,
    sync::{ChunkList, Message, MessageVersion},
};
use chartroom_engine::{
    Author, Document, Event, Input, LoggedChange, Output, Peer, Role, Room, RoomConfig,
    document::People,
};

use super::choices::Choices;

/// Whether the log in batches of one, all at once, and cut by chance gives these events; times apart.
pub fn agree(room: &Room, events: &[Event]) -> Result<(), String> {
    let log = room.document().log();
    let expected: Vec<Event> = events.iter().map(bare).collect();
    let mut choices = Choices::of(log.len() as u64);
    let mut by_chance = || 1 + choices.below(9) as usize;
    let ways: [(&str, &mut dyn FnMut() -> usize); 3] = [
        ("one by one", &mut || 1),
        ("all at once", &mut || usize::MAX),
        ("cut by chance", &mut by_chance),
    ];
    for (way, size) in ways {
        let found: Vec<Event> = again(room, &log, size).iter().map(bare).collect();
        if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
            return Err(format!("{way}: {found:?} and not {expected:?}"));
        }
        if found.len() != expected.len() {
            return Err(format!("{way}: {} events and not {}", found.len(), expected.len()));
        }
    }
    Ok(())
}

fn bare(event: &Event) -> Event {
    Event { time_ms: 0, resource: Arc::default(), ..event.clone() }
}

/// The events of a new room that takes a log, in batches of these sizes.
fn again(room: &Room, log: &[LoggedChange], size: &mut dyn FnMut() -> usize) -> Vec<Event> {
    let id = room.id().clone();
    let bindings = || room.people().bindings().map(|(actor, who)| (actor.clone(), who.clone()));
    let server = bindings().find(|(_, who)| who.id == People::SERVER);
    let (actor, server) = server.expect("a server's room knows the server's actor");
    let config = RoomConfig {
        server_actor: Some(actor.clone()),
        bindings: bindings().collect(),
        ..RoomConfig::new(id.clone(), Role::Server)
    };
    let mut again = Room::new(config, Document::found(&id, actor));
    let mut authors: Vec<Author> = vec![server];
    let mut events = Vec::new();
    let mut rest = log;
    while !rest.is_empty() {
        let (batch, tail) = rest.split_at(size().min(rest.len()));
        for change in batch {
            let who = author_of(room, change);
            let at = authors.iter().position(|author| *author == who).unwrap_or_else(|| {
                authors.push(who.clone());
                authors.len() - 1
            });
            let peer = Peer(at as u64);
            let joined =
                Input::Joined { peer, author: Some(who), may_write: true, extensions: false };
            again.handle(0, joined);
            let message = message(change);
            again.handle(0, Input::Received { peer, message });
        }
        drive(&mut again, &mut events);
        rest = tail;
    }
    events
}

fn drive(room: &mut Room, events: &mut Vec<Event>) {
    loop {
        room.advance(0);
        let mut persisted = None;
        while let Some(output) = room.poll_output() {
            if let Output::Persist(batch) = output {
                persisted = Some(batch.number);
                events.extend(batch.events.into_iter().map(Arc::unwrap_or_clone));
            }
        }
        match persisted {
            Some(through) => room.handle(0, Input::Persisted { through }),
            None if !room.has_work() => return,
            None => {}
        }
    }
}

/// The person that a change's actor is bound to.
fn author_of(room: &Room, change: &LoggedChange) -> Author {
    let parsed = Change::from_bytes(change.bytes.to_vec()).expect("a logged change is read back");
    let bound = room.author_of(parsed.actor_id()).cloned();
    bound.unwrap_or_else(|| panic!("nobody is bound to the actor of change {}", change.seq))
}

fn message(change: &LoggedChange) -> Vec<u8> {
    let changes = ChunkList::from(vec![change.bytes.to_vec()]);
    let (need, have, version) = (Vec::new(), Vec::new(), MessageVersion::V1);
    Message { heads: vec![change.hash], need, have, changes, flags: None, version }.encode()
}
