//! What hears how a request ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::storage::StorageError;

/// A listener, told once in any case, since dropping it says that the store closed.
pub(super) struct Done(Option<Listener>);

/// Runs on the storage thread and must not block.
type Listener = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

impl Done {
    pub(super) fn new(listener: impl FnOnce(Result<(), StorageError>) + Send + 'static) -> Self {
        Self(Some(Box::new(listener)))
    }

    pub(super) fn tell(mut self, outcome: Result<(), StorageError>) {
        self.tell_once(outcome);
    }

    /// One listener's panic is not the others' business.
    fn tell_once(&mut self, outcome: Result<(), StorageError>) {
        let Some(listener) = self.0.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| listener(outcome))).is_err() {
            tracing::error!("a listener of the storage thread panicked");
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.tell_once(Err(StorageError::Closed));
    }
}
