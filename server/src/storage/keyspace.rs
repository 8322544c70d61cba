//! The storage contract over any ordered map of bytes whose writes are atomic and durable.
//!
//! A room's **entry** says how far its log and its events reach and where its snapshot stands, and
//! it is written in the same step as what it speaks of. So a record that is missing is noticed, at
//! the end too. Reads take the entry first and then exactly what it promises.
//!
//! While a write is under way the map already shows it, and after one that failed the map may show
//! what a crash would take back. The gate therefore keeps the entries of the rooms concerned as they
//! were, and reads take those.

mod commit;
mod compact;
mod keys;
mod read;
mod records;
mod values;

use std::{collections::BTreeMap, ops::ControlFlow};

use chartroom_engine::{ActorId, Author, DocumentId, Event, RoomId, RoomName};
use parking_lot::{Mutex, RwLock};

use super::{Epoch, RoomBatch, RoomRecord, Storage, StorageError, StoredRoom};
use keys::Stem;
use values::Entry;

pub(super) use keys::{LOG_KEYS, log_of};
pub use records::VALUE_BYTES_MAX;

/// The version of keys and records. A store of another version is not opened.
const FORMAT: u32 = 3;
/// The versions before, which are read as they stand: the first had no packs (`sled/packs`), and would
/// not find what is in one; neither had changes that came through another server, nor would read them.
const FORMATS_BEFORE: [&[u8]; 2] = [b"1", b"2"];

/// An ordered map of bytes, as [`Keyspace`] needs it.
pub trait Tree: Send + Sync + 'static {
    /// Shows keys from `from` up to, and without, `to` in order, until told to stop.
    fn scan(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), TreeError>;

    /// Gives the value at a key.
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        let mut found = None;
        let behind = [key, &[0]].concat();
        self.scan(key, &behind, &mut |_, value| {
            found = Some(value.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Writes all or nothing. On `Ok` it survives the loss of power; on `Err` nothing is known.
    fn write(&self, writes: Vec<Write>) -> Result<(), TreeError>;

    /// Does some of what writes put off; on `Err` what was written before is as durable as it was.
    fn tend(&self) -> Result<(), TreeError> {
        Ok(())
    }

    /// Forgets what is not durable and opens again, so that what is then shown is durable.
    ///
    /// Scans wait, or see what was open before.
    fn reopen(&self) -> Result<(), TreeError>;
}

/// What is shown each key and value of a scan, and may end it.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// One write of [`Tree::write`].
#[derive(Debug, Clone)]
pub enum Write {
    /// Puts a value of at most [`VALUE_BYTES_MAX`] bytes at a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key, if it is there.
    Delete(Vec<u8>),
}

/// Why a tree did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// Another process holds it.
    #[error("{path} is open in another process")]
    InUse {
        /// Its folder.
        path: String,
    },
    /// What lies below cannot read what is stored there.
    #[error("{0}")]
    Unreadable(String),
    /// Writes that were acknowledged are gone from the end.
    #[error("it holds {found} writes, and {acknowledged} were acknowledged")]
    Shortened {
        /// How many writes there are.
        found: u64,
        /// How many were acknowledged.
        acknowledged: u64,
        /// The file that remembers.
        witness: String,
    },
    /// What lies below failed.
    #[error("{0}")]
    Failed(String),
}

/// A [`Storage`] over a [`Tree`].
pub struct Keyspace<T> {
    tree: T,
    gate: Mutex<Gate>,
    /// Held while covered changes are deleted, which a load must not come to see half done.
    deleting: RwLock<()>,
}

/// What reads must not see yet.
#[derive(Default)]
struct Gate {
    /// What the write that is under way or failed replaces.
    in_doubt: Before,
    /// Whether the last write ended other than well.
    failed: bool,
}

/// What stood before a write; `None`: not there.
#[derive(Default)]
struct Before {
    rooms: BTreeMap<RoomId, Option<Entry>>,
    /// By table and key.
    facts: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// By room and actor.
    bindings: BTreeMap<(RoomId, ActorId), Option<Author>>,
}

impl Before {
    fn room(id: RoomId, entry: Entry) -> Self {
        Self { rooms: BTreeMap::from([(id, Some(entry))]), ..Self::default() }
    }
}

impl<T: Tree> Keyspace<T> {
    /// Opens the store in a tree, and founds it in an empty one.
    pub fn open(tree: T) -> Result<Self, StorageError> {
        let keyspace = Self { tree, gate: Mutex::default(), deleting: RwLock::new(()) };
        keyspace.check_version()?;
        Ok(keyspace)
    }

    /// The map below.
    pub fn tree(&self) -> &T {
        &self.tree
    }

    fn check_version(&self) -> Result<(), StorageError> {
        let expected = FORMAT.to_string();
        let found = records::read(&self.tree, &keys::VERSION)?;
        match found.as_deref() {
            Some(found) if found == expected.as_bytes() => return Ok(()),
            Some(found) if FORMATS_BEFORE.contains(&found) => {}
            None if self.is_empty()? => {}
            found => {
                let found = found.map_or("none".into(), String::from_utf8_lossy).into_owned();
                return Err(StorageError::Version { found, expected: FORMAT });
            }
        }
        let mut writes = Vec::new();
        records::put(&mut writes, &keys::VERSION, expected.as_bytes());
        Ok(self.tree.write(writes)?)
    }

    fn is_empty(&self) -> Result<bool, StorageError> {
        let mut empty = true;
        self.tree.scan(&[], &[u8::MAX], &mut |_, _| {
            empty = false;
            ControlFlow::Break(())
        })?;
        Ok(empty)
    }

    /// Writes durably. Until that is done, reads see what stood before.
    fn write(&self, before: Before, writes: Vec<Write>) -> Result<(), StorageError> {
        {
            let mut gate = self.gate.lock();
            gate.in_doubt = before;
            // Stays so should the tree panic.
            gate.failed = true;
        }
        self.tree.write(writes)?;
        *self.gate.lock() = Gate::default();
        Ok(())
    }

    fn check_open(&self) -> Result<(), StorageError> {
        if self.gate.lock().failed { Err(StorageError::NeedsReopen) } else { Ok(()) }
    }
}

impl<T: Tree> Storage for Keyspace<T> {
    fn rooms(&self) -> Result<Vec<RoomRecord>, StorageError> {
        self.read_rooms()
    }

    fn room(&self, name: &RoomName) -> Result<Option<RoomRecord>, StorageError> {
        self.read_room(name)
    }

    fn room_of_document(&self, document: &DocumentId) -> Result<Option<RoomId>, StorageError> {
        self.read_room_of_document(document)
    }

    fn load(&self, room: &RoomId) -> Result<Option<StoredRoom>, StorageError> {
        self.read_stored(room)
    }

    fn commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        self.check_open()?;
        self.commit_planned(batches)
    }

    fn compact(
        &self,
        room: &RoomId,
        snapshot: &[u8],
        through_seq: u64,
    ) -> Result<(), StorageError> {
        self.check_open()?;
        self.compact_through(room, snapshot, through_seq)
    }

    fn events(&self, room: &RoomId, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        self.read_events(room, after, limit)
    }

    fn epochs(&self, name: &RoomName) -> Result<Vec<Epoch>, StorageError> {
        self.read_epochs(name)
    }

    fn trim_events(&self, room: &RoomId, through: u64) -> Result<(), StorageError> {
        self.check_open()?;
        self.trim_events_through(room, through)
    }

    fn facts(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.read_facts(table)
    }

    fn fact(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.read_fact(table, key)
    }

    fn facts_between(
        &self,
        table: &str,
        after: &str,
        through: &str,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.read_facts_between(table, (after, through), limit)
    }

    fn server_actor(&self, make: &dyn Fn() -> ActorId) -> Result<ActorId, StorageError> {
        self.check_open()?;
        if let Some(bytes) = records::read(&self.tree, &keys::SERVER_ACTOR)? {
            return Ok(ActorId::from(bytes));
        }
        let actor = make();
        let mut writes = Vec::new();
        records::put(&mut writes, &keys::SERVER_ACTOR, actor.to_bytes());
        self.write(Before::default(), writes)?;
        Ok(actor)
    }

    fn tend(&self) -> Result<(), StorageError> {
        self.check_open()?;
        // Stays so should the tree fail or panic; nothing is in doubt meanwhile.
        self.gate.lock().failed = true;
        self.tree.tend()?;
        self.gate.lock().failed = false;
        Ok(())
    }

    fn reopen(&self) -> Result<(), StorageError> {
        // Reads go on meanwhile: the gate keeps what is in doubt from them until this succeeded.
        self.gate.lock().failed = true;
        self.tree.reopen()?;
        self.check_version()?;
        *self.gate.lock() = Gate::default();
        Ok(())
    }
}

impl From<TreeError> for StorageError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::InUse { path } => Self::InUse { path },
            TreeError::Shortened { found, acknowledged, witness } => {
                Self::Shortened { found, acknowledged, witness }
            }
            TreeError::Unreadable(reason) | TreeError::Failed(reason) => Self::Environment(reason),
        }
    }
}

/// Names the room whose records were being read when the tree could not read on.
fn located(error: TreeError, from: &[u8]) -> StorageError {
    match (error, keys::room_of(from)) {
        (TreeError::Unreadable(_), Some(room)) => StorageError::Unreadable {
            room,
            key: keys::kind_of(from).to_owned(),
            reason: "is damaged below",
        },
        (error, _) => error.into(),
    }
}

fn unreadable(stem: &Stem, reason: &'static str) -> StorageError {
    let key = stem.to_string();
    match stem.room() {
        Some(room) => StorageError::Unreadable { room: room.clone(), key, reason },
        None => StorageError::StoreUnreadable { key, reason },
    }
}

/// Puts another text in the place of a room's entry, as an earlier version wrote it.
#[cfg(test)]
pub(crate) fn rewrite_entry(tree: &dyn Tree, room: &RoomId, entry: &serde_json::Value) {
    let stem = Stem::Entry(room.clone());
    let mut writes = Vec::new();
    records::put(&mut writes, &stem, entry.to_string().as_bytes());
    tree.write(writes).expect("the tree is written");
}
