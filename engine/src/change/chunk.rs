//! The scan of one change chunk, before automerge sees it.
//!
//! Automerge parses a chunk by expanding it, so a few bytes can ask for endless work (notes, A2 and
//! A3). This scan walks the bytes once, expands nothing, and takes plain change chunks only.
//! Layout: automerge's binary format, "chunk container" and "change chunk".

use automerge::ChangeHash;
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::limits;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT_CHUNK: u8 = 0;
const CHANGE_CHUNK: u8 = 1;
/// Bit of a column specification: the column is deflated, which change chunks may not use.
const DEFLATE_BIT: u64 = 0b1000;
/// Column specification of the operations' actions: id 4, type 2 (run-length encoded integers).
const ACTION_COLUMN: u64 = 4 << 4 | 2;
/// Column specification of the number of predecessors: id 7, type 0 (group).
const PRED_GROUP_COLUMN: u64 = 7 << 4;

/// What stands in a chunk, as far as it can be said without expanding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scanned<'a> {
    /// The chunk's own bytes.
    pub bytes: &'a [u8],
    /// SHA-256 of type, length and data: the change's hash.
    pub hash: ChangeHash,
    /// How many operations it has.
    pub ops: u64,
    /// Its sequence number.
    pub seq: u64,
    /// Whether extra bytes, such as an author, follow the columns.
    pub has_extra: bool,
}

/// Scans a sync message's element from a peer: exactly one plain change chunk.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scanned<'_>, Refusal> {
    if bytes.len() > limits::CHANGE_BYTES_MAX {
        return Err(Refusal::OverLimit("bytes in a change"));
    }
    let (kind, data, rest) = container(bytes)?;
    if kind != CHANGE_CHUNK {
        return Err(Refusal::Malformed("only plain change chunks are taken"));
    }
    if !rest.is_empty() {
        return Err(Refusal::Malformed("bytes follow the chunk"));
    }
    let digest = Sha256::digest(bytes.get(8..).unwrap_or_default());
    if bytes.get(4..8) != digest.get(..4) {
        return Err(Refusal::Malformed("the checksum does not match"));
    }
    let hash = ChangeHash(digest.into());
    scan_data(data).map(|(ops, seq, has_extra)| Scanned { bytes, hash, ops, seq, has_extra })
}

/// Cuts concatenated chunks apart; says of each whether it is a whole document.
///
/// For what a trusted server sends: one element of its message may hold a snapshot and a tail.
pub(crate) fn split(mut bytes: &[u8]) -> Result<Vec<(bool, &[u8])>, Refusal> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let (kind, _, rest) = container(bytes)?;
        let chunk = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
        chunks.push((kind == DOCUMENT_CHUNK, chunk));
        bytes = rest;
    }
    Ok(chunks)
}

/// Makes a chunk's checksum right for its bytes and gives its hash.
pub(crate) fn seal(chunk: &mut [u8]) -> [u8; 32] {
    let hash: [u8; 32] = Sha256::digest(chunk.get(8..).unwrap_or_default()).into();
    if let (Some(checksum), Some(first)) = (chunk.get_mut(4..8), hash.get(..4)) {
        checksum.copy_from_slice(first);
    }
    hash
}

fn container(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Refusal> {
    let truncated = Refusal::Malformed("the chunk is cut short");
    if bytes.get(..4) != Some(&MAGIC) {
        return Err(Refusal::Malformed("this is no Automerge chunk"));
    }
    let mut input = Input(bytes.get(8..).ok_or(truncated.clone())?);
    let kind = input.take(1)?.first().copied().ok_or(truncated)?;
    let length = input.length()?;
    let data = input.take(length)?;
    Ok((kind, data, input.0))
}

fn scan_data(data: &[u8]) -> Result<(u64, u64, bool), Refusal> {
    let mut input = Input(data);
    let deps = input.length()?;
    if deps > limits::HASHES_MAX {
        return Err(Refusal::OverLimit("dependencies of a change"));
    }
    input.take(deps * 32)?;
    input.actor()?;
    let seq = input.unsigned()?;
    let start_op = input.unsigned()?;
    if seq == 0 || start_op == 0 {
        return Err(Refusal::Malformed("sequence number and first operation count from 1"));
    }
    input.signed()?;
    let message = input.length()?;
    if message > limits::CHANGE_MESSAGE_BYTES_MAX {
        return Err(Refusal::OverLimit("bytes in a commit message"));
    }
    std::str::from_utf8(input.take(message)?)
        .map_err(|_| Refusal::Malformed("the commit message is not UTF-8"))?;
    let actors = input.length()?;
    if actors > limits::CHANGE_ACTORS_MAX {
        return Err(Refusal::OverLimit("actors named by a change"));
    }
    for _ in 0..actors {
        input.actor()?;
    }
    let ops = scan_columns(&mut input)?;
    if start_op.saturating_add(ops) > limits::OP_COUNTER_MAX {
        return Err(Refusal::Counter);
    }
    Ok((ops, seq, !input.0.is_empty()))
}

fn scan_columns(input: &mut Input<'_>) -> Result<u64, Refusal> {
    let count = input.length()?;
    if count > 64 {
        return Err(Refusal::OverLimit("columns of a change"));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let (spec, length) = (input.unsigned()?, input.length()?);
        if spec & DEFLATE_BIT != 0 {
            return Err(Refusal::Malformed("a column of a change is deflated"));
        }
        if columns.last().is_some_and(|(last, _)| *last >= spec) {
            return Err(Refusal::Malformed("columns are not in order"));
        }
        columns.push((spec, length));
    }
    let mut ops = 0;
    for (spec, length) in columns {
        let data = input.take(length)?;
        match spec {
            ACTION_COLUMN => ops = run_length(data, false)?.0,
            PRED_GROUP_COLUMN if run_length(data, true)?.1 > limits::CHANGE_OPS_MAX => {
                return Err(Refusal::OverLimit("predecessors named by a change"));
            }
            // Runs repeat a value for free: every other column is bounded by the operations, which
            // automerge stops at.
            _ => {}
        }
    }
    if ops > limits::CHANGE_OPS_MAX {
        return Err(Refusal::OverLimit("operations in a change"));
    }
    Ok(ops)
}

/// How many values a run-length encoded column of integers has, and what they add up to.
fn run_length(data: &[u8], nulls: bool) -> Result<(u64, u64), Refusal> {
    let mut input = Input(data);
    let (mut count, mut sum) = (0u64, 0u64);
    while !input.0.is_empty() {
        let run = input.signed()?;
        if run > 0 {
            let value = input.unsigned()?;
            count = count.saturating_add(run.unsigned_abs());
            sum = sum.saturating_add(value.saturating_mul(run.unsigned_abs()));
        } else if run < 0 {
            if run.unsigned_abs() > data.len() as u64 {
                return Err(Refusal::Malformed("a literal run is longer than its column"));
            }
            for _ in 0..run.unsigned_abs() {
                sum = sum.saturating_add(input.unsigned()?);
            }
            count = count.saturating_add(run.unsigned_abs());
        } else {
            let run = input.unsigned()?;
            if !nulls {
                return Err(Refusal::Malformed("an operation without action"));
            }
            count = count.saturating_add(run);
        }
    }
    Ok((count, sum))
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or(Refusal::Malformed("the chunk is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn actor(&mut self) -> Result<(), Refusal> {
        let length = self.length()?;
        if length == 0 {
            return Err(Refusal::Malformed("an actor without id"));
        }
        if length > limits::ACTOR_BYTES_MAX {
            return Err(Refusal::OverLimit("bytes in an actor id"));
        }
        self.take(length).map(|_| ())
    }

    fn length(&mut self) -> Result<usize, Refusal> {
        let length = self.unsigned()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= limits::FRAME_BYTES_MAX)
            .ok_or(Refusal::Malformed("a length is longer than any frame"))
    }

    /// An unsigned LEB128 number of at most 64 bits.
    fn unsigned(&mut self) -> Result<u64, Refusal> {
        let (bits, _, _) = self.leb()?;
        u64::try_from(bits).map_err(|_| Refusal::Malformed("a number has more than 64 bits"))
    }

    /// A signed LEB128 number of at most 64 bits.
    fn signed(&mut self) -> Result<i64, Refusal> {
        let (bits, shift, negative) = self.leb()?;
        let value = bits as i128;
        let value = if negative { value - (1i128 << shift) } else { value };
        i64::try_from(value).map_err(|_| Refusal::Malformed("a number has more than 64 bits"))
    }

    fn leb(&mut self) -> Result<(u128, u32, bool), Refusal> {
        let (mut bits, mut shift) = (0u128, 0);
        loop {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            bits |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok((bits, shift, byte & 0x40 != 0));
            }
            if shift > 70 {
                return Err(Refusal::Malformed("a number has more than 64 bits"));
            }
        }
    }
}
