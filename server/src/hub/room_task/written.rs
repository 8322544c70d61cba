//! What the audit trail says of a batch that is about to be stored: one entry a change.
//!
//! What the server writes by itself, as the facility rooms' projections are, is nobody's act and has
//! none; what it writes for somebody is that person's.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{Batch, Event, Room, RoomId, document::People};

use super::members::Members;
use crate::audit::{Act, Entry};

/// The entries of a batch.
pub(super) fn entries_of(id: &RoomId, room: &Room, members: &Members, batch: &Batch) -> Vec<Entry> {
    let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    // What a facility room repeats was noted in the room that it is from.
    for event in batch.events.iter().filter(|event| event.source.is_none()) {
        for hash in &event.changes {
            events.entry(hash).or_default().push(event);
        }
    }
    let entries = batch.changes.iter().filter_map(|change| {
        let hash = change.hash.to_string();
        let events = events.get(hash.as_str()).map(Vec::as_slice).unwrap_or_default();
        let account = room.document().account(&change.hash, room.people())?;
        let mut entry = Entry::by_server(Act::Write).room(&id.name);
        (entry.who, entry.import) = (account.author, account.import);
        if let Some(event) = events.first() {
            entry.import |= event.import;
        }
        if !account.by_server {
            entry = members.locate(entry);
        }
        let mut touched = BTreeSet::new();
        for event in events {
            if touched.insert((&event.resource_type, &event.resource_id)) {
                let of = format!("{}/{}", event.resource_type, event.resource_id);
                entry.touch(of, Some(event.action));
            }
        }
        entry.changes.push(hash);
        entry.server = change.via.as_deref().map(str::to_owned);
        let by_itself = entry.who.as_ref().is_none_or(|who| who.id == People::SERVER);
        (entry.server.is_some() || !by_itself).then_some(entry)
    });
    entries.collect()
}
