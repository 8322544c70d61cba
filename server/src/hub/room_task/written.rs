//! What the audit trail says of a batch that is about to be stored: one entry a change, or one for
//! all that somebody typed in a row, in which each letter may be a change.
//!
//! What the server writes by itself, as the facility rooms' projections are, is nobody's act and has
//! none; what it writes for somebody is that person's.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{Action, Batch, Event, LoggedChange, Room, RoomId, document::People};

use super::members::Members;
use crate::audit::{Act, Entry, NAMED_MAX};

/// The entries of a batch.
pub(super) fn entries_of(id: &RoomId, room: &Room, members: &Members, batch: &Batch) -> Vec<Entry> {
    let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    // What a facility room repeats was noted in the room that it is from.
    for event in batch.events.iter().filter(|event| event.source.is_none()) {
        for hash in &event.changes {
            events.entry(hash).or_default().push(event);
        }
    }
    let entry_of = |change: &LoggedChange, events: &[&Event]| {
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
        // What is typed raises no event.
        for (resource_type, id) in batch.typed.get(&change.hash).into_iter().flatten() {
            if touched.insert((resource_type, id)) {
                entry.touch(format!("{resource_type}/{id}"), Some(Action::Updated));
            }
        }
        entry.server = change.via.as_deref().map(str::to_owned);
        let by_itself = entry.who.as_ref().is_none_or(|who| who.id == People::SERVER);
        (entry.server.is_some() || !by_itself).then_some(entry)
    };
    let mut entries: Vec<(Entry, Vec<String>)> = Vec::new();
    // Whether the last entry is of what was typed, and of nothing else.
    let mut typing = false;
    for change in &batch.changes {
        let hash = change.hash.to_string();
        let events = events.get(hash.as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(entry) = entry_of(change, events) else { continue };
        let typed = events.is_empty() && batch.typed.contains_key(&change.hash);
        match entries.last_mut().filter(|(_, hashes)| typing && typed && hashes.len() < NAMED_MAX) {
            Some((last, hashes)) if *last == entry => hashes.push(hash),
            Some(_) | None => entries.push((entry, vec![hash])),
        }
        typing = typed;
    }
    entries.into_iter().map(|(entry, changes)| Entry { changes, ..entry }).collect()
}
