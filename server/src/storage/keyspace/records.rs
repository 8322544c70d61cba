//! Records: payloads of any length, cut into values of at most [`VALUE_BYTES_MAX`] and checked.
//!
//! The first part begins with the payload's length (8 bytes) and a CRC-32 (4 bytes), little-endian,
//! over the record's name and the payload: a payload that stands under another name is not taken
//! for its own.

use std::ops::ControlFlow;

use super::{
    Tree, Write,
    keys::{self, Span, Stem},
    located, unreadable,
};
use crate::storage::StorageError;

/// Longest value handed to the tree.
///
/// Sled keeps a page of up to 20 values together, and one over 128 KiB in a file of its own, which
/// it does not sync. Values of 8 KiB were seen to get there.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;
/// Length and checksum.
const HEADER_BYTES: usize = 12;

/// Appends the writes that put a record.
pub(super) fn put(writes: &mut Vec<Write>, stem: &Stem, payload: &[u8]) {
    put_named(writes, stem.bytes(), payload);
}

/// As [`put`], by the record's name as bytes.
pub(super) fn put_named(writes: &mut Vec<Write>, name: Vec<u8>, payload: &[u8]) {
    let mut first = Vec::with_capacity(HEADER_BYTES + payload.len().min(VALUE_BYTES_MAX));
    first.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    first.extend_from_slice(&checksum(&name, payload).to_le_bytes());
    let (head, rest) = payload.split_at(payload.len().min(VALUE_BYTES_MAX - HEADER_BYTES));
    first.extend_from_slice(head);
    for (part, bytes) in (1..).zip(rest.chunks(VALUE_BYTES_MAX)) {
        writes.push(Write::Put(keys::part_of(name.clone(), part), bytes.to_vec()));
    }
    writes.push(Write::Put(keys::part_of(name, 0), first));
}

/// Appends the writes that put a record in the place of one whose payload had `old_bytes`.
pub(super) fn replace(writes: &mut Vec<Write>, stem: &Stem, payload: &[u8], old_bytes: usize) {
    put(writes, stem, payload);
    // One that was not there has no parts, and the range is empty.
    for part in parts(payload.len())..parts(old_bytes) {
        writes.push(Write::Delete(stem.key(part)));
    }
}

/// Appends the writes that take away a record whose payload had `old_bytes`.
pub(super) fn delete(writes: &mut Vec<Write>, stem: &Stem, old_bytes: usize) {
    writes.extend((0..parts(old_bytes)).map(|part| Write::Delete(stem.key(part))));
}

/// Reads one record.
pub(super) fn read<T: Tree>(tree: &T, stem: &Stem) -> Result<Option<Vec<u8>>, StorageError> {
    let name = stem.bytes();
    let first =
        tree.value(&keys::part_of(name.clone(), 0)).map_err(|error| located(error, &name))?;
    if let Some(whole) = first.and_then(|first| Open::begin(stem.clone(), 0, &first).ok())
        && whole.payload.len() >= whole.length
    {
        return Ok(Some(whole.close()?.1));
    }
    // It has parts, or is none, or not what was written.
    let mut found = None;
    scan(tree, stem.span(), |_, payload| {
        found = Some(payload);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Reads the records of a span in the order of their keys, each whole and checked, until told to
/// stop or at the first that is not what was written.
pub(super) fn scan<T: Tree>(
    tree: &T,
    span: Span,
    mut visit: impl FnMut(Stem, Vec<u8>) -> Result<ControlFlow<()>, StorageError>,
) -> Result<(), StorageError> {
    let mut open: Option<Open> = None;
    let mut outcome = Ok(());
    tree.scan(&span.0, &span.1, &mut |key, value| match step(&mut open, key, value, &mut visit) {
        Ok(flow) => flow,
        Err(error) => {
            outcome = Err(error);
            ControlFlow::Break(())
        }
    })
    .map_err(|error| located(error, &span.0))?;
    outcome?;
    match open {
        Some(open) => Err(unreadable(&open.stem, "is cut short")),
        None => Ok(()),
    }
}

/// A record whose parts are being gathered.
struct Open {
    stem: Stem,
    parts: u32,
    length: usize,
    checksum: u32,
    payload: Vec<u8>,
}

fn step(
    open: &mut Option<Open>,
    key: &[u8],
    value: &[u8],
    visit: &mut impl FnMut(Stem, Vec<u8>) -> Result<ControlFlow<()>, StorageError>,
) -> Result<ControlFlow<()>, StorageError> {
    let (stem, part) = Stem::parse(key).ok_or_else(|| StorageError::StoreUnreadable {
        key: "unnamed".to_owned(),
        reason: "has a key that no version wrote",
    })?;
    let record = match open.take() {
        Some(record) if record.stem == stem => record.follow(part, value)?,
        Some(record) => return Err(unreadable(&record.stem, "is cut short")),
        None => Open::begin(stem, part, value)?,
    };
    if record.payload.len() < record.length {
        *open = Some(record);
        return Ok(ControlFlow::Continue(()));
    }
    let (stem, payload) = record.close()?;
    visit(stem, payload)
}

impl Open {
    fn begin(stem: Stem, part: u32, value: &[u8]) -> Result<Self, StorageError> {
        if part != 0 {
            return Err(unreadable(&stem, "lacks its beginning"));
        }
        let header = value.split_first_chunk::<8>().and_then(|(length, rest)| {
            let (checksum, bytes) = rest.split_first_chunk::<4>()?;
            Some((u64::from_le_bytes(*length), u32::from_le_bytes(*checksum), bytes))
        });
        let Some((length, checksum, bytes)) = header else {
            return Err(unreadable(&stem, "is cut short"));
        };
        let length = usize::try_from(length).map_err(|_| unreadable(&stem, "is altered"))?;
        Ok(Self { stem, parts: 1, length, checksum, payload: bytes.to_vec() })
    }

    fn follow(mut self, part: u32, value: &[u8]) -> Result<Self, StorageError> {
        if part != self.parts || value.is_empty() {
            return Err(unreadable(&self.stem, "lacks a part"));
        }
        self.parts += 1;
        self.payload.extend_from_slice(value);
        Ok(self)
    }

    fn close(self) -> Result<(Stem, Vec<u8>), StorageError> {
        if self.payload.len() != self.length
            || checksum(&self.stem.bytes(), &self.payload) != self.checksum
        {
            return Err(unreadable(&self.stem, "is altered"));
        }
        Ok((self.stem, self.payload))
    }
}

fn checksum(name: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name);
    hasher.update(payload);
    hasher.finalize()
}

/// How many parts a payload of this length takes.
fn parts(bytes: usize) -> u32 {
    let rest = bytes.saturating_sub(VALUE_BYTES_MAX - HEADER_BYTES);
    1 + u32::try_from(rest.div_ceil(VALUE_BYTES_MAX)).unwrap_or(u32::MAX)
}
