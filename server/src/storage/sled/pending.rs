//! Writes that are in the journal and not in sled yet.

use std::{collections::BTreeMap, ops::Bound};

use super::WRITES;
use crate::storage::keyspace::Write;

/// The last write to each key; `None` deletes it.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Pending {
    /// Takes the writes of one number.
    pub(super) fn take(&mut self, number: u64, writes: Vec<Write>) {
        self.0.insert(WRITES.to_vec(), Some(number.to_be_bytes().to_vec()));
        self.0.extend(writes.into_iter().map(|write| match write {
            Write::Put(key, value) => (key, Some(value)),
            Write::Delete(key) => (key, None),
        }));
    }

    /// What is pending from `from` up to, and without, `to`, in order.
    pub(super) fn within(&self, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.0
            .range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// All of it in batches of some `bytes` each, the count of writes in the last one.
    pub(super) fn batches(&self, bytes: usize) -> Vec<sled::Batch> {
        let (mut batches, mut filled) = (Vec::new(), bytes);
        for (key, value) in &self.0 {
            if filled >= bytes {
                batches.push(sled::Batch::default());
                filled = 0;
            }
            let Some(batch) = batches.last_mut() else { continue };
            filled += key.len() + value.as_ref().map_or(0, Vec::len);
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batches
    }

    /// Forgets everything, now that sled has it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
