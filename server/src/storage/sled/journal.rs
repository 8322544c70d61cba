//! The journal: writes that are durable here and not in sled yet.
//!
//! A write is one record, appended and synced. The journal has two halves: when the one that is written
//! is full, what it holds leaves for sled, batch by batch beside the writes that the other half takes,
//! and a half is written again from its front, into older records, when sled has all that it held. What
//! the journal has beyond sled's own count of writes is pending anew when the store opens. A record
//! counts if it is whole and its number follows the one before it, and an older one's never does.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::Steps;
use crate::storage::keyspace::Write;

/// Length of a half: up to twice as much is pending in memory, and read at an opening.
pub(super) const HALF: u64 = 2 * 1024 * 1024;
/// The file grows in steps of zeroed bytes, since a sync is dearer where a file became longer.
const STEP: u64 = 256 * 1024;
/// Longest record: what goes past the journal costs sled one long batch, which a power cut harms more
/// easily than short ones, and waits until sled has all that is pending.
const RECORD_BYTES_MAX: u64 = HALF / 2;
/// Checksum of all that follows, length of the writes, number: little-endian.
const HEAD: usize = 4 + 4 + 8;

/// The open journal of a store. One thread writes to it.
pub(super) struct Journal {
    file: File,
    /// Where the half begins that is written.
    half: u64,
    /// Where the next record begins, in that half.
    end: u64,
    /// Length of the file.
    length: u64,
}

/// The writes of one number, as the journal keeps them.
pub(super) struct Record(Vec<u8>);

impl Journal {
    /// Opens the journal in a store's folder, and founds it where there is none.
    pub(super) fn at(folder: &Path) -> io::Result<Self> {
        let path = folder.join("journal");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, half: 0, end: 0, length })
    }

    /// The writes numbered from `after` + 1 on, in their order.
    pub(super) fn beyond(&self, after: u64) -> io::Result<Vec<(u64, Vec<Write>)>> {
        let mut bytes = vec![0; usize::try_from(self.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, 0)?;
        let second = usize::try_from(HALF).map_err(io::Error::other)?.min(bytes.len());
        let (first, second) = bytes.split_at(second);
        let mut found = [run(first), run(second)].concat();
        found.retain(|(number, _)| *number > after);
        found.sort_by_key(|(number, _)| *number);
        let follows = |((number, _), due): &(&(u64, Vec<Write>), u64)| number == due;
        let whole = found.iter().zip(after + 1..).take_while(follows).count();
        found.truncate(whole);
        Ok(found)
    }

    /// Whether the half that is written takes a record.
    pub(super) fn has_room_for(&self, record: &Record) -> bool {
        self.end + record.len() <= HALF
    }

    /// How much of the half is written, of 1.
    pub(super) fn filled(&self) -> f64 {
        self.end as f64 / HALF as f64
    }

    /// Appends a record; it is durable behind `Ok`, and behind `Err` nobody knows.
    pub(super) fn append(&mut self, record: &Record, steps: &dyn Steps) -> io::Result<()> {
        let at = self.half + self.end;
        let end = at + record.len();
        if end > self.length {
            let longer = end.next_multiple_of(STEP);
            let zeroes = vec![0; usize::try_from(longer - self.length).map_err(io::Error::other)?];
            self.file.write_all_at(&zeroes, self.length)?;
            self.length = longer;
        }
        steps.append(&self.file, &record.0, at)?;
        steps.sync(&self.file)?;
        self.end += record.len();
        Ok(())
    }

    /// Leaves no older record, which an older copy of sled's file could otherwise fall in with.
    pub(super) fn empty(&mut self) -> io::Result<()> {
        (self.half, self.end, self.length) = (0, 0, 0);
        self.file.set_len(0)
    }

    /// Begins the other half, now that sled has all that it held on the disk.
    pub(super) fn turn(&mut self) {
        (self.half, self.end) = (HALF - self.half, 0);
    }
}

impl Record {
    pub(super) fn new(number: u64, writes: &[Write]) -> Self {
        let mut bytes = Vec::with_capacity(record_length(writes));
        bytes.resize(HEAD, 0);
        for write in writes {
            match write {
                Write::Put(key, value) => {
                    bytes.push(1);
                    put_part(&mut bytes, key);
                    put_part(&mut bytes, value);
                }
                Write::Delete(key) => {
                    bytes.push(0);
                    put_part(&mut bytes, key);
                }
            }
        }
        debug_assert_eq!(bytes.len(), record_length(writes));
        let (head, writes) = bytes.split_at_mut(HEAD);
        let (checksum, counts) = head.split_at_mut(4);
        let (length, numbered) = counts.split_at_mut(4);
        length.copy_from_slice(&length_of(writes));
        numbered.copy_from_slice(&number.to_le_bytes());
        checksum.copy_from_slice(&sum(counts, writes));
        Self(bytes)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Whether the journal takes writes at all: what is longer goes past it, to be written once.
pub(super) fn takes(writes: &[Write]) -> bool {
    record_length(writes) as u64 <= RECORD_BYTES_MAX
}

/// How long the record of some writes is, before it is made.
fn record_length(writes: &[Write]) -> usize {
    let part = |bytes: &[u8]| 4 + bytes.len();
    let length = |write: &Write| match write {
        Write::Put(key, value) => 1 + part(key) + part(value),
        Write::Delete(key) => 1 + part(key),
    };
    HEAD + writes.iter().map(length).sum::<usize>()
}

/// The records from the front of a half on, as far as each follows the one before it.
fn run(half: &[u8]) -> Vec<(u64, Vec<Write>)> {
    let (mut rest, mut found) = (half, Vec::<(u64, Vec<Write>)>::new());
    while let Some((number, writes, behind)) = decode(rest) {
        if found.last().is_some_and(|(last, _)| number != last + 1) {
            break;
        }
        found.push((number, writes));
        rest = behind;
    }
    found
}

/// The record at the front, and what follows it; `None` where there is none or it is torn.
fn decode(bytes: &[u8]) -> Option<(u64, Vec<Write>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (checksum, counts) = head.split_at_checked(4)?;
    let (length, number) = counts.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (mut writes, behind) = rest.split_at_checked(length.try_into().ok()?)?;
    if sum(counts, writes) != *checksum {
        return None;
    }
    let mut decoded = Vec::new();
    while let Some((kind, rest)) = writes.split_first() {
        let (key, rest) = take_part(rest)?;
        if *kind == 0 {
            decoded.push(Write::Delete(key));
            writes = rest;
        } else {
            let (value, rest) = take_part(rest)?;
            decoded.push(Write::Put(key, value));
            writes = rest;
        }
    }
    Some((u64::from_le_bytes(number.try_into().ok()?), decoded, behind))
}

fn put_part(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(length_of(part));
    bytes.extend(part);
}

fn take_part(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length).try_into().ok()?)?;
    Some((part.to_vec(), rest))
}

/// What no record reaches is cut off, and is longer than the journal takes.
fn length_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

fn sum(counts: &[u8], writes: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(counts);
    hasher.update(writes);
    hasher.finalize().to_le_bytes()
}
