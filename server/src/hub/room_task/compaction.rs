//! When a room's log is replaced by a snapshot, and how: saved, loaded back, compared, written; off
//! the room's task, which goes on with the old one. Newcomers are sent the new one too.

use std::sync::Arc;

use chartroom_engine::{Document, Room, Snapshot};
use tokio::sync::mpsc;

use super::StorageAnswer;
use crate::{
    hub::{Hub, load::Loaded},
    storage::StorageError,
};

/// Tails shorter than this are not worth a snapshot while the room is in use: some thousand changes,
/// read in 20 ms.
const TAIL_BYTES_MIN: u64 = 256 * 1024;
/// Nor those that are shorter than so many snapshots. Saving and loading back cost by the history, so
/// they may come round only as it grows by a share of itself; a change takes some ten times the bytes
/// in the tail.
const TAIL_SNAPSHOTS_MIN: u64 = 4;
/// Nor those shorter than this when it is left.
const TAIL_BYTES_MIN_AT_END: u64 = 8 * 1024;

/// How a room's stored log stands.
pub(super) struct Log {
    seq: u64,
    snapshot_bytes: u64,
    tail_bytes: u64,
    /// Bytes of tail of the compaction under way.
    running: Option<u64>,
    /// A tail that could not be compacted is not tried again before it has doubled.
    not_before: u64,
}

/// What says how a compaction ended: once in any case. A room whose compaction never ended would
/// never be unloaded, and would take no mail once it is to be founded anew.
struct Ending(Option<mpsc::Sender<StorageAnswer>>);

impl Log {
    pub fn new(loaded: &Loaded) -> Self {
        Self {
            seq: loaded.seq,
            snapshot_bytes: loaded.snapshot_bytes,
            tail_bytes: loaded.tail_bytes,
            running: None,
            not_before: 0,
        }
    }

    /// Number of the last durable change.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Changes up to `seq` are durable.
    pub fn appended(&mut self, bytes: u64, seq: u64) {
        self.tail_bytes += bytes;
        self.seq = seq;
    }

    /// Whether a compaction is under way.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the tail has outgrown the snapshot, or what newcomers are sent has.
    pub fn is_due(&self, room: &Room) -> bool {
        let least = TAIL_BYTES_MIN.max(self.snapshot_bytes * TAIL_SNAPSHOTS_MIN);
        let outgrown = self.tail_bytes >= least;
        self.may_start() && (outgrown || room.is_outgrown())
    }

    /// Whether a room that is left is worth a new snapshot: `for_good`, as behind an import, any but
    /// a short tail is.
    pub fn is_worth_it(&self, for_good: bool) -> bool {
        let least = if for_good { 0 } else { self.snapshot_bytes / 8 };
        self.may_start() && self.tail_bytes >= TAIL_BYTES_MIN_AT_END.max(least)
    }

    /// Starts a compaction of a settled room; the answer comes as [`StorageAnswer::Compacted`].
    pub fn compact(&mut self, hub: &Arc<Hub>, room: &Room, answer: mpsc::Sender<StorageAnswer>) {
        let Some(document) = room.durable() else { return };
        self.running = Some(self.tail_bytes);
        let (hub, seq, ending) = (Arc::clone(hub), self.seq, Ending(Some(answer)));
        let save = move |hub: Arc<Hub>| {
            let id = document.room().clone();
            let snapshot = document.snapshot();
            let again = Document::open(&id, hub.server_actor.clone(), &snapshot.bytes);
            let (bytes, heads) = (snapshot.bytes.to_vec(), snapshot.heads.clone());
            if again.is_ok_and(|document| document.heads() == heads) {
                let done = move |result| ending.tell(result, Some(snapshot));
                hub.writer.compact(id, bytes, seq, done);
            } else {
                tracing::error!(document = %id.document_id(), "a snapshot did not load back");
                let reason = "its snapshot does not load back to the same heads";
                ending.tell(Err(StorageError::Refused { room: id, reason }), None);
            }
        };
        tokio::spawn(async move {
            // Nobody closes the semaphore.
            let _turn = hub.compacting.acquire().await;
            let saving = Arc::clone(&hub);
            // One that panics has told its ending.
            let _ = tokio::task::spawn_blocking(move || save(saving)).await;
        });
    }

    /// The compaction ended; `snapshot_bytes` where the snapshot was stored.
    pub fn compacted(&mut self, snapshot_bytes: Option<u64>) {
        let Some(tail) = self.running.take() else { return };
        if let Some(bytes) = snapshot_bytes {
            self.tail_bytes = self.tail_bytes.saturating_sub(tail);
            self.snapshot_bytes = bytes;
            self.not_before = 0;
        } else {
            self.not_before = self.tail_bytes * 2;
        }
    }

    fn may_start(&self) -> bool {
        self.running.is_none() && self.tail_bytes > 0 && self.tail_bytes >= self.not_before
    }
}

impl Ending {
    fn tell(mut self, result: Result<(), StorageError>, snapshot: Option<Snapshot>) {
        self.tell_once(result, snapshot);
    }

    fn tell_once(&mut self, result: Result<(), StorageError>, snapshot: Option<Snapshot>) {
        let Some(answer) = self.0.take() else { return };
        // The channel holds more than a room has under way; a task that ended needs none.
        let _ = answer.try_send(StorageAnswer::Compacted { result, snapshot });
    }
}

impl Drop for Ending {
    /// Automerge panicked over the document, for one.
    fn drop(&mut self) {
        let error = StorageError::Environment("the compaction panicked".to_owned());
        self.tell_once(Err(error), None);
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test panics on purpose")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_compaction_that_panics_has_ended() {
        let (answer, mut answers) = mpsc::channel(1);
        let ending = Ending(Some(answer));
        let panicking = tokio::task::spawn_blocking(move || {
            let _ending = ending;
            panic!("a fault of automerge's, on purpose");
        });
        assert!(panicking.await.is_err());
        let told = answers.recv().await;
        assert!(matches!(told, Some(StorageAnswer::Compacted { result: Err(_), snapshot: None })));
    }
}
