//! Wakes a flush of sled's that sleeps through a failure.
//!
//! The thread of sled's that fails to write notes the error and does not always wake who waits for
//! the write (`exit_reservation` in its `logger.rs`), who then waits for ever. Every flush that
//! begins later finds the error and wakes all.

use std::{
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How long a flush may take before another is begun beside it; the next ones come after twice as
/// long each, so that few threads wait for a disk that is only slow.
const PATIENCE: Duration = Duration::from_millis(250);

/// Looks after the flush that is under way, on a thread that ends when this is dropped.
pub(super) struct Watch(Arc<Mutex<Option<Flush>>>);

struct Flush {
    db: sled::Db,
    patience: Duration,
    until: Instant,
}

/// A flush that is looked after until this is dropped.
pub(super) struct Watched<'a>(&'a Watch);

impl Watch {
    /// Starts the thread; without one to spare a flush is not looked after.
    pub(super) fn start() -> Self {
        let current = Arc::new(Mutex::new(None));
        let watched = Arc::downgrade(&current);
        let _ = thread::Builder::new().name("flush-watch".to_owned()).spawn(|| watch(watched));
        Self(current)
    }

    /// A flush begins.
    pub(super) fn over(&self, db: &sled::Db) -> Watched<'_> {
        let until = Instant::now() + PATIENCE;
        *self.0.lock() = Some(Flush { db: db.clone(), patience: PATIENCE, until });
        Watched(self)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}

fn watch(current: Weak<Mutex<Option<Flush>>>) {
    while let Some(current) = current.upgrade() {
        if let Some(flush) = &mut *current.lock()
            && flush.until <= Instant::now()
        {
            flush.patience *= 2;
            flush.until += flush.patience;
            let db = flush.db.clone();
            let _ = thread::Builder::new().spawn(move || db.flush());
        }
        drop(current);
        thread::sleep(PATIENCE);
    }
}
