//! Reading: the entry first, then exactly what it promises.

use std::{collections::BTreeMap, ops::ControlFlow};

use chartroom_engine::{ActorId, Author, DocumentId, Event, LoggedChange, RoomId, RoomName};

use super::{
    Gate, Keyspace, Tree,
    keys::{self, Span, Stem},
    located, records, unreadable,
    values::{self, Entry},
};
use crate::storage::{Epoch, RoomRecord, StorageError, StoredRoom};

/// Rooms listed before writers get a turn.
const ROOMS_AT_ONCE: usize = 256;

impl<T: Tree> Keyspace<T> {
    pub(super) fn read_rooms(&self) -> Result<Vec<RoomRecord>, StorageError> {
        let mut rooms = Vec::new();
        let mut last = None;
        loop {
            let page = self.page(keys::entries(last.as_ref()), ROOMS_AT_ONCE)?;
            let Some((room, _)) = page.last() else { break };
            last = Some(room.clone());
            rooms.extend(page.into_iter().filter_map(|(id, entry)| Some(listed(id, entry?))));
        }
        Ok(latest_epochs(rooms))
    }

    pub(super) fn read_room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        let page = self.page(keys::epochs(name), usize::MAX)?;
        Ok(page.into_iter().rev().find_map(|(id, entry)| Some(listed(id, entry?))))
    }

    pub(super) fn read_epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, StorageError> {
        let page = self.page(keys::epochs(name), usize::MAX)?;
        let epoch = |(id, entry): (RoomId, Option<Entry>)| {
            let entry = entry?;
            let (event_first, event_last) = (entry.event_first(), entry.event_seq);
            let heads = entry.heads.map(u128::to_be_bytes);
            Some(Epoch { id, sealed: entry.sealed, event_first, event_last, heads })
        };
        Ok(page.into_iter().filter_map(epoch).collect())
    }

    pub(super) fn read_facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let gate = self.gate.lock();
        let mut facts = BTreeMap::new();
        records::scan(&self.tree, keys::facts(table), |stem, record| {
            if let Stem::Fact(_, key) = stem {
                facts.insert(key, record);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for ((_, key), before) in gate.in_doubt.facts.iter().filter(|((of, _), _)| of == table) {
            match before {
                Some(record) => facts.insert(key.clone(), record.clone()),
                None => facts.remove(key),
            };
        }
        Ok(facts.into_iter().collect())
    }

    pub(super) fn read_facts_between(
        &self,
        table: &str,
        (after, through): (&str, &str),
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        if limit == 0 || place(through) <= place(after) {
            return Ok(Vec::new());
        }
        let gate = self.gate.lock();
        let in_doubt = gate.in_doubt.facts.iter().filter(|((of, key), _)| {
            of == table && place(after) < place(key) && place(key) <= place(through)
        });
        let in_doubt: BTreeMap<&str, _> =
            in_doubt.map(|((_, key), before)| (key.as_str(), before)).collect();
        let mut facts = BTreeMap::new();
        for (key, before) in &in_doubt {
            if let Some(record) = before {
                facts.insert((key.len(), (*key).to_owned()), record.clone());
            }
        }
        let fact = |key: &str| Stem::Fact(table.to_owned(), key.to_owned());
        let (mut found, span) = (0, (fact(after).span().1, fact(through).span().1));
        records::scan(&self.tree, span, |stem, record| {
            if let Stem::Fact(_, key) = stem
                && !in_doubt.contains_key(key.as_str())
            {
                facts.insert((key.len(), key), record);
                found += 1;
            }
            Ok(if found < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(facts.into_iter().take(limit).map(|((_, key), record)| (key, record)).collect())
    }

    pub(super) fn read_fact(
        &self,
        table: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let (table, key) = (table.to_owned(), key.to_owned());
        let gate = self.gate.lock();
        match gate.in_doubt.facts.get(&(table.clone(), key.clone())) {
            Some(before) => Ok(before.clone()),
            None => records::read(&self.tree, &Stem::Fact(table, key)),
        }
    }

    pub(super) fn read_room_of_document(
        &self,
        document: &DocumentId,
    ) -> Result<Option<RoomId>, StorageError> {
        let Some(room) = self.read_document(document)? else { return Ok(None) };
        let gate = self.gate.lock();
        let is_new = matches!(gate.in_doubt.rooms.get(&room), Some(None));
        Ok((!is_new).then_some(room))
    }

    pub(super) fn read_stored(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        let _not_deleting = self.deleting.read();
        let Some((entry, bindings)) = self.durable_entry_and_bindings(room)? else {
            return Ok(None);
        };
        let document = Stem::Document(room.document_id().0);
        if self.read_document(&room.document_id())?.as_ref() != Some(room) {
            return Err(StorageError::Unreadable {
                room: room.clone(),
                key: document.to_string(),
                reason: "is missing",
            });
        }
        let changes = self.read_changes(room, &entry)?;
        Ok(Some(StoredRoom {
            snapshot: self.read_snapshot(room, &entry)?,
            tail_bytes: changes.iter().map(|change| change.bytes.len() as u64).sum(),
            changes,
            bindings,
            seq: entry.seq,
            event_seq: entry.event_seq,
            event_time_ms: entry.event_time_ms,
            sealed: entry.sealed,
        }))
    }

    pub(super) fn read_events(
        &self,
        room: &RoomId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StorageError> {
        let _not_deleting = self.deleting.read();
        let Some(entry) = self.durable_entry(room)? else { return Ok(Vec::new()) };
        let first = entry.event_first().max(after.saturating_add(1));
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let numbers = first..=entry.event_seq.min(first.saturating_add(limit).saturating_sub(1));
        let mut events = Vec::new();
        self.numbered(
            numbers,
            |number| Stem::Event(room.clone(), number),
            |number, record| {
                values::decode_event(&room.name, number, record).map(|event| events.push(event))
            },
        )?;
        Ok(events)
    }

    /// The room's entry and the length of its record, be it durable or not: for writers.
    pub(super) fn read_entry(&self, room: &RoomId) -> Result<Option<(Entry, usize)>, StorageError> {
        let stem = Stem::Entry(room.clone());
        let Some(record) = records::read(&self.tree, &stem)? else {
            self.check_no_orphans(room, &stem)?;
            return Ok(None);
        };
        let entry =
            values::decode_json(&record).ok_or_else(|| unreadable(&stem, "is not an entry"))?;
        Ok(Some((entry, record.len())))
    }

    /// The room's entry as of the last write that is durable.
    fn durable_entry(&self, room: &RoomId) -> Result<Option<Entry>, StorageError> {
        self.durable_entry_at(&self.gate.lock(), room)
    }

    /// The room's entry, and whose actors are whose, as of the last write that is durable.
    #[allow(clippy::type_complexity, reason = "a pair that is taken apart at once")]
    fn durable_entry_and_bindings(
        &self,
        room: &RoomId,
    ) -> Result<Option<(Entry, Vec<(ActorId, Author)>)>, StorageError> {
        let gate = self.gate.lock();
        let Some(entry) = self.durable_entry_at(&gate, room)? else { return Ok(None) };
        let bindings = self.read_bindings(&gate, room, &entry)?;
        Ok(Some((entry, bindings)))
    }

    fn durable_entry_at(&self, gate: &Gate, room: &RoomId) -> Result<Option<Entry>, StorageError> {
        match gate.in_doubt.rooms.get(room) {
            Some(before) => Ok(before.clone()),
            None => Ok(self.read_entry(room)?.map(|(entry, _)| entry)),
        }
    }

    /// Records without their entry are a room that lost it, not a room that never was.
    fn check_no_orphans(&self, room: &RoomId, entry: &Stem) -> Result<(), StorageError> {
        let (from, to) = keys::of_room(room);
        let mut orphaned = false;
        self.tree
            .scan(&from, &to, &mut |_, _| {
                orphaned = true;
                ControlFlow::Break(())
            })
            .map_err(|error| located(error, &from))?;
        if orphaned { Err(unreadable(entry, "is missing")) } else { Ok(()) }
    }

    /// Rooms of a span with their durable entries; `None` for one that is not durable yet.
    fn page(&self, span: Span, limit: usize) -> Result<Vec<(RoomId, Option<Entry>)>, StorageError> {
        let gate = self.gate.lock();
        let mut page: Vec<(RoomId, Option<Entry>)> = Vec::new();
        self.tree.scan(&span.0, &span.1, &mut |key, _| {
            if let Some((Stem::Entry(room), 0)) = Stem::parse(key) {
                page.push((room, None));
            }
            if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for (room, entry) in &mut page {
            *entry = self.listed_entry(&gate, room)?;
        }
        Ok(page)
    }

    /// A damaged entry is an empty one here, so that one room does not hide the others.
    fn listed_entry(&self, gate: &Gate, room: &RoomId) -> Result<Option<Entry>, StorageError> {
        if let Some(before) = gate.in_doubt.rooms.get(room) {
            return Ok(before.clone());
        }
        match self.read_entry(room) {
            Ok(entry) => Ok(entry.map(|(entry, _)| entry)),
            Err(StorageError::Unreadable { .. }) => Ok(Some(Entry::default())),
            Err(error) => Err(error),
        }
    }

    fn read_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError> {
        let stem = Stem::Document(document.0);
        let Some(record) = records::read(&self.tree, &stem)? else { return Ok(None) };
        let room: Option<RoomId> = values::decode_room(&record);
        room.filter(|room| room.document_id() == *document)
            .map(Some)
            .ok_or_else(|| unreadable(&stem, "names another document's room"))
    }

    fn read_snapshot(&self, room: &RoomId, entry: &Entry) -> Result<Option<Vec<u8>>, StorageError> {
        if entry.snapshot_seq == 0 {
            return Ok(None);
        }
        let stem = Stem::Snapshot(room.clone(), entry.snapshot_seq);
        let snapshot = records::read(&self.tree, &stem)?;
        snapshot.map(Some).ok_or_else(|| unreadable(&stem, "is missing"))
    }

    fn read_changes(
        &self,
        room: &RoomId,
        entry: &Entry,
    ) -> Result<Vec<LoggedChange>, StorageError> {
        let mut changes = Vec::new();
        let stem = |number| Stem::Change(room.clone(), number);
        self.numbered(entry.snapshot_seq + 1..=entry.seq, stem, |number, record| {
            values::decode_change(number, record).map(|change| changes.push(change))
        })?;
        Ok(changes)
    }

    fn read_bindings(
        &self,
        gate: &Gate,
        room: &RoomId,
        entry: &Entry,
    ) -> Result<Vec<(ActorId, Author)>, StorageError> {
        let mut bindings = BTreeMap::new();
        records::scan(&self.tree, keys::bindings(room), |stem, record| {
            let author = values::decode_json(&record);
            match (stem, author) {
                (Stem::Binding(_, actor), Some(author)) => {
                    bindings.insert(actor, author);
                }
                (stem, _) => return Err(unreadable(&stem, "is not an author")),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for ((_, actor), before) in gate.in_doubt.bindings.iter().filter(|((of, _), _)| of == room)
        {
            match before {
                Some(author) => bindings.insert(actor.clone(), author.clone()),
                None => bindings.remove(actor),
            };
        }
        if bindings.len() as u64 != entry.bindings {
            return Err(StorageError::Unreadable {
                room: room.clone(),
                key: "binding".to_owned(),
                reason: "is missing, or one too many",
            });
        }
        Ok(bindings.into_iter().collect())
    }

    /// Reads every record of a range of numbers, and misses none.
    fn numbered(
        &self,
        numbers: std::ops::RangeInclusive<u64>,
        stem: impl Fn(u64) -> Stem,
        mut take: impl FnMut(u64, &[u8]) -> Option<()>,
    ) -> Result<(), StorageError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let (mut expected, last) = (*numbers.start(), *numbers.end());
        let span = stem(expected).through(&stem(last));
        records::scan(&self.tree, span, |found, record| {
            if found != stem(expected) {
                return Err(unreadable(&stem(expected), "is missing"));
            }
            take(expected, &record).ok_or_else(|| unreadable(&found, "is altered"))?;
            expected += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        if expected <= last { Err(unreadable(&stem(expected), "is missing")) } else { Ok(()) }
    }
}

/// Where a fact's key stands among those of its table.
fn place(key: &str) -> (usize, &str) {
    (key.len(), key)
}

fn listed(id: RoomId, entry: Entry) -> RoomRecord {
    let heads = entry.heads.map(u128::to_be_bytes);
    RoomRecord { id, summary: entry.summary, event_last: entry.event_seq, heads }
}

fn latest_epochs(rooms: Vec<RoomRecord>) -> Vec<RoomRecord> {
    let mut latest: Vec<RoomRecord> = Vec::with_capacity(rooms.len());
    for room in rooms {
        match latest.last_mut() {
            Some(last) if last.id.name == room.id.name => *last = room,
            _ => latest.push(room),
        }
    }
    latest
}
