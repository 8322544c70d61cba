//! The storage thread: one for all rooms, so that one flush serves everybody who waits.
//!
//! While a commit runs, requests gather; the next commit takes them all, and where several rooms are
//! busy it gives more of them time to come. After a failure the storage
//! is opened again and the same batches are committed once more, since nobody knows what became of
//! them; only then is anyone told that it failed. A storage that failed is then left alone for a
//! while, in which requests gather, and is tried also where nobody asks until it takes writes again.

mod done;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chartroom_engine::{RoomId, RoomName};
use parking_lot::Mutex;

use crate::{
    audit::{Scribe, is_of_the_trail},
    storage::{Fact, RoomBatch, Storage, StorageError},
};
use done::Done;

/// Requests that may wait. A room has at most one batch and one compaction in here, so only a hub
/// with more busy rooms than this makes a room wait to hand over its batch.
const WAITING_MAX: usize = 16 * 1024;
/// Batches in one commit: more would make those at its head wait for those at its end.
const GROUP_BATCHES_MAX: usize = 2048;
/// Bytes of changes in one commit, for the same reason.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Where several rooms are busy at once, the next commit begins so long behind the last one for each
/// batch in that: half of what a small one costs is the sync and the system calls around it, and all
/// that wait share them. Below some 2,000 batches a second nobody gathers more by waiting, and the wait
/// dies down; beyond, it grows to the most.
const PACE: Duration = Duration::from_micros(500);
/// The most that a commit waits for more batches to come.
const PACE_MAX: Duration = Duration::from_millis(5);
/// So long the audit trail's entries wait for a commit to go along with before they have one of their own.
const NOTED_WITHIN: Duration = Duration::from_millis(200);
/// Commits behind which a compaction that waits has its turn, however many more wait.
const COMMITS_IN_A_ROW_MAX: u32 = 64;
/// Shortest rest of a storage that failed: so often do its failures cost work and lines in the log.
const REST_MIN: Duration = Duration::from_secs(1);
/// Longest one: so late is it noticed that the storage is well again.
const REST_MAX: Duration = Duration::from_secs(10);
/// In between it is this many times as long as the failure took, some of which readers waited too.
const REST_FACTOR: u32 = 10;

/// The way to the storage thread; clones share it.
#[derive(Clone)]
pub struct Writer {
    requests: Arc<SyncSender<Request>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    counts: Arc<Mutex<WriterCounts>>,
}

/// What the storage thread did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriterCounts {
    /// Commits that succeeded.
    pub commits: u64,
    /// Batches in them.
    pub batches: u64,
    /// Compactions that succeeded.
    pub compactions: u64,
    /// Commits, compactions and trims that failed, those that succeeded at the second try included.
    pub failures: u64,
    /// Whether the storage takes no writes: the last one failed.
    pub failing: bool,
}

enum Request {
    Commit(Box<RoomBatch>, Done),
    Shorten(RoomId, Shortening, Done),
    /// Somebody waits for the audit trail.
    Noted,
    Stop,
}

/// What makes a room's records fewer.
enum Shortening {
    /// A snapshot takes the place of changes.
    Compact { snapshot: Vec<u8>, through_seq: u64 },
    /// Old events are dropped.
    TrimEvents { through: u64 },
}

impl Writer {
    /// Starts the thread, which writes the audit trail too.
    pub(crate) fn start(storage: Arc<dyn Storage>, scribe: Scribe) -> Self {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        let requests = Arc::new(requests);
        let counts = Arc::new(Mutex::new(WriterCounts::default()));
        // The thread has the trail, and ends when nobody has the queue.
        let waking = Arc::downgrade(&requests);
        scribe.audit().wakes(move || {
            // Where the queue is full a commit comes anyway.
            let _ = waking.upgrade().map(|requests| requests.try_send(Request::Noted));
        });
        let desk = Desk::new(storage, waiting, Arc::clone(&counts), scribe);
        let thread = thread::Builder::new()
            .name("storage".to_owned())
            .spawn(move || desk.run())
            .expect("the system has room for one more thread at the start");
        Self { requests, thread: Arc::new(Mutex::new(Some(thread))), counts }
    }

    /// Has a batch made durable, together with all that wait; `done` hears how it ended.
    ///
    /// `Ok` means that the batch survives the loss of power. [`StorageError::room`] tells an error
    /// that is this room's alone; behind any other the storage failed twice, and a later commit
    /// tries it anew.
    pub fn commit(
        &self,
        batch: RoomBatch,
        done: impl FnOnce(Result<(), StorageError>) + Send + 'static,
    ) {
        self.send(Request::Commit(Box::new(batch), Done::new(done)));
    }

    /// Has a room's changes up to `through_seq` replaced by a snapshot, between commits.
    ///
    /// An error harms nothing: the changes stay until a later compaction.
    pub fn compact(
        &self,
        room: RoomId,
        snapshot: Vec<u8>,
        through_seq: u64,
        done: impl FnOnce(Result<(), StorageError>) + Send + 'static,
    ) {
        let compaction = Shortening::Compact { snapshot, through_seq };
        self.send(Request::Shorten(room, compaction, Done::new(done)));
    }

    /// Has a room's events up to `through` dropped, between commits.
    pub fn trim_events(
        &self,
        room: RoomId,
        through: u64,
        done: impl FnOnce(Result<(), StorageError>) + Send + 'static,
    ) {
        self.send(Request::Shorten(room, Shortening::TrimEvents { through }, Done::new(done)));
    }

    /// What the thread did so far.
    pub fn counts(&self) -> WriterCounts {
        *self.counts.lock()
    }

    /// Serves everything that was asked for before, and ends the thread. Blocks until then.
    ///
    /// Later requests end with [`StorageError::Closed`].
    pub fn stop(&self) {
        let thread = self.thread.lock().take();
        self.send(Request::Stop);
        if let Some(thread) = thread {
            // The thread catches what panics in it.
            let _ = thread.join();
        }
    }

    fn send(&self, request: Request) {
        // A request that is not taken is dropped, and says so to its listener.
        let _ = self.requests.send(request);
    }
}

/// The thread's state.
struct Desk {
    storage: Arc<dyn Storage>,
    waiting: Receiver<Request>,
    commits: VecDeque<(RoomBatch, Done)>,
    shortenings: VecDeque<(RoomId, Shortening, Done)>,
    stopping: bool,
    /// Commits since a compaction had its turn.
    in_a_row: u32,
    /// When the next commit begins, if the last one was of several rooms.
    paced: Option<Instant>,
    /// Until when a storage that failed is left alone.
    resting: Option<Instant>,
    counts: Arc<Mutex<WriterCounts>>,
    scribe: Scribe,
}

impl Desk {
    fn new(
        storage: Arc<dyn Storage>,
        waiting: Receiver<Request>,
        counts: Arc<Mutex<WriterCounts>>,
        scribe: Scribe,
    ) -> Self {
        Self {
            storage,
            waiting,
            commits: VecDeque::new(),
            shortenings: VecDeque::new(),
            stopping: false,
            in_a_row: 0,
            paced: None,
            resting: None,
            counts,
            scribe,
        }
    }

    fn run(mut self) {
        loop {
            self.rest();
            let idle = self.commits.is_empty() && self.shortenings.is_empty();
            if idle && self.stopping {
                break;
            }
            if idle && self.counts.lock().failing {
                self.commits.push_back(probe());
            } else if idle {
                match self.waiting.recv_timeout(NOTED_WITHIN) {
                    Ok(request) => self.take(request),
                    Err(RecvTimeoutError::Timeout) if !self.scribe.is_due() => continue,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            self.take_waiting();
            self.serve();
            self.tend();
        }
        let last = self.scribe.draw_last();
        self.commit_with(last, Vec::new());
        if self.scribe.is_due() {
            tracing::error!("the last entries of the audit trail could not be written");
        }
    }

    /// Commits what waits; where nothing does, or much was committed in a row, a compaction has its turn.
    fn serve(&mut self) {
        if self.commits.is_empty() || self.in_a_row >= COMMITS_IN_A_ROW_MAX {
            self.in_a_row = 0;
            if let Some((room, shortening, done)) = self.shortenings.pop_front() {
                self.shorten(&room, &shortening, done);
            }
            // While nobody else writes, the trail does for itself.
            self.commit(Vec::new());
        } else {
            self.in_a_row += 1;
            self.gather();
            let group = self.next_group();
            self.commit(group);
        }
    }

    /// Lets more batches join those that wait, where the last commit was of several. Whoever writes
    /// alone waits for nobody.
    ///
    /// Asleep rather than at the queue, where each request would wake the thread.
    fn gather(&mut self) {
        let now = Instant::now();
        let until = self.paced.filter(|until| *until > now && !self.stopping);
        if let Some(until) = until {
            thread::sleep(until - now);
            self.take_waiting();
        }
        let batches = u32::try_from(self.commits.len()).unwrap_or(u32::MAX);
        let pace = PACE.saturating_mul(batches).min(PACE_MAX);
        self.paced = (batches > 1).then(|| until.unwrap_or(now) + pace);
    }

    fn take_waiting(&mut self) {
        while let Ok(request) = self.waiting.try_recv() {
            self.take(request);
        }
    }

    /// Lets requests gather until the storage may be tried again.
    fn rest(&mut self) {
        let Some(until) = self.resting.take() else { return };
        while !self.stopping {
            match self.waiting.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(request) => self.take(request),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.stopping = true,
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            _ if self.stopping => {}
            Request::Commit(batch, done) => self.commits.push_back((*batch, done)),
            Request::Shorten(room, shortening, done) => {
                self.shortenings.push_back((room, shortening, done));
            }
            Request::Noted => {}
            Request::Stop => self.stopping = true,
        }
    }

    fn next_group(&mut self) -> Vec<(RoomBatch, Done)> {
        let mut bytes = 0;
        let fits = |(batch, _): &&(RoomBatch, Done)| {
            let first = bytes == 0;
            bytes += batch.batch.changes.iter().map(|change| change.bytes.len()).sum::<usize>();
            first || bytes <= GROUP_BYTES_MAX
        };
        let count = self.commits.iter().take(GROUP_BATCHES_MAX).take_while(fits).count();
        self.commits.drain(..count).collect()
    }

    /// Commits batches, and what the audit trail has.
    fn commit(&mut self, group: Vec<(RoomBatch, Done)>) {
        let noted = self.scribe.draw();
        self.commit_with(noted, group);
    }

    fn commit_with(&mut self, noted: Option<RoomBatch>, group: Vec<(RoomBatch, Done)>) {
        let (mut batches, mut waiting): (Vec<RoomBatch>, Vec<Done>) = group.into_iter().unzip();
        if let Some(noted) = noted {
            batches.push(noted);
            waiting.push(Done::new(drop));
        }
        let (mut reopened, began) = (false, Instant::now());
        while !batches.is_empty() {
            let error = match self.try_commit(&batches) {
                Ok(()) => {
                    self.succeeded(&batches);
                    break;
                }
                Err(error) => error,
            };
            self.counts.lock().failures += 1;
            if let Some(room) = error.room().cloned() {
                let refused = error;
                // One room's batch is to blame, and nothing was written: the others go on.
                let (document, error) = (room.document_id(), without_name(&refused, &room));
                tracing::error!(%document, %error, "a batch was refused by the storage");
                (batches, waiting) = dismiss(&room, &refused, batches, waiting);
                continue;
            }
            if !self.counts.lock().failing {
                tracing::error!(%error, batches = batches.len(), again = !reopened, "a commit failed");
            }
            let again = if reopened { Err(error) } else { self.try_reopen() };
            reopened = true;
            if let Err(error) = again {
                self.failed(&error, began.elapsed());
                if let Some(noted) = batches.into_iter().find(is_of_the_trail) {
                    self.scribe.failed(noted, &error);
                }
                for done in waiting {
                    done.tell(Err(error.clone()));
                }
                return;
            }
        }
        for done in waiting {
            done.tell(Ok(()));
        }
    }

    fn succeeded(&mut self, batches: &[RoomBatch]) {
        let noted = batches.last().is_some_and(is_of_the_trail);
        if noted {
            self.scribe.written();
        }
        let mut counts = self.counts.lock();
        counts.commits += 1;
        counts.batches += (batches.len() - usize::from(noted)) as u64;
        if std::mem::take(&mut counts.failing) {
            tracing::warn!("the store takes writes again");
        }
    }

    /// Said once for all failures until a commit succeeds.
    fn failed(&mut self, error: &StorageError, took: Duration) {
        self.resting = Some(Instant::now() + (took * REST_FACTOR).clamp(REST_MIN, REST_MAX));
        if !std::mem::replace(&mut self.counts.lock().failing, true) {
            tracing::error!(%error, "the store takes no writes; it is tried again until it does");
        }
    }

    fn shorten(&mut self, room: &RoomId, shortening: &Shortening, done: Done) {
        let began = Instant::now();
        let outcome = caught(|| match shortening {
            Shortening::Compact { snapshot, through_seq } => {
                self.storage.compact(room, snapshot, *through_seq)
            }
            Shortening::TrimEvents { through } => self.storage.trim_events(room, *through),
        });
        match &outcome {
            Ok(()) => {
                let compacted = matches!(shortening, Shortening::Compact { .. });
                self.counts.lock().compactions += u64::from(compacted);
            }
            Err(error) => {
                self.counts.lock().failures += 1;
                let (document, told) = (room.document_id(), without_name(error, room));
                tracing::error!(%document, error = %told, "a room's records were not shortened");
                if error.room().is_none()
                    && let Err(error) = self.try_reopen()
                {
                    self.failed(&error, began.elapsed());
                }
            }
        }
        done.tell(outcome);
    }

    /// Does some of what the storage put off, now that those who waited were told.
    fn tend(&mut self) {
        if self.resting.is_some() {
            return;
        }
        let began = Instant::now();
        let Err(error) = caught(|| self.storage.tend()) else { return };
        self.counts.lock().failures += 1;
        tracing::error!(%error, "what the store put off could not be done");
        if let Err(error) = self.try_reopen() {
            self.failed(&error, began.elapsed());
        }
    }

    fn try_commit(&self, batches: &[RoomBatch]) -> Result<(), StorageError> {
        caught(|| self.storage.commit(batches))
    }

    fn try_reopen(&self) -> Result<(), StorageError> {
        let reopened = caught(|| self.storage.reopen());
        if reopened.is_ok() && !self.counts.lock().failing {
            tracing::warn!("the store was opened again");
        }
        reopened
    }
}

/// A write for its own sake.
fn probe() -> (RoomBatch, Done) {
    let (table, key) = ("storage".to_owned(), "probe".to_owned());
    let written = Fact { table, key, value: Some(Vec::new()) };
    let batch = RoomBatch::of_facts(RoomId::first(RoomName::directory()), vec![written]);
    (batch, Done::new(drop))
}

/// An error for the log: a patient's room name holds a FHIR id, the document id does not.
fn without_name(error: &StorageError, room: &RoomId) -> String {
    error.to_string().replace(room.name.as_str(), "the room")
}

/// Tells the batches of one room that they failed, and gives back the others.
fn dismiss(
    room: &RoomId,
    error: &StorageError,
    batches: Vec<RoomBatch>,
    waiting: Vec<Done>,
) -> (Vec<RoomBatch>, Vec<Done>) {
    let (mut kept, mut kept_waiting) = (Vec::new(), Vec::new());
    for (batch, done) in batches.into_iter().zip(waiting) {
        // A batch that founds the next epoch may be refused for that one's sake; the trail's never is.
        if batch.room.name == room.name && !is_of_the_trail(&batch) {
            done.tell(Err(error.clone()));
        } else {
            kept.push(batch);
            kept_waiting.push(done);
        }
    }
    (kept, kept_waiting)
}

/// A storage that panics has failed, and the thread goes on.
fn caught<T>(call: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(StorageError::Environment("the storage panicked".to_owned())))
}
