//! Reading the trail from a store.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Checkpoint, Entry, Expected,
    chain::{BLOCK_ENTRIES_MAX, CHECKPOINT_TABLE, HEAD_KEY, HEAD_TABLE, Head, TABLE, key, lines},
};
use crate::storage::{Storage, StorageError};

/// Blocks that are read at once.
const PAGE: usize = 64;

/// The blocks of a chain from the first on, for [`verify`](super::verify); a few are held at a time.
pub struct Blocks<'a> {
    storage: &'a dyn Storage,
    last: String,
    page: VecDeque<(String, Vec<u8>)>,
    ended: bool,
}

impl<'a> Blocks<'a> {
    /// Those of a store.
    pub fn of(storage: &'a dyn Storage) -> Self {
        Self { storage, last: String::new(), page: VecDeque::new(), ended: false }
    }

    fn read(&self, limit: usize) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.storage.facts_between(TABLE, &self.last, &key(u64::MAX), limit)
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<(u64, Vec<u8>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && !self.ended {
            // Where one of a page cannot be read, those before it can.
            match self.read(PAGE).or_else(|_| self.read(1)) {
                Ok(page) => self.page = page.into(),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.to_string()));
                }
            }
        }
        let (key, text) = self.page.pop_front()?;
        let first = key.parse().map_err(|_| "its key is no number".to_owned());
        self.last = key;
        Some(first.map(|first| (first, text)))
    }
}

/// Number of the last entry, as the chain's head says.
pub fn last_number(storage: &dyn Storage) -> Result<u64, StorageError> {
    let head = storage.fact(HEAD_TABLE, HEAD_KEY)?;
    let head: Option<Head> = head.and_then(|head| serde_json::from_slice(&head).ok());
    Ok(head.map_or(0, |head| head.n))
}

/// The entry with this number, as it stands; nothing is verified.
pub fn entry(storage: &dyn Storage, n: u64) -> Result<Option<Entry>, StorageError> {
    Ok(entries_between(storage, n.saturating_sub(1), n)?.pop())
}

/// The entries above `after` up to `through`, in order, as they stand; those that cannot be read are
/// left out, and nothing is verified.
pub fn entries_between(
    storage: &dyn Storage,
    after: u64,
    through: u64,
) -> Result<Vec<Entry>, StorageError> {
    let mut entries = Vec::new();
    // The first one may stand in a block that begins before it.
    let mut last = key(after.saturating_sub(BLOCK_ENTRIES_MAX - 1));
    loop {
        // Page by page, since commits wait for a page.
        let mut page = storage.facts_between(TABLE, &last, &key(through), PAGE)?;
        let found = page.iter().flat_map(|(_, text)| lines(text).1);
        let found = found.filter_map(|line| serde_json::from_slice::<Entry>(line.json).ok());
        entries.extend(found.filter(|entry| entry.n > after && entry.n <= through));
        match page.pop() {
            Some((key, _)) => last = key,
            None => return Ok(entries),
        }
    }
}

/// All checkpoints of a store, by the number of the last entry that each covers.
pub fn checkpoints(storage: &dyn Storage) -> Result<BTreeMap<u64, Checkpoint>, StorageError> {
    let unreadable = |key: &str| StorageError::StoreUnreadable {
        key: format!("{CHECKPOINT_TABLE} {key}"),
        reason: "is no checkpoint of the audit trail",
    };
    let found = storage.facts(CHECKPOINT_TABLE)?;
    let checkpoints = found.iter().map(|(key, value)| {
        let checkpoint = serde_json::from_slice(value).map_err(|_| unreadable(key))?;
        Ok((key.parse().map_err(|_| unreadable(key))?, checkpoint))
    });
    checkpoints.collect()
}

/// What a store's chain is compared with, without checkpoints that are kept elsewhere and keys.
pub fn expected(storage: &dyn Storage) -> Result<Expected, StorageError> {
    let (head, stored) = (storage.fact(HEAD_TABLE, HEAD_KEY)?, checkpoints(storage)?);
    Ok(Expected { head, stored, ..Expected::default() })
}
