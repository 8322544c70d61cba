//! The default storage, over sled 0.34.7. No other file names sled.
//!
//! Seven habits of sled shape this file. A batch costs it the rewriting of pages, and all its threads
//! wake for each flush; so a write is durable in the `journal` and stays `pending` in memory until
//! sled is handed many of them at once, in `packs`. Its flush survives the death of the process
//! but is no barrier against the loss of power, so it ends with an fdatasync of its file. It keeps
//! long pages in files of their own, blobs, which it never syncs, so values stay short (`records`
//! cuts them), and should one appear all the same it is synced too. It takes damage in the last
//! part of its log for a torn write and silently forgets what follows; `witness` notices. Its flush
//! can sleep through a write that failed; `watch` wakes it. Once one has failed it does not read any
//! more what it has still to split, so it is handed nothing that there is no room for
//! (`files::reserve`). And some of its failures are panics, which must not take the storage thread
//! along.

mod files;
mod journal;
mod packs;
mod pending;
#[cfg(test)]
mod tests;
mod watch;
mod witness;

use std::{
    cmp::Ordering::{Greater, Less},
    fs::File,
    io,
    ops::ControlFlow,
    os::unix::fs::FileExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::{Mutex, RwLock};

use super::{
    StorageError,
    keyspace::{Keyspace, Tree, TreeError, Visit, Write},
};
use journal::{Journal, Record};
use packs::Stored;
use pending::Pending;
use watch::Watch;
use witness::Witness;

/// Rooms in a sled store.
pub type Sled = Keyspace<SledTree>;

/// Where the store counts its writes, behind every key that records have.
const WRITES: &[u8] = b"\xffwrites";
/// Bytes that sled takes between two syncs: out of what was written to several of its segments and
/// synced for none, a power cut can leave what it does not open.
const BATCH_BYTES: usize = 128 * 1024;
/// Memory for sled's pages; what a room needs is in its task, and loads read each record once.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The steps that durability rests on, apart from each other so that a test can see their order and
/// let each fail.
pub(crate) trait Steps: Send + Sync {
    /// Hands a record of the journal to the operating system.
    fn append(&self, journal: &File, record: &[u8], at: u64) -> io::Result<()> {
        journal.write_all_at(record, at)
    }

    /// Hands everything that sled took so far to the operating system.
    fn flush(&self, db: &sled::Db) -> sled::Result<()> {
        db.flush().map(drop)
    }

    /// Has the operating system put a file on the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

struct RealSteps;

impl Steps for RealSteps {}

/// An ordered map in a folder of sled's.
pub struct SledTree {
    folder: PathBuf,
    steps: Box<dyn Steps>,
    /// `None` after an opening that failed.
    open: RwLock<Option<Open>>,
    /// Whether a sync failed: the cache may then show what the disk lacks, marked as written, and
    /// no later sync would write it.
    cache_lies: AtomicBool,
    watch: Watch,
}

struct Open {
    db: sled::Db,
    /// A handle of our own on the file that sled writes.
    file: File,
    witness: Witness,
    journal: Mutex<Journal>,
    pending: RwLock<Pending>,
}

impl Sled {
    /// Opens the store in a folder, and founds it where there is none.
    pub fn at(folder: &Path) -> Result<Self, StorageError> {
        Self::with_steps(folder, Box::new(RealSteps)).map_err(|error| {
            if let StorageError::Environment(reason) = error {
                let folder = folder.display();
                return StorageError::Environment(format!("{folder} cannot be opened: {reason}"));
            }
            error
        })
    }

    pub(crate) fn with_steps(folder: &Path, steps: Box<dyn Steps>) -> Result<Self, StorageError> {
        let tree = SledTree {
            folder: folder.to_owned(),
            steps,
            open: RwLock::new(None),
            cache_lies: AtomicBool::new(false),
            watch: Watch::start(),
        };
        files::create_folder(folder).map_err(failed)?;
        files::check_founded(folder)?;
        files::claim(folder)?;
        *tree.open.write() = Some(tree.open_durably()?);
        Self::open(tree)
    }
}

impl SledTree {
    /// Opens a store that nobody else has open, all of it durable.
    fn open_durably(&self) -> Result<Open, TreeError> {
        // What a killed process wrote may still be in the cache alone, and what sled derives from
        // it while it opens must not outlive it.
        files::sync_contents(&self.folder).map_err(failed)?;
        let open = self.open_claimed()?;
        self.checkpoint(&open)?;
        open.journal.lock().empty().map_err(failed)?;
        files::sync_contents(&self.folder).map_err(failed)?;
        Ok(open)
    }

    /// Opens a store that nobody else has open, with what its journal has beyond sled pending.
    fn open_claimed(&self) -> Result<Open, TreeError> {
        files::claim_soon(&self.folder)?;
        files::trim(&self.folder).map_err(failed)?;
        let db = match guarded(|| self.open_sled())? {
            Err(sled::Error::Corruption { .. }) if files::set_snapshots_aside(&self.folder) => {
                files::claim_soon(&self.folder)?;
                guarded(|| self.open_sled())?
            }
            opened => opened,
        };
        let db = db.map_err(|error| self.open_error(&error))?;
        let file = File::options().read(true).write(true).open(files::data_file(&self.folder));
        let file = file.map_err(failed)?;
        let witness = Witness::at(&self.folder).map_err(failed)?;
        let journal = Journal::at(&self.folder).map_err(failed)?;
        let mut found = count_of_writes(&db)?;
        let mut pending = Pending::default();
        for (number, writes) in journal.beyond(found).map_err(failed)? {
            pending.take(number, writes);
            found = number;
        }
        witness.check(found)?;
        let (journal, pending) = (Mutex::new(journal), RwLock::new(pending));
        Ok(Open { db, file, witness, journal, pending })
    }

    /// Hands everything that is pending to sled, durable there.
    fn checkpoint(&self, open: &Open) -> Result<(), TreeError> {
        self.turn(open)?;
        while self.hand_over(open)? {}
        Ok(())
    }

    /// Begins the journal's other half.
    fn turn(&self, open: &Open) -> Result<(), TreeError> {
        while self.hand_over(open)? {}
        open.pending.write().leave();
        open.journal.lock().turn();
        Ok(())
    }

    /// Hands sled some of what leaves, durable there; says whether there was any.
    fn hand_over(&self, open: &Open) -> Result<bool, TreeError> {
        let (batch, count) = {
            let pending = open.pending.read();
            let changes = pending.first_leaving(BATCH_BYTES);
            (packs::batch(&open.db, &changes)?, changes.len())
        };
        if count == 0 {
            return Ok(false);
        }
        // The journal has it all until the last of it is in sled, so it need not be one batch.
        self.write_through(open, batch, BATCH_BYTES)?;
        open.pending.write().left(count);
        Ok(true)
    }

    /// Writes a batch of so many bytes to sled and has it durable there.
    fn write_through(
        &self,
        open: &Open,
        batch: sled::Batch,
        bytes: usize,
    ) -> Result<(), TreeError> {
        files::reserve(&open.file, bytes).map_err(failed)?;
        guarded(|| {
            open.db.apply_batch(batch)?;
            let _watched = self.watch.over(&open.db);
            self.steps.flush(&open.db)
        })?
        .map_err(failed)?;
        files::each_blob(&self.folder, |blob| self.sync(blob)).map_err(failed)?;
        self.sync(&open.file).map_err(failed)
    }

    /// Writes and syncs as much as an opening will, while what is open goes on answering reads: on a
    /// disk that is full it stays open.
    fn rehearse_opening(&self) -> Result<(), TreeError> {
        let open = self.open.read();
        let Some(open) = open.as_ref() else { return Ok(()) };
        // Our handle hears of every page that the system could not write since its last sync.
        // Where there is none the cache tells the truth, and a copy is not needed.
        let _ = self.sync(&open.file);
        if self.cache_lies.load(Ordering::Relaxed) {
            files::rehearse_rewrite(&self.folder)
        } else {
            let pending = open.pending.read().bytes();
            files::reserve(&open.file, pending.max(BATCH_BYTES))
                .and_then(|()| files::rehearse_opening(&self.folder, pending))
        }
        .map_err(failed)
    }

    fn rewrite_where_needed(&self) -> Result<(), TreeError> {
        if self.cache_lies.load(Ordering::Relaxed) {
            // A copy is all new, so its sync vouches for every byte.
            files::rewrite(&self.folder).map_err(failed)?;
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.steps.sync(file).inspect_err(|_| self.cache_lies.store(true, Ordering::Relaxed))
    }

    fn open_sled(&self) -> sled::Result<sled::Db> {
        sled::Config::new()
            .path(&self.folder)
            .cache_capacity(CACHE_BYTES)
            // No thread of sled's flushes behind our back: a failure shows in our own flush.
            .flush_every_ms(None)
            .open()
    }

    fn open_error(&self, error: &sled::Error) -> TreeError {
        let text = error.to_string();
        if text.contains("could not acquire lock") {
            return TreeError::InUse { path: self.folder.display().to_string() };
        }
        if let sled::Error::Corruption { .. } = error {
            return TreeError::Failed("its file db is damaged; put a copy back".to_owned());
        }
        TreeError::Failed(text)
    }
}

impl Tree for SledTree {
    fn scan(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), TreeError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(closed)?;
        let mut pending = open.pending.read().within(from, to).into_iter().peekable();
        // A panic of `visit` is not sled's and passes.
        let mut entries = Stored::within(&open.db, from, to)?;
        let mut stored = entries.next()?;
        loop {
            let order = match (pending.peek(), &stored) {
                (None, None) => return Ok(()),
                (Some(_), None) => Less,
                (None, Some(_)) => Greater,
                (Some((key, _)), Some((stored, _))) => key.as_slice().cmp(stored),
            };
            let flow = match (order, pending.next_if(|_| order.is_le()), &stored) {
                (_, Some((key, Some(value))), _) => visit(&key, &value),
                (Greater, _, Some((key, value))) => visit(key, value),
                _ => ControlFlow::Continue(()),
            };
            if flow.is_break() {
                return Ok(());
            }
            if order.is_ge() {
                stored = entries.next()?;
            }
        }
    }

    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(closed)?;
        if let Some(pending) = open.pending.read().value(key) {
            return Ok(pending.map(<[u8]>::to_vec));
        }
        packs::value(&open.db, key)
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), TreeError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(closed)?;
        let number = open.witness.next();
        if journal::takes(&writes) {
            let record = Record::new(number, &writes);
            if !open.journal.lock().has_room_for(&record) {
                self.turn(open)?;
            }
            open.journal.lock().append(&record, &*self.steps).map_err(failed)?;
            open.pending.write().take(number, writes);
        } else {
            self.checkpoint(open)?;
            let mut alone = Pending::default();
            alone.take(number, writes);
            alone.leave();
            let (batch, bytes) =
                (packs::batch(&open.db, &alone.first_leaving(usize::MAX))?, alone.bytes());
            self.write_through(open, batch, bytes)?;
        }
        open.witness.acknowledge(number);
        Ok(())
    }

    fn tend(&self) -> Result<(), TreeError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(closed)?;
        let filled = open.journal.lock().filled();
        while open.pending.read().is_behind(filled) && self.hand_over(open)? {}
        Ok(())
    }

    fn reopen(&self) -> Result<(), TreeError> {
        self.rehearse_opening()?;
        let mut slot = self.open.write();
        close(slot.take(), &self.folder)?;
        match self.rewrite_where_needed().and_then(|()| self.open_durably()) {
            Ok(open) => {
                *slot = Some(open);
                self.cache_lies.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                // Nothing new is vouched for, but what was durable before can be read.
                *slot = self.open_claimed().ok();
                Err(error)
            }
        }
    }
}

impl Drop for SledTree {
    fn drop(&mut self) {
        let Some(open) = self.open.get_mut().take() else { return };
        if let Err(error) = self.checkpoint(&open).and(close(Some(open), &self.folder)) {
            tracing::error!(%error, "the store was not closed in order");
        }
    }
}

/// The number of the last write that sled took.
fn count_of_writes(db: &sled::Db) -> Result<u64, TreeError> {
    let Some(found) = guarded(|| db.get(WRITES))?.map_err(failed)? else { return Ok(0) };
    let count = found
        .as_ref()
        .try_into()
        .map_err(|_| unreadable("the store's count of writes is damaged"))?;
    Ok(u64::from_be_bytes(count))
}

/// Closes the store. When it returns, the next may open it: threads of sled's that still wrote, and
/// kept its lock, have come to their end.
fn close(open: Option<Open>, folder: &Path) -> Result<(), TreeError> {
    guarded(|| drop(open))?;
    files::claim_soon(folder)
}

/// Turns a panic of sled's into a failure.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, TreeError> {
    catch_unwind(AssertUnwindSafe(call))
        .map_err(|_| TreeError::Failed("sled panicked; its message is in the log".to_owned()))
}

fn failed(error: impl std::fmt::Display) -> TreeError {
    TreeError::Failed(error.to_string())
}

fn unreadable(error: impl std::fmt::Display) -> TreeError {
    TreeError::Unreadable(error.to_string())
}

/// Tells a disk that does not answer from damage, a file that ends too early included.
fn unread(error: sled::Error) -> TreeError {
    let silent = matches!(&error, sled::Error::Io(io) if io.kind() != io::ErrorKind::UnexpectedEof);
    if silent { failed(error) } else { unreadable(error) }
}

fn closed() -> TreeError {
    TreeError::Failed("the store is closed, because it could not be opened again".to_owned())
}
