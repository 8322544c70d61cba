use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use chartroom_engine::{Author, Event, Input, Output, Peer, Role, Room, RoomConfig};

use super::{
    bend::bend,
    person::Person,
    ward::{self, BOB, MALLORY, NOW_MS, Ward, founded, room_id, sync_message},
    words,
};

const STEPS_MAX: usize = 16;
const SERVER: Peer = Peer(0);

/// Whatever is written, by command or by foreign clients, in step or not: events are derived and
/// numbered without gaps, and whoever reads the log in whatever portions derives the
/// same.
pub fn events(data: &[u8]) {
    let mut ward = Ward::new();
    let mut choices = Unstructured::new(data);
    write(&mut ward, &mut choices).ok();
    let told = || ward.events.iter().map(comparable);
    let portion = choices.int_in_range(1..=4).unwrap_or(1);
    let read = reader(&ward, portion);
    assert!(read.iter().map(comparable).eq(told()), "a reader derives what was told");
    behind(&ward);
    ward.check();
}

fn write(ward: &mut Ward, choices: &mut Unstructured<'_>) -> Result<()> {
    let mut bob = Person::in_step(ward, BOB);
    for _ in 0..STEPS_MAX {
        if choices.is_empty() {
            break;
        }
        match choices.int_in_range(0..=4)? {
            0 | 1 => drop(ward.command(words::command(choices, 1)?)),
            2 => {
                let mut mallory = Person::in_step(ward, MALLORY);
                if let Some(change) = mallory.edit(choices)? {
                    ward.offer(MALLORY, vec![change.raw_bytes().to_vec()]);
                }
            }
            3 => bob = Person::in_step(ward, BOB),
            _ => {
                if let Some(change) = bob.edit(choices)? {
                    ward.offer(BOB, vec![bend(&change, choices)?]);
                }
            }
        }
    }
    Ok(())
}

/// What a client derives that is sent the log in portions.
fn reader(ward: &Ward, portion: usize) -> Vec<Event> {
    let mut room = Room::new(RoomConfig::new(room_id(), Role::Client), founded());
    for (actor, author) in ward.room.people().bindings() {
        let (actor, author): (_, Author) = (actor.clone(), author.clone());
        room.handle(NOW_MS, Input::Introduced { actor, author });
    }
    let joined = Input::Joined { peer: SERVER, author: None, may_write: true, extensions: true };
    room.handle(NOW_MS, joined);
    let mut events = Vec::new();
    for chunks in ward.log.chunks(portion) {
        let message = sync_message(chunks.iter().map(|chunk| chunk.to_vec()).collect());
        room.handle(NOW_MS, Input::Received { peer: SERVER, message });
        loop {
            room.advance(NOW_MS);
            let mut persisted = None;
            while let Some(output) = room.poll_output() {
                match output {
                    Output::Persist(batch) => persisted = Some(batch.number),
                    Output::Events(some) => {
                        events.extend(some.into_iter().map(Arc::unwrap_or_clone))
                    }
                    Output::Close { reason, .. } => panic!("the log is refused: {reason}"),
                    Output::Reload { reason } => panic!("the log does harm: {reason}"),
                    Output::Send { .. }
                    | Output::Answered { .. }
                    | Output::Refused { .. }
                    | Output::Quarantine { .. }
                    | Output::Introduce { .. }
                    | Output::Adopted
                    | Output::Saved { .. }
                    | Output::GivenBack { .. } => {}
                }
            }
            let Some(through) = persisted else { break };
            room.handle(NOW_MS, Input::Persisted { through });
        }
    }
    assert_eq!(room.document().heads(), ward.room.document().heads());
    events
}

/// The resource of each event is read back from the log, as a replay gives it.
fn behind(ward: &Ward) {
    let chunks: Vec<Vec<u8>> = ward.log.iter().map(|chunk: &Arc<[u8]>| chunk.to_vec()).collect();
    let document = ward::load(None, chunks).expect("what was logged can be loaded");
    let asked: Vec<_> = ward
        .events
        .iter()
        .map(|event| {
            let hash = event.changes.first().and_then(|hash| hash.parse().ok());
            let hash = hash.expect("an event names its change");
            (hash, event.resource_type.clone(), event.resource_id.clone())
        })
        .collect();
    for (event, behind) in ward.events.iter().zip(document.resources_behind(&asked)) {
        assert_eq!(behind, event.resource, "a replay is what was told");
    }
}

/// An event without what only the server gives it: its number.
fn comparable(event: &Event) -> Event {
    Event { seq: 0, ..event.clone() }
}
