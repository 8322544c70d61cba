//! Where rooms are kept: the contract of every storage, and the storages.
//!
//! A room's truth is an append-only log of changes; snapshots, summaries and events derive from it.
//! The contract stands at [`Storage`]; `conformance` is the same contract as tests, and every
//! storage runs it. [`Keyspace`] keeps the contract over any ordered map of bytes; [`Memory`] and
//! [`Sled`] are such maps.

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected ends there"
)]
pub(crate) mod conformance;
mod keyspace;
mod memory;
mod sled;

use chartroom_engine::{ActorId, Author, Batch, DocumentId, Event, LoggedChange, RoomId, RoomName};
use serde::{Deserialize, Serialize};

pub use keyspace::{Keyspace, Tree, TreeError, VALUE_BYTES_MAX, Visit, Write};
pub use memory::{Fault, Memory, MemoryTree};
pub use sled::{Sled, SledTree};

/// A store of rooms.
///
/// What holds of every implementation:
///
/// - **Durable.** When [`commit`](Storage::commit) or [`compact`](Storage::compact) returns `Ok`,
///   what it wrote survives the loss of the machine's power.
/// - **Atomic.** The batches of one commit become visible, and survive a crash, all or none.
/// - **Nothing undurable is shown.** A read while a commit runs, or after one that failed, answers
///   from what was durable before it.
/// - **Numbered.** Changes and events of a room are numbered from 1 without gaps. A commit that
///   would leave a gap, or put another change at a number that is taken, is refused whole with
///   [`StorageError::Refused`], which names the room; nothing of it is written, and the storage
///   stays in order. A batch that is committed a second time changes nothing.
/// - **Sealed for good.** An epoch that has a [successor](RoomBatch::successor) takes no batch that
///   does not repeat what is there.
/// - **Facts go along.** The [facts](Fact) of a batch are written in its step, and shown as its
///   changes are; a [first fact](RoomBatch::first_facts) only where none stands.
/// - **Bound once.** An actor that is bound to a person is never bound to another; such a commit is
///   refused in the same way. Somebody at a server whom nobody named is no person yet. The person's display name may change.
/// - **Strict.** [`load`](Storage::load) and [`events`](Storage::events) give all that was
///   committed, in order, byte by byte, or [`StorageError::Unreadable`] with room and key: a record
///   that is missing, torn, altered or out of place is an error, at the end of the log too. One
///   unreadable room harms no other, and it stays listed.
/// - **After a failure, closed.** When a commit or compaction failed other than by refusal, its
///   outcome is unknown. Until [`reopen`](Storage::reopen) succeeded the storage refuses writes
///   with [`StorageError::NeedsReopen`]. After it, each batch is there whole or not at all, what is
///   there is durable, and committing the same batches again is harmless.
/// - **Threads.** Reads may run on any thread, beside writes. Writes come from one thread.
pub trait Storage: Send + Sync + 'static {
    /// Lists the latest epoch of every stored room, by name.
    ///
    /// Reads one small record a room. A summary that cannot be read is left empty here; loading that
    /// room names the record.
    fn rooms(&self) -> Result<Vec<RoomRecord>, StorageError>;

    /// Finds the latest epoch of a stored room.
    fn room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError>;

    /// Finds the room, of whatever epoch, whose document this is.
    fn room_of_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError>;

    /// Loads one room; `None` if nothing of it was ever committed.
    fn load(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError>;

    /// Writes all batches in one step. A room's first batch begins with change 1 and event 1.
    fn commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError>;

    /// Replaces the changes up to and including `through_seq` by a snapshot that covers them.
    ///
    /// The caller has verified that the snapshot loads to the heads that those changes lead to. The
    /// snapshot is durable before anything that it covers is deleted; a crash at any moment leaves
    /// a room that loads, and what an interrupted compaction left over is ignored, and cleaned by
    /// the next. Compacting to where a snapshot already reaches does nothing; a `through_seq` past
    /// the log's end, or a room that is not stored, is refused.
    fn compact(&self, room: &RoomId, snapshot: &[u8], through_seq: u64)
    -> Result<(), StorageError>;

    /// Gives the events numbered above `after`, at most `limit` of them, in order.
    ///
    /// `resource` is `Null` in each: what a resource looks like is the document's to say.
    ///
    /// Numbers go on through the epochs of a room. What was trimmed is left out.
    fn events(&self, room: &RoomId, after: u64, limit: usize) -> Result<Vec<Event>, StorageError>;

    /// Lists the epochs of a room, oldest first; empty if nothing of it was ever committed.
    fn epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, StorageError>;

    /// Drops a room's events up to and including `through`; refused past the last one.
    ///
    /// Readers find them gone at once; a crash leaves them gone, or all there.
    fn trim_events(&self, room: &RoomId, through: u64) -> Result<(), StorageError>;

    /// Gives the facts of a table, by key.
    fn facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError>;

    /// Gives one fact of a table.
    fn fact(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Gives facts of a table whose keys stand behind `after`, up to and including `through`: the first
    /// `limit` of them. Shorter keys stand before longer ones, those of one length by their bytes.
    ///
    /// Reads no more than it gives, so a table of any length is read in pages.
    fn facts_between(
        &self,
        table: &str,
        after: &str,
        through: &str,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError>;

    /// Gives the server's own actor id, which `make` mints at first use; durable before it is given.
    ///
    /// A write: it belongs on the thread that commits, or before that thread starts.
    fn server_actor(&self, make: &dyn Fn() -> ActorId) -> Result<ActorId, StorageError>;

    /// Does a little of what earlier writes put off, once a write or more often, on their thread: so
    /// that it is never so much that a write has to wait for it.
    ///
    /// On `Err` the storage is closed as after a commit that failed, and what was committed is durable.
    fn tend(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Closes the storage and opens it again, so that what it then shows is durable.
    fn reopen(&self) -> Result<(), StorageError>;
}

/// What one room wants written together.
#[derive(Debug, Clone)]
pub struct RoomBatch {
    /// The room.
    pub room: RoomId,
    /// Changes, bindings and events, as the engine gave them.
    pub batch: Batch,
    /// The room's summary from now on; `None` leaves the one that stands.
    pub summary: Option<RoomSummary>,
    /// A digest of the heads behind the batch, for [`RoomRecord::heads`].
    pub heads: Option<[u8; 16]>,
    /// When the changes were received, in milliseconds since 1970.
    pub received_ms: u64,
    /// What is noted elsewhere in the same step.
    pub facts: Vec<Fact>,
    /// The same, where nothing is noted there yet.
    pub first_facts: Vec<Fact>,
    /// The first batch of the epoch that takes this one's place: this one is sealed in the same
    /// step, and the numbers of events go on behind its own.
    pub successor: Option<Box<RoomBatch>>,
}

impl RoomBatch {
    /// A batch with nothing beside it.
    pub fn new(room: RoomId, batch: Batch, received_ms: u64) -> Self {
        let (summary, heads) = (None, None);
        let (facts, first_facts, successor) = (Vec::new(), Vec::new(), None);
        Self { room, batch, summary, heads, received_ms, facts, first_facts, successor }
    }

    /// Facts and nothing else; `room` is the one they are about.
    pub fn of_facts(room: RoomId, facts: Vec<Fact>) -> Self {
        Self { facts, ..Self::new(room, Batch::default(), 0) }
    }
}

/// A small record that belongs to no room's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What kind of fact it is: `[a-z-]{1,64}`.
    pub table: String,
    /// Which one; at most 256 bytes.
    pub key: String,
    /// What is noted; `None` takes it away.
    pub value: Option<Vec<u8>>,
}

/// One founding of a room, and how its event log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Name and number.
    pub id: RoomId,
    /// Whether a later epoch took its place.
    pub sealed: bool,
    /// Number of the oldest event that is kept; one more than `event_last` if there is none.
    pub event_first: u64,
    /// Number of the last event, or of the last one of the epochs before.
    pub event_last: u64,
    /// As in [`RoomRecord::heads`].
    pub heads: Option<[u8; 16]>,
}

/// The little that a list of rooms shows without loading them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// A patient's official name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A patient's `birthDate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
    /// A patient's `gender`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// When a patient died: `deceasedDateTime`, or `true` where only that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deceased: Option<String>,
}

/// One entry of the list of rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Name and epoch.
    pub id: RoomId,
    /// What the list shows.
    pub summary: RoomSummary,
    /// Number of the last event.
    pub event_last: u64,
    /// [`heads_digest`](chartroom_engine::heads_digest) of the heads that its log leads to; `None`
    /// where the log was last written by an earlier version.
    pub heads: Option<[u8; 16]>,
}

/// A room as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRoom {
    /// The newest snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The changes behind the snapshot, in the order of the log.
    pub changes: Vec<LoggedChange>,
    /// Every actor ever bound, in the order of their bytes.
    pub bindings: Vec<(ActorId, Author)>,
    /// Number of the log's last change, whether the snapshot covers it or not.
    pub seq: u64,
    /// Number of the last event.
    pub event_seq: u64,
    /// When that was, in milliseconds since 1970.
    pub event_time_ms: u64,
    /// Whether a later epoch took its place, so that nothing more is written.
    pub sealed: bool,
    /// Bytes of `changes` together.
    pub tail_bytes: u64,
}

/// Why a storage did not do what it was asked. No text in it holds patient data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// A record of a room is not what was written (data).
    #[error("room {room} cannot be read: record {key} {reason}")]
    Unreadable {
        /// The room.
        room: RoomId,
        /// Which record, as kind and number.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record that belongs to no room is not what was written (data).
    #[error("the store cannot be read: record {key} {reason}")]
    StoreUnreadable {
        /// Which record.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The batch or compaction does not continue the room's log (caller); nothing was written.
    #[error("room {room} refuses the write: {reason}")]
    Refused {
        /// The room.
        room: RoomId,
        /// What does not fit.
        reason: &'static str,
    },
    /// An earlier write failed, and the storage was not opened again since (caller).
    #[error("an earlier write failed; the store takes none before it was opened again")]
    NeedsReopen,
    /// Another process holds the store (environment).
    #[error("the store at {path} is open in another process")]
    InUse {
        /// The store's folder.
        path: String,
    },
    /// The store was written by another version of Chartroom (environment).
    #[error("the store has format {found}, and this version reads format {expected}")]
    Version {
        /// What the store says.
        found: String,
        /// What this version writes.
        expected: u32,
    },
    /// Writes that were acknowledged are gone from the end of the store (data).
    #[error(
        "the store has lost its end: it holds {found} writes, and {acknowledged} were acknowledged; \
         put a copy back, or remove the file {witness} to go on without them"
    )]
    Shortened {
        /// How many writes the store holds.
        found: u64,
        /// How many it said were durable.
        acknowledged: u64,
        /// The file that remembers.
        witness: String,
    },
    /// The storage thread has ended, because the server is going down (environment).
    #[error("the store is closed")]
    Closed,
    /// The system below failed (environment).
    #[error("the store failed: {0}")]
    Environment(String),
}

impl StorageError {
    /// The room that alone is to blame: nothing was written, and the storage is in order.
    pub fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Unreadable { room, .. } | Self::Refused { room, .. } => Some(room),
            Self::StoreUnreadable { .. }
            | Self::NeedsReopen
            | Self::InUse { .. }
            | Self::Version { .. }
            | Self::Shortened { .. }
            | Self::Closed
            | Self::Environment(_) => None,
        }
    }
}
