//! Writes that are in the journal and not in sled yet.

use std::{collections::BTreeMap, ops::Bound};

use super::{WRITES, packs::Change};
use crate::storage::keyspace::Write;

/// The last write to each key; `None` deletes it.
type Layer = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What each half of the journal holds.
#[derive(Default)]
pub(super) struct Pending {
    /// Of the half that is written.
    young: Layer,
    /// Of the other one: what sled was not handed yet.
    leaving: Layer,
    /// Bytes of `leaving`, now and when it began to leave.
    bytes: (usize, usize),
}

impl Pending {
    /// Takes the writes of one number.
    pub(super) fn take(&mut self, number: u64, writes: Vec<Write>) {
        self.young.insert(WRITES.to_vec(), Some(number.to_be_bytes().to_vec()));
        self.young.extend(writes.into_iter().map(|write| match write {
            Write::Put(key, value) => (key, Some(value)),
            Write::Delete(key) => (key, None),
        }));
    }

    /// What is pending at a key: `None` where nothing is, `Some(None)` where it is deleted.
    pub(super) fn value(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.young.get(key).or_else(|| self.leaving.get(key)).map(Option::as_deref)
    }

    /// What is pending from `from` up to, and without, `to`, in order.
    pub(super) fn within(&self, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let of = |layer: &Layer| -> Vec<_> {
            layer
                .range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let (older, newer) = (of(&self.leaving), of(&self.young));
        if older.is_empty() {
            return newer;
        }
        let mut both: Layer = older.into_iter().collect();
        both.extend(newer);
        both.into_iter().collect()
    }

    /// What the half holds that is written leaves from now on, now that nothing of the other is left.
    pub(super) fn leave(&mut self) {
        debug_assert!(self.leaving.is_empty(), "one half leaves after the other");
        self.leaving = std::mem::take(&mut self.young);
        let bytes = self.leaving.iter().map(bytes_of).sum();
        self.bytes = (bytes, bytes);
    }

    /// The first `bytes` or so of what leaves, in order; the count of writes is the last of all.
    pub(super) fn first_leaving(&self, bytes: usize) -> Vec<Change<'_>> {
        let mut taken = 0;
        self.leaving
            .iter()
            .take_while(|change| {
                let first = taken < bytes;
                taken += bytes_of(*change);
                first
            })
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
            .collect()
    }

    /// Forgets the first `count` of what leaves, now that sled has them.
    pub(super) fn left(&mut self, count: usize) {
        for (key, value) in std::iter::from_fn(|| self.leaving.pop_first()).take(count) {
            self.bytes.0 -= bytes_of((&key, &value));
        }
    }

    /// Whether more is to leave before anything else of a half is written that is `filled` so far, of
    /// 1: everything has left when a fifth of it is free.
    pub(super) fn is_behind(&self, filled: f64) -> bool {
        let (now, whole) = self.bytes;
        !self.leaving.is_empty() && now as f64 > whole as f64 * (1.0 - filled * 1.25)
    }

    /// Bytes of all that is pending.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.0 + self.young.iter().map(bytes_of).sum::<usize>()
    }
}

fn bytes_of((key, value): (&Vec<u8>, &Option<Vec<u8>>)) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}
