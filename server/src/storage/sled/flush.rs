//! A flush of sled's that ends when the disk fails.
//!
//! The thread of sled's that fails to write notes the error and does not always wake who waits for
//! the write (`exit_reservation` in its `logger.rs`), who then waits for ever. Every flush that begins
//! later finds the error and wakes all.

use std::{
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// How long a flush may take before another is begun beside it; the next ones are twice as long each,
/// so that a disk that is only slow is waited for by few threads.
const PATIENCE: Duration = Duration::from_millis(250);

/// Hands everything written so far to the operating system.
pub(super) fn woken(db: &sled::Db) -> sled::Result<()> {
    let (ended, end) = sync_channel::<()>(0);
    thread::scope(|scope| {
        let watch = move || {
            let mut patience = PATIENCE;
            while end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                patience *= 2;
                let db = db.clone();
                let _ = thread::Builder::new().spawn(move || db.flush());
            }
        };
        // Without a thread to spare the flush is tried all the same.
        let _ = thread::Builder::new().spawn_scoped(scope, watch);
        let flushed = db.flush();
        drop(ended);
        flushed.map(drop)
    })
}
