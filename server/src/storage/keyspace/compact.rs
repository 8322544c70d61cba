//! What is dropped: changes that a snapshot covers, once that is durable, and old events.

use std::ops::ControlFlow;

use chartroom_engine::RoomId;

use super::{
    Before, Keyspace, Tree, Write,
    commit::refused,
    keys::{Span, Stem},
    records,
    values::{self, Entry},
};
use crate::storage::StorageError;

/// Deletions in one write; what a crash leaves undone the next compaction does.
const DELETES_AT_ONCE: usize = 4096;

impl<T: Tree> Keyspace<T> {
    pub(super) fn compact_through(
        &self,
        room: &RoomId,
        snapshot: &[u8],
        through_seq: u64,
    ) -> Result<(), StorageError> {
        let Some((entry, entry_bytes)) = self.read_entry(room)? else {
            return Err(refused(room, "there is nothing to compact"));
        };
        if through_seq > entry.seq {
            return Err(refused(room, "the snapshot covers more than the log has"));
        }
        if through_seq <= entry.snapshot_seq {
            return Ok(());
        }
        let mut after = entry.clone();
        after.snapshot_seq = through_seq;
        let mut writes = Vec::new();
        records::put(&mut writes, &Stem::Snapshot(room.clone(), through_seq), snapshot);
        let record = values::encode_json(&after);
        records::replace(&mut writes, &Stem::Entry(room.clone()), &record, entry_bytes);
        self.write(Before::room(room.clone(), entry), writes)?;
        self.delete_covered(room, through_seq)
    }

    pub(super) fn trim_events_through(
        &self,
        room: &RoomId,
        through: u64,
    ) -> Result<(), StorageError> {
        let Some((entry, entry_bytes)) = self.read_entry(room)? else {
            return Err(refused(room, "there are no events to drop"));
        };
        if through > entry.event_seq {
            return Err(refused(room, "more events are to be dropped than the log has"));
        }
        if through < entry.event_first() {
            return Ok(());
        }
        let after = Entry { events_trimmed: through, ..entry.clone() };
        let mut writes = Vec::new();
        let record = values::encode_json(&after);
        records::replace(&mut writes, &Stem::Entry(room.clone()), &record, entry_bytes);
        self.write(Before::room(room.clone(), entry), writes)?;
        let event = |number| Stem::Event(room.clone(), number);
        // A reader that began with the old entry reads on to its end first.
        let _alone = self.deleting.write();
        self.delete(event(0).through(&event(through)))
    }

    fn delete_covered(&self, room: &RoomId, through_seq: u64) -> Result<(), StorageError> {
        let change = |number| Stem::Change(room.clone(), number);
        let snapshot = |number| Stem::Snapshot(room.clone(), number);
        // A load that began with the old entry reads on to its end first.
        let _alone = self.deleting.write();
        self.delete(change(0).through(&change(through_seq)))?;
        self.delete(snapshot(0).through(&snapshot(through_seq - 1)))
    }

    fn delete(&self, span: Span) -> Result<(), StorageError> {
        loop {
            let mut writes = Vec::new();
            self.tree.scan(&span.0, &span.1, &mut |key, _| {
                writes.push(Write::Delete(key.to_vec()));
                if writes.len() < DELETES_AT_ONCE {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            if writes.is_empty() {
                return Ok(());
            }
            self.write(Before::default(), writes)?;
        }
    }
}
