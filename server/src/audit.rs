//! The audit trail: who did what, when, from where and how it ended, for every read, write and refusal.
//!
//! [`Entry`] is one act. [`Audit::note`] takes it without waiting; the storage thread gives it its
//! number, chains it to the one before and writes it in the commit that it is about (`scribe`), so an
//! entry that was noted before a room's batch was handed over is durable no later than that batch.
//! `chain` is the form in which entries stand, `key` signs checkpoints, [`verify`] says whether a
//! chain is whole, `log` reads it. It holds no clinical text and no values that somebody searched for.

mod chain;
mod entry;
mod key;
mod log;
mod scribe;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{clock, hub::RoomError, storage::StorageError};

pub use chain::CHECKPOINT_ENTRIES_MAX;
pub use entry::{Act, Door, Entry, NAMED_MAX, Outcome, TEXT_BYTES_MAX, Touched};
pub use key::{Checkpoint, KeyError, PublicKey, SigningKey};
pub use log::{Blocks, checkpoints, entries_between, entry, expected, last_number};
pub(crate) use scribe::{Scribe, is_of_the_trail};
pub use verify::{Expected, Fault, Whole, verify};

/// Bytes of entries that wait to be durable beyond which [`Audit::check`] refuses: some 50,000. Beyond
/// twice as many entries are counted and not kept.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where acts are noted.
pub struct Audit {
    key: SigningKey,
    waiting: Mutex<Waiting>,
    /// As [`WAITING_BYTES_MAX`].
    bytes_max: usize,
    wake: OnceLock<Wake>,
}

/// Has the storage thread write what waits.
type Wake = Box<dyn Fn() + Send + Sync>;
/// Hears the number of an entry that is durable.
type Told = oneshot::Sender<Result<u64, StorageError>>;

/// What the storage thread has not taken.
#[derive(Default)]
struct Waiting {
    entries: Vec<Noted>,
    /// Who waits until all of this is durable.
    waiters: Vec<Told>,
    /// Entries that were not kept.
    unkept: u64,
    /// Bytes of entries that are not durable, taken or not.
    bytes: usize,
    closed: bool,
}

/// An entry that has no number yet.
struct Noted {
    json: Vec<u8>,
    told: Option<Told>,
}

/// Nothing more can be noted now (environment).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail takes no entries now, so nothing is done that needs one")]
pub struct Unavailable;

impl Audit {
    /// One whose checkpoints are signed with this key.
    pub fn new(key: SigningKey) -> Arc<Self> {
        Self::holding(key, WAITING_BYTES_MAX)
    }

    fn holding(key: SigningKey, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { key, waiting: Mutex::default(), bytes_max, wake: OnceLock::new() })
    }

    /// Notes an act: soon durable, at the latest with the next batch that is handed to the storage
    /// thread. Never waits and never fails: past a bound that [`check`](Self::check) is there to keep
    /// away, entries are counted, and an entry of the chain says how many.
    pub fn note(&self, entry: Entry) {
        self.push(entry, None);
    }

    /// Notes an act and waits until it is durable; gives its number. For what must be written before
    /// it is done, such as opening a chart in an emergency. On `Err` the act is not to be done, though
    /// the entry may be written later.
    pub async fn note_durably(&self, entry: Entry) -> Result<u64, RoomError> {
        let (told, durable) = oneshot::channel();
        self.push(entry, Some(told));
        self.awaited(durable).await
    }

    /// Waits until everything that was noted is durable.
    pub async fn flushed(&self) -> Result<(), RoomError> {
        let (told, durable) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            if waiting.bytes == 0 {
                return Ok(());
            }
            if !waiting.closed {
                waiting.waiters.push(told);
            }
        }
        self.awaited(durable).await.map(drop)
    }

    /// Refuses where so much waits to be durable that the store must be failing, and behind the end:
    /// whoever is about to show something asks before, since it could not be noted.
    pub fn check(&self) -> Result<(), Unavailable> {
        let waiting = self.waiting.lock();
        if waiting.closed || waiting.bytes > self.bytes_max { Err(Unavailable) } else { Ok(()) }
    }

    async fn awaited(
        &self,
        durable: oneshot::Receiver<Result<u64, StorageError>>,
    ) -> Result<u64, RoomError> {
        if let Some(wake) = self.wake.get() {
            wake();
        }
        Ok(durable.await.map_err(|_| RoomError::ShuttingDown)??)
    }

    fn push(&self, mut entry: Entry, told: Option<Told>) {
        if entry.at == 0 {
            entry.at = clock::now_ms();
        }
        let act = entry.act.code();
        // Outside the lock.
        let json = encoded(entry.cut());
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            tracing::error!(act, "an act behind the server's end is not in the audit trail");
        } else if waiting.bytes + json.len() > 2 * self.bytes_max {
            waiting.unkept += 1;
        } else {
            waiting.bytes += json.len();
            waiting.entries.push(Noted { json, told });
        }
    }

    /// Says how the storage thread is woken.
    pub(crate) fn wakes(&self, wake: impl Fn() + Send + Sync + 'static) {
        // There is one storage thread.
        let _ = self.wake.set(Box::new(wake));
    }

    /// Whether something waits for the storage thread.
    fn waits(&self) -> bool {
        let waiting = self.waiting.lock();
        !waiting.entries.is_empty() || !waiting.waiters.is_empty() || waiting.unkept > 0
    }

    fn take(&self) -> (Vec<Noted>, Vec<Told>, u64) {
        let mut waiting = self.waiting.lock();
        let entries = std::mem::take(&mut waiting.entries);
        (entries, std::mem::take(&mut waiting.waiters), std::mem::take(&mut waiting.unkept))
    }

    fn durable(&self, bytes: usize) {
        self.waiting.lock().bytes -= bytes;
    }

    fn close(&self) {
        self.waiting.lock().closed = true;
    }
}

/// An entry as JSON.
fn encoded(entry: Entry) -> Vec<u8> {
    serde_json::to_vec(&entry).expect("text, numbers and lists are JSON")
}
