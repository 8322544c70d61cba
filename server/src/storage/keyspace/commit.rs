//! Planning a commit: what the batches write, and whether they continue their rooms' logs.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry as Slot};

use chartroom_engine::{ActorId, Author, Event, LoggedChange, RoomId, document::People};

use super::{
    Before, Keyspace, Tree, Write,
    keys::Stem,
    records, unreadable,
    values::{self, Entry},
};
use crate::storage::{RoomBatch, StorageError};

/// What a commit is going to write.
struct Plan<'a, T> {
    keyspace: &'a Keyspace<T>,
    rooms: BTreeMap<RoomId, PlannedRoom>,
    /// Payloads of new records by their names, so that a later batch of the same commit sees them.
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whose bindings are among them.
    bindings: BTreeSet<(RoomId, ActorId)>,
    /// Facts by table and key; the last one of a commit stands.
    facts: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// Those that are written where none stands; the first one of a commit.
    first_facts: BTreeMap<(String, String), Option<Vec<u8>>>,
}

/// A room's entry, as it stands and as it will.
struct PlannedRoom {
    before: Option<Entry>,
    /// Length of the entry's payload before.
    before_bytes: usize,
    after: Entry,
}

impl<T: Tree> Keyspace<T> {
    pub(super) fn commit_planned(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        let mut plan = Plan {
            keyspace: self,
            rooms: BTreeMap::new(),
            records: BTreeMap::new(),
            bindings: BTreeSet::new(),
            facts: BTreeMap::new(),
            first_facts: BTreeMap::new(),
        };
        for batch in batches {
            plan.add(batch, 0)?;
        }
        let (before, writes) = plan.finish()?;
        if writes.is_empty() {
            return Ok(());
        }
        self.write(before, writes)
    }
}

impl<T: Tree> Plan<'_, T> {
    /// Adds a batch; a new epoch's events go on behind `events_before`.
    fn add(&mut self, batch: &RoomBatch, events_before: u64) -> Result<(), StorageError> {
        let room = &batch.room;
        let mut entry = self.entry(room)?;
        let sealed = entry.sealed.then(|| entry.clone());
        if entry == Entry::default() {
            (entry.event_seq, entry.events_before) = (events_before, events_before);
        }
        for change in &batch.batch.changes {
            self.change(room, &mut entry, change, batch.received_ms)?;
        }
        for event in &batch.batch.events {
            self.event(room, &mut entry, event)?;
        }
        for (actor, author) in &batch.batch.bindings {
            self.binding(room, &mut entry, actor, author)?;
        }
        let ends_the_log = batch.batch.changes.last().is_some_and(|last| last.seq == entry.seq);
        if let (Some(heads), true) = (batch.heads, ends_the_log) {
            entry.heads = Some(u128::from_be_bytes(heads));
        }
        if let Some(summary) = &batch.summary {
            entry.summary = summary.clone();
        }
        entry.sealed |= batch.successor.is_some();
        if sealed.is_some_and(|sealed| entry != sealed) {
            return Err(refused(room, "its epoch is sealed"));
        }
        for fact in &batch.facts {
            let key = (fact.table.clone(), fact.key.clone());
            self.facts.insert(key, fact.value.clone());
        }
        for fact in &batch.first_facts {
            let key = (fact.table.clone(), fact.key.clone());
            self.first_facts.entry(key).or_insert_with(|| fact.value.clone());
        }
        let event_seq = entry.event_seq;
        if let Some(planned) = self.rooms.get_mut(room) {
            planned.after = entry;
        }
        batch.successor.as_ref().map_or(Ok(()), |successor| self.add(successor, event_seq))
    }

    /// The room's entry as the batches so far leave it.
    fn entry(&mut self, room: &RoomId) -> Result<Entry, StorageError> {
        match self.rooms.entry(room.clone()) {
            Slot::Occupied(slot) => Ok(slot.get().after.clone()),
            Slot::Vacant(slot) => {
                let record = self.keyspace.read_entry(room)?;
                let before_bytes = record.as_ref().map_or(0, |(_, bytes)| *bytes);
                let before = record.map(|(entry, _)| entry);
                let after = before.clone().unwrap_or_default();
                slot.insert(PlannedRoom { before, before_bytes, after: after.clone() });
                Ok(after)
            }
        }
    }

    fn change(
        &mut self,
        room: &RoomId,
        entry: &mut Entry,
        change: &LoggedChange,
        received_ms: u64,
    ) -> Result<(), StorageError> {
        let stem = Stem::Change(room.clone(), change.seq);
        if change.seq == entry.seq + 1 {
            entry.seq = change.seq;
            self.records.insert(stem.bytes(), values::encode_change(change, received_ms));
            return Ok(());
        }
        if change.seq == 0 || change.seq > entry.seq {
            return Err(refused(room, "its changes leave a gap in the log"));
        }
        if change.seq <= entry.snapshot_seq {
            return Err(refused(room, "a snapshot covers its changes already"));
        }
        let there = self.existing(&stem)?.ok_or_else(|| unreadable(&stem, "is missing"))?;
        let there = values::decode_change(change.seq, &there);
        if there.is_none_or(|there| there.hash != change.hash) {
            return Err(refused(room, "another change has its number"));
        }
        Ok(())
    }

    fn event(
        &mut self,
        room: &RoomId,
        entry: &mut Entry,
        event: &Event,
    ) -> Result<(), StorageError> {
        let stem = Stem::Event(room.clone(), event.seq);
        let record = values::encode_event(event);
        if event.seq == entry.event_seq + 1 {
            entry.event_seq = event.seq;
            entry.event_time_ms = event.time_ms;
            self.records.insert(stem.bytes(), record);
            return Ok(());
        }
        if event.seq <= entry.events_before || event.seq > entry.event_seq {
            return Err(refused(room, "its events leave a gap in the log"));
        }
        let trimmed = event.seq < entry.event_first();
        if !trimmed && self.existing(&stem)?.is_none_or(|there| there != record) {
            return Err(refused(room, "another event has its number"));
        }
        Ok(())
    }

    fn binding(
        &mut self,
        room: &RoomId,
        entry: &mut Entry,
        actor: &ActorId,
        author: &Author,
    ) -> Result<(), StorageError> {
        let stem = Stem::Binding(room.clone(), actor.clone());
        let record = values::encode_json(author);
        match self.existing(&stem)? {
            None => entry.bindings += 1,
            Some(there) if there == record => return Ok(()),
            Some(there) => {
                let there: Author = values::decode_json(&there)
                    .ok_or_else(|| unreadable(&stem, "is not an author"))?;
                if there.id != author.id && !People::is_somebody_at(&there) {
                    return Err(refused(room, "it binds an actor of another person"));
                }
            }
        }
        self.records.insert(stem.bytes(), record);
        self.bindings.insert((room.clone(), actor.clone()));
        Ok(())
    }

    fn existing(&self, stem: &Stem) -> Result<Option<Vec<u8>>, StorageError> {
        match self.records.get(&stem.bytes()) {
            Some(record) => Ok(Some(record.clone())),
            None => records::read(&self.keyspace.tree, stem),
        }
    }

    fn finish(self) -> Result<(Before, Vec<Write>), StorageError> {
        let (mut before, mut writes) = (Before::default(), Vec::new());
        let first = self.first_facts.into_iter().filter(|(key, _)| !self.facts.contains_key(key));
        let first: Vec<_> = first.map(|(key, value)| (key, value, true)).collect();
        let facts = self.facts.into_iter().map(|(key, value)| (key, value, false));
        for (key, value, is_first) in facts.chain(first) {
            let stem = Stem::Fact(key.0.clone(), key.1.clone());
            let there = records::read(&self.keyspace.tree, &stem)?;
            if is_first && there.is_some() {
                continue;
            }
            let there_bytes = there.as_ref().map_or(0, Vec::len);
            match value {
                Some(value) => records::replace(&mut writes, &stem, &value, there_bytes),
                None if there.is_some() => records::delete(&mut writes, &stem, there_bytes),
                None => {}
            }
            before.facts.insert(key, there);
        }
        for (room, actor) in self.bindings {
            let stem = Stem::Binding(room.clone(), actor.clone());
            let there = records::read(&self.keyspace.tree, &stem)?;
            let there = there.and_then(|there| values::decode_json(&there));
            before.bindings.insert((room, actor), there);
        }
        writes.reserve(self.records.len() + self.rooms.len());
        for (name, record) in self.records {
            records::put_named(&mut writes, name, &record);
        }
        for (room, planned) in self.rooms {
            let is_new = planned.before.is_none();
            if planned.before.as_ref() == Some(&planned.after)
                || is_new && planned.after == Entry::default()
            {
                continue;
            }
            let stem = Stem::Entry(room.clone());
            let entry = values::encode_json(&planned.after);
            records::replace(&mut writes, &stem, &entry, planned.before_bytes);
            if is_new {
                let document = Stem::Document(room.document_id().0);
                records::put(&mut writes, &document, &values::encode_json(&room));
            }
            before.rooms.insert(room, planned.before);
        }
        Ok((before, writes))
    }
}

pub(super) fn refused(room: &RoomId, reason: &'static str) -> StorageError {
    StorageError::Refused { room: room.clone(), reason }
}
