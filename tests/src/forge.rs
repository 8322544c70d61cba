//! Bytes that no honest client sends, made by the letter of the formats.

use chartroom_engine::change::seal;

use crate::bytes::{chunk, count, hashes, prefixed, signed, unsigned};

/// The column of a change that says what each operation does.
const ACTION_COLUMN: u64 = 0x42;
/// Type of a plain change chunk.
const CHANGE: u8 = 1;

/// A sync message that says and brings what it is told to.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Hashes that are said to be heads.
    pub heads: Vec<[u8; 32]>,
    /// Hashes that are asked for.
    pub need: Vec<[u8; 32]>,
    /// A Bloom filter of what the sender claims to have.
    pub bloom: Option<Vec<u8>>,
    /// Chunks.
    pub changes: Vec<Vec<u8>>,
}

impl Message {
    /// A message that brings changes.
    pub fn of(changes: Vec<Vec<u8>>) -> Self {
        Self { heads: vec![[1; 32]], changes, ..Self::default() }
    }

    /// The message as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0x42];
        hashes(&mut out, &self.heads);
        hashes(&mut out, &self.need);
        count(&mut out, usize::from(self.bloom.is_some()));
        if let Some(bloom) = &self.bloom {
            hashes(&mut out, &[]);
            prefixed(&mut out, bloom);
        }
        count(&mut out, self.changes.len());
        self.changes.iter().for_each(|chunk| prefixed(&mut out, chunk));
        out
    }
}

/// A filter of so many entries that has nothing, asked with as many probes as are taken: the dearest
/// one for who has to look every change up in it.
pub fn empty_bloom(entries: usize) -> Vec<u8> {
    let (bits, probes) = (64, 32);
    let mut bloom = Vec::new();
    for number in [entries, bits, probes] {
        count(&mut bloom, number);
    }
    bloom.resize(bloom.len() + (entries * bits).div_ceil(8), 0);
    bloom
}

/// A change chunk with a right checksum whose one column says, in a few bytes, that it has so many
/// operations.
pub fn bomb(actor: [u8; 16], operations: usize) -> Vec<u8> {
    // One run of the action "set".
    let mut run = Vec::new();
    signed(&mut run, operations as i64);
    unsigned(&mut run, 1);
    let mut data = vec![0];
    prefixed(&mut data, &actor);
    // Sequence number, first operation, time, message, other actors, columns.
    data.extend([1, 2, 0, 0, 0, 1]);
    unsigned(&mut data, ACTION_COLUMN);
    prefixed(&mut data, &run);
    chunk(CHANGE, &data)
}

/// A change chunk with a right checksum that is refused by its own bytes, each time it comes: it names
/// an author in a change that is not its actor's first.
pub fn refused(actor: [u8; 16]) -> Vec<u8> {
    let mut data = vec![0];
    prefixed(&mut data, &actor);
    // Sequence number, first operation, time, message, other actors, columns; then what is extra.
    data.extend([2, 2, 0, 0, 0, 0, 9]);
    chunk(CHANGE, &data)
}

/// A sound change with one byte of what it says replaced, its checksum made right again.
pub fn bend(change: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut bent = change.to_vec();
    let start = 10;
    let span = bent.len().saturating_sub(start).max(1);
    if let Some(byte) = bent.get_mut(start + at % span) {
        *byte = value;
    }
    seal(&mut bent);
    bent
}
