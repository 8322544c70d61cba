//! Reading: the entry first, then exactly what it promises.

use std::ops::ControlFlow;

use chartroom_engine::{ActorId, Author, DocumentId, Event, LoggedChange, RoomId, RoomName};

use super::{
    Gate, Keyspace, Tree,
    keys::{self, Span, Stem},
    located, records, unreadable,
    values::{self, Entry},
};
use crate::storage::{RoomRecord, RoomSummary, StorageError, StoredRoom};

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
            rooms.extend(
                page.into_iter()
                    .filter_map(|(id, summary)| summary.map(|summary| RoomRecord { id, summary })),
            );
        }
        Ok(latest_epochs(rooms))
    }

    pub(super) fn read_room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        let page = self.page(keys::epochs(name), usize::MAX)?;
        let latest = page.into_iter().rev().find_map(|(id, summary)| Some((id, summary?)));
        Ok(latest.map(|(id, summary)| RoomRecord { id, summary }))
    }

    pub(super) fn read_room_of_document(
        &self,
        document: &DocumentId,
    ) -> Result<Option<RoomId>, StorageError> {
        let Some(room) = self.read_document(document)? else { return Ok(None) };
        let gate = self.gate.lock();
        let is_new = matches!(gate.in_doubt.get(&room), Some(None));
        Ok((!is_new).then_some(room))
    }

    pub(super) fn read_stored(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        let _not_deleting = self.deleting.read();
        let Some(entry) = self.durable_entry(room)? else {
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
            bindings: self.read_bindings(room, &entry)?,
            seq: entry.seq,
            event_seq: entry.event_seq,
        }))
    }

    pub(super) fn read_events(
        &self,
        room: &RoomId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StorageError> {
        let last = self.durable_entry(room)?.map_or(0, |entry| entry.event_seq);
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let numbers = after.saturating_add(1)..=last.min(after.saturating_add(limit));
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
        let gate = self.gate.lock();
        match gate.in_doubt.get(room) {
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

    /// Rooms of a span with their durable summaries; `None` for one that is not durable yet.
    fn page(
        &self,
        span: Span,
        limit: usize,
    ) -> Result<Vec<(RoomId, Option<RoomSummary>)>, StorageError> {
        let gate = self.gate.lock();
        let mut page: Vec<(RoomId, Option<RoomSummary>)> = Vec::new();
        self.tree.scan(&span.0, &span.1, &mut |key, _| {
            if let Some((Stem::Entry(room), 0)) = Stem::parse(key) {
                page.push((room, None));
            }
            if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for (room, summary) in &mut page {
            *summary = self.summary(&gate, room)?;
        }
        Ok(page)
    }

    /// A damaged entry has an empty summary here, so that one room does not hide the others.
    fn summary(&self, gate: &Gate, room: &RoomId) -> Result<Option<RoomSummary>, StorageError> {
        if let Some(before) = gate.in_doubt.get(room) {
            return Ok(before.as_ref().map(|entry| entry.summary.clone()));
        }
        match self.read_entry(room) {
            Ok(entry) => Ok(entry.map(|(entry, _)| entry.summary)),
            Err(StorageError::Unreadable { .. }) => Ok(Some(RoomSummary::default())),
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
        room: &RoomId,
        entry: &Entry,
    ) -> Result<Vec<(ActorId, Author)>, StorageError> {
        let mut bindings = Vec::new();
        records::scan(&self.tree, keys::bindings(room), |stem, record| {
            let author = values::decode_json(&record);
            match (stem, author) {
                (Stem::Binding(_, actor), Some(author)) => bindings.push((actor, author)),
                (stem, _) => return Err(unreadable(&stem, "is not an author")),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // More than the entry counts: a commit beside this load has begun to add some.
        if (bindings.len() as u64) < entry.bindings {
            return Err(StorageError::Unreadable {
                room: room.clone(),
                key: "binding".to_owned(),
                reason: "is missing",
            });
        }
        bindings.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(bindings)
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
