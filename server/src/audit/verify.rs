//! Whether a chain is whole, and which entry is the first that is not.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Checkpoint, PublicKey,
    chain::{CHECKPOINT_ENTRIES_MAX, Head, Line, Tip, hex, lines},
    entry::Act,
};

/// What a chain is compared with.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The record of its end, as the store has it.
    pub(crate) head: Option<Vec<u8>>,
    /// Checkpoints, as the store has them, by the number of the last entry that each covers.
    pub(crate) stored: BTreeMap<u64, Checkpoint>,
    /// The same, as they were kept elsewhere.
    pub kept: BTreeMap<u64, Checkpoint>,
    /// Whose signatures count.
    pub keys: Vec<PublicKey>,
}

/// A chain in which nothing was changed, removed, added or moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whole {
    /// Its entries.
    pub entries: u64,
    /// Checkpoints among them.
    pub checkpoints: u64,
    /// Entries behind the last checkpoint: whoever may write the store could have made these anew.
    pub unsigned: u64,
    /// Entries that note that the chain did not end where the server had left it: the store was put
    /// back, or somebody wrote it meanwhile.
    pub mismatches: Vec<u64>,
}

/// What is wrong with a chain at the first entry that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The block with an entry cannot be read (data).
    #[error("entry {n}: its block cannot be read: {reason}")]
    Unreadable {
        /// The entry.
        n: u64,
        /// What the store says.
        reason: String,
    },
    /// What stands there is no entry (data).
    #[error("entry {n}: what stands in its place is no entry")]
    NoEntry {
        /// The entry.
        n: u64,
    },
    /// Another entry stands in the place of one (data).
    #[error("entry {n} is missing: entry {found} stands in its place")]
    Missing {
        /// The entry.
        n: u64,
        /// The other one.
        found: u64,
    },
    /// The hash does not follow (data).
    #[error("entry {n}: its hash does not follow from entry {} and what it says", n.saturating_sub(1))]
    Hash {
        /// The entry.
        n: u64,
    },
    /// A block names another hash before it than the entry before has (data).
    #[error("entry {n}: its block was not written behind entry {}", n.saturating_sub(1))]
    Before {
        /// The entry.
        n: u64,
    },
    /// So many entries in a row are never without a checkpoint (data).
    #[error("entry {n}: a checkpoint is due here, and there is none")]
    Unsigned {
        /// The entry.
        n: u64,
    },
    /// A checkpoint is not signed with any of the keys, or says something else than the chain (data).
    #[error("entry {n}: it is a checkpoint, and not what the key signed of the entries before it")]
    Checkpoint {
        /// The entry.
        n: u64,
    },
    /// A checkpoint has a record, or had one, that does not say the same (data).
    #[error("entry {n}: the checkpoint there and its record differ")]
    Record {
        /// The entry.
        n: u64,
    },
    /// A checkpoint that was kept elsewhere says something else (data).
    #[error(
        "entry {n}: a checkpoint that was kept elsewhere has another hash for it, so it or one before \
         it was made anew"
    )]
    Kept {
        /// The entry.
        n: u64,
    },
    /// A checkpoint that was kept elsewhere is signed with none of the keys (caller).
    #[error("the checkpoint of entry {n} that was kept elsewhere is not signed with this key")]
    KeptUnsigned {
        /// The entry.
        n: u64,
    },
    /// The chain is shorter than it was (data).
    #[error("entry {} is missing: the chain ends at {end}, and {witness} says {n}", end + 1)]
    Shortened {
        /// Where it ends.
        end: u64,
        /// What knows of more entries.
        witness: &'static str,
        /// The last entry that it knows of.
        n: u64,
    },
    /// The record of the chain's end is gone, or says something else than the chain (data).
    #[error("entry {n}: it is the last one, and the record of the chain's end does not say so")]
    Head {
        /// The entry.
        n: u64,
    },
}

impl Fault {
    /// The first entry that is not as it was written.
    pub fn entry(&self) -> u64 {
        match self {
            Self::Unreadable { n, .. }
            | Self::NoEntry { n }
            | Self::Missing { n, .. }
            | Self::Hash { n }
            | Self::Before { n }
            | Self::Unsigned { n }
            | Self::Checkpoint { n }
            | Self::Record { n }
            | Self::Kept { n }
            | Self::KeptUnsigned { n }
            | Self::Head { n } => *n,
            Self::Shortened { end, .. } => end + 1,
        }
    }
}

/// Reads a chain block by block, each with the number of its first entry; `Err` says why one cannot be
/// read. Gives what it has where it is whole, and otherwise the first entry that is not.
pub fn verify(
    blocks: impl Iterator<Item = Result<(u64, Vec<u8>), String>>,
    expected: &Expected,
) -> Result<Whole, Fault> {
    if let Some(n) = expected.kept.values().find(|kept| !kept.is_signed_by(&expected.keys)) {
        return Err(Fault::KeptUnsigned { n: n.n });
    }
    let mut reader = Reader { expected, tip: Tip::NONE, whole: Whole::default() };
    for block in blocks {
        let n = reader.tip.n + 1;
        let (first, text) = block.map_err(|reason| Fault::Unreadable { n, reason })?;
        reader.block(first, &text)?;
    }
    reader.end()
}

struct Reader<'a> {
    expected: &'a Expected,
    tip: Tip,
    whole: Whole,
}

impl Reader<'_> {
    fn block(&mut self, first: u64, text: &[u8]) -> Result<(), Fault> {
        let n = self.tip.n + 1;
        if first != n {
            return Err(Fault::Missing { n, found: first });
        }
        let (before, entries) = lines(text);
        let mut entries = entries.peekable();
        let Some(line) = entries.peek() else { return Err(Fault::NoEntry { n }) };
        let entry = parsed(n, line.json)?;
        if entry.n != n {
            return Err(Fault::Missing { n, found: entry.n });
        }
        if before != hex(&self.tip.hash).as_bytes() {
            return Err(Fault::Before { n });
        }
        entries.try_for_each(|line| self.entry(&line))
    }

    fn entry(&mut self, Line { json, hash }: &Line<'_>) -> Result<(), Fault> {
        let n = self.tip.n + 1;
        let entry = parsed(n, json)?;
        if entry.n != n {
            return Err(Fault::Missing { n, found: entry.n });
        }
        let before = self.tip;
        self.tip = before.behind(json);
        if *hash != hex(&self.tip.hash).as_bytes() {
            return Err(Fault::Hash { n });
        }
        self.whole.entries = n;
        if entry.act == Act::Mismatch.code() {
            self.whole.mismatches.push(n);
        }
        let kept = self.expected.kept.get(&n);
        if kept.is_some_and(|kept| kept.hash.as_bytes() != *hash) {
            return Err(Fault::Kept { n });
        }
        // A record stands for the entry before the checkpoint.
        let stored = self.expected.stored.get(&before.n).filter(|_| before.n > 0);
        match &entry.checkpoint {
            None if stored.is_some() => Err(Fault::Record { n }),
            None if self.whole.unsigned >= CHECKPOINT_ENTRIES_MAX => Err(Fault::Unsigned { n }),
            None => {
                self.whole.unsigned += 1;
                Ok(())
            }
            Some(checkpoint) => {
                let says = (checkpoint.n, checkpoint.hash.as_str());
                let is_true = says == (before.n, hex(&before.hash).as_str());
                if !is_true || !checkpoint.is_signed_by(&self.expected.keys) {
                    return Err(Fault::Checkpoint { n });
                }
                if stored != Some(checkpoint) {
                    return Err(Fault::Record { n });
                }
                self.whole.checkpoints += 1;
                self.whole.unsigned = 0;
                Ok(())
            }
        }
    }

    fn end(self) -> Result<Whole, Fault> {
        let (Tip { n: end, hash }, expected) = (self.tip, self.expected);
        let shortened = |witness, n| Fault::Shortened { end, witness, n };
        let head: Option<Head> =
            expected.head.as_ref().and_then(|head| serde_json::from_slice(head).ok());
        if let Some(head) = head.as_ref().filter(|head| head.n > end) {
            return Err(shortened("the record of its end", head.n));
        }
        // The checkpoint itself is an entry behind the last one that it covers.
        if let Some((n, _)) = expected.stored.last_key_value().filter(|(n, _)| **n >= end) {
            return Err(shortened("a checkpoint", n + 1));
        }
        if let Some((n, _)) = expected.kept.last_key_value().filter(|(n, _)| **n > end) {
            return Err(shortened("a checkpoint that was kept elsewhere", *n));
        }
        let is_told = head.is_some_and(|head| (head.n, head.hash) == (end, hex(&hash)));
        if is_told || end == 0 && expected.head.is_none() {
            return Ok(self.whole);
        }
        Err(Fault::Head { n: end })
    }
}

/// As much of an entry as the chain is about, also of one that a later version wrote.
#[derive(Deserialize)]
struct Bare {
    n: u64,
    act: String,
    checkpoint: Option<Checkpoint>,
}

fn parsed(n: u64, json: &[u8]) -> Result<Bare, Fault> {
    serde_json::from_slice(json).map_err(|_| Fault::NoEntry { n })
}
