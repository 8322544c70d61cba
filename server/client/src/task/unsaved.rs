//! The edits of a room that the server does not hold durably yet.

use std::collections::BTreeMap;

use chartroom_engine::ChangeHash;
use tokio::sync::watch;

use crate::edit::{Fate, SaveError};

/// Edits of a room that may be unsaved: half of the changes that one sync message brings.
pub const UNSAVED_MAX: usize = 8 * 1024;
/// Bytes of unsaved edits of a room, as JSON, beyond which no further one is made: what comes back
/// after a night goes out in one message, of which a server takes 16 MiB.
pub const UNSAVED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// These edits, by their changes. One that changed nothing is with the last
/// change before it, since what it found may depend on that.
#[derive(Default)]
pub(super) struct Unsaved {
    edits: BTreeMap<ChangeHash, Vec<Entry>>,
    last: Option<ChangeHash>,
    count: usize,
    bytes: usize,
}

/// One of them.
pub(super) struct Entry {
    fate: watch::Sender<Fate>,
    bytes: usize,
}

impl Entry {
    pub fn new(fate: watch::Sender<Fate>, bytes: usize) -> Self {
        Self { fate, bytes }
    }
}

impl Unsaved {
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn is_full(&self) -> bool {
        self.count >= UNSAVED_MAX || self.bytes >= UNSAVED_BYTES_MAX
    }

    /// Enters an edit that made a change, or found that nothing differed.
    pub fn add(&mut self, hash: Option<ChangeHash>, entry: Entry) {
        entry.fate.send_modify(|fate| fate.hash = hash);
        self.last = hash.or(self.last);
        match self.last.filter(|last| hash.is_some() || self.edits.contains_key(last)) {
            Some(last) => {
                self.count += 1;
                self.bytes += entry.bytes;
                self.edits.entry(last).or_default().push(entry);
            }
            None => settle(vec![entry], &Ok(())),
        }
    }

    /// Takes out the edits of these changes.
    pub fn take(&mut self, hashes: impl IntoIterator<Item = ChangeHash>) -> Vec<Entry> {
        let of_change = |hash| self.edits.remove(&hash).unwrap_or_default();
        let entries: Vec<Entry> = hashes.into_iter().flat_map(of_change).collect();
        self.count -= entries.len();
        self.bytes -= entries.iter().map(|entry| entry.bytes).sum::<usize>();
        entries
    }

    pub fn take_all(&mut self) -> Vec<Entry> {
        std::mem::take(self).edits.into_values().flatten().collect()
    }
}

/// Tells what became of edits.
pub(super) fn settle(entries: Vec<Entry>, outcome: &Result<(), SaveError>) {
    for entry in entries {
        entry.fate.send_modify(|fate| fate.outcome = Some(outcome.clone()));
    }
}
