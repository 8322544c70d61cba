//! The chain: entries as text, each hashed with the hash before it, in blocks.
//!
//! ```text
//! h(n) = SHA-256(h(n-1) || JSON of entry n), h(0) = 32 zero bytes
//! block: h(first-1) LF, then for each entry: JSON TAB h(n) LF; hashes in lower-case hex
//! ```
//! A block stands in the fact table [`TABLE`] under the number of its first entry, and is never
//! written again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The fact table of blocks.
pub(super) const TABLE: &str = "audit-log";
/// The fact table of the chain's end, which has one fact.
pub(super) const HEAD_TABLE: &str = "audit-head";
/// The key of that fact.
pub(super) const HEAD_KEY: &str = "head";
/// The fact table of checkpoints, by the number of the last entry that each covers.
pub(super) const CHECKPOINT_TABLE: &str = "audit-checkpoints";
/// Entries of a block at most.
pub(super) const BLOCK_ENTRIES_MAX: u64 = 64;
/// Entries between two checkpoints at most.
pub const CHECKPOINT_ENTRIES_MAX: u64 = 1000;

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    /// Number of the last entry; 0 where there is none.
    pub n: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Tip {
    /// Before the first entry.
    pub const NONE: Self = Self { n: 0, hash: [0; 32] };

    /// Behind one more entry.
    pub fn behind(&self, json: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(self.hash).chain_update(json).finalize().into();
        Self { n: self.n + 1, hash }
    }
}

/// The chain's end as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Number of the last entry.
    pub n: u64,
    /// Its hash, in hex.
    pub hash: String,
    /// Number of the first entry of the last block.
    pub block: u64,
}

/// Entries that are written together.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Number of the first one.
    pub first: u64,
    /// Behind the last one.
    pub tip: Tip,
    /// The record.
    pub text: Vec<u8>,
}

impl Block {
    /// An empty one that goes on from here.
    pub fn behind(tip: Tip) -> Self {
        let mut text = hex(&tip.hash).into_bytes();
        text.push(b'\n');
        Self { first: tip.n + 1, tip, text }
    }

    /// Whether another entry goes in.
    pub fn has_room(&self) -> bool {
        self.tip.n + 1 - self.first < BLOCK_ENTRIES_MAX
    }

    /// Adds an entry, as JSON without its number.
    pub fn push(&mut self, json: &[u8]) {
        let began = self.text.len();
        self.text.extend_from_slice(format!("{{\"n\":{},", self.tip.n + 1).as_bytes());
        self.text.extend_from_slice(json.strip_prefix(b"{").unwrap_or(json));
        self.tip = self.tip.behind(self.text.get(began..).unwrap_or_default());
        self.text.push(b'\t');
        self.text.extend_from_slice(hex(&self.tip.hash).as_bytes());
        self.text.push(b'\n');
    }

    /// The chain's end behind it.
    pub fn head(&self) -> Head {
        Head { n: self.tip.n, hash: hex(&self.tip.hash), block: self.first }
    }
}

/// Key of a number, in whose order the numbers are.
pub(super) fn key(number: u64) -> String {
    format!("{number:020}")
}

/// An entry as it stands in a block.
pub(super) struct Line<'a> {
    /// The entry.
    pub json: &'a [u8],
    /// The hash behind it, in hex.
    pub hash: &'a [u8],
}

impl<'a> Line<'a> {
    fn of(line: &'a [u8]) -> Self {
        let tab = line.iter().rposition(|byte| *byte == b'\t').unwrap_or(line.len());
        let (json, hash) = line.split_at(tab);
        Self { json, hash: hash.strip_prefix(b"\t").unwrap_or_default() }
    }
}

/// The hash before a block, in hex, and its lines; whether they are as they were written is not said.
pub(super) fn lines(text: &[u8]) -> (&[u8], impl Iterator<Item = Line<'_>>) {
    let mut lines = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
    let before = lines.next().unwrap_or_default();
    (before, lines.map(Line::of))
}

/// Bytes in lower-case hex.
pub(super) fn hex(bytes: &Hash) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a hash in hex.
pub(super) fn of_hex(text: &[u8]) -> Option<Hash> {
    let mut hash = [0; 32];
    let pairs = text.chunks_exact(2);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
