//! The store's disk: it outlives the server, and fails as it is told.

use std::sync::Arc;

use chartroom_server::storage::{self, MemoryTree, Tree, TreeError, Visit, Write};

use super::plan::Fault;

/// A disk; clones are the same one.
#[derive(Clone, Default)]
pub struct Disk(Arc<MemoryTree>);

impl Disk {
    /// Lets the next writes go wrong, one each.
    pub fn fail_writes(&self, faults: &[Fault]) {
        self.0.fail_writes(faults.iter().map(|fault| match fault {
            Fault::None => storage::Fault::None,
            Fault::NotWritten => storage::Fault::NotWritten,
            Fault::WrittenUnheard => storage::Fault::WrittenUnheard,
            Fault::WrittenUnsynced => storage::Fault::WrittenUnsynced,
        }));
    }

    /// Lets the next openings fail.
    pub fn fail_opens(&self, count: usize) {
        self.0.fail_opens(count);
    }

    /// The server is gone: what was not synced is lost, and the disk is sound again.
    pub fn after_crash(&self) {
        self.0.clear_faults();
        self.0.reopen().expect("a disk without faults opens");
    }

    /// The disk is sound from now on.
    pub fn mend(&self) {
        self.0.clear_faults();
    }
}

impl Tree for Disk {
    fn scan(&self, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<(), TreeError> {
        self.0.scan(from, to, visit)
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), TreeError> {
        self.0.write(writes)
    }

    fn reopen(&self) -> Result<(), TreeError> {
        self.0.reopen()
    }
}
