//! The scan of one change chunk, before automerge sees it.
//!
//! Automerge parses a chunk by expanding it, so a few bytes can ask for endless work (notes, A2 and
//! A3). This scan walks the bytes once, expands nothing, and takes plain change chunks only.
//! Layout: automerge's binary format, "chunk container" and "change chunk".

use automerge::ChangeHash;
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::{CloseReason, limits};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT_CHUNK: u8 = 0;
const CHANGE_CHUNK: u8 = 1;
/// Bit of a column specification: the column is deflated, which change chunks may not use.
const DEFLATE_BIT: u64 = 0b1000;
/// Column specification of the operations' actions: id 4, type 2 (run-length encoded integers).
const ACTION_COLUMN: u64 = 4 << 4 | 2;
/// Column specification of the number of predecessors: id 7, type 0 (group).
const PRED_GROUP_COLUMN: u64 = 7 << 4;
/// Column specification of the names that operations write at: id 1, type 5 (strings).
const NAME_COLUMN: u64 = 1 << 4 | 5;
/// Column specification of the names of marks: id 10, type 5 (strings).
const MARK_COLUMN: u64 = 10 << 4 | 5;

/// Why bytes cannot be read as what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// They are something else.
    Malformed(&'static str),
    /// A count or size is over its limit.
    OverLimit(&'static str),
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Malformed(why) => Self::Malformed(why),
            Unfit::OverLimit(what) => Self::OverLimit(what),
        }
    }
}

impl From<Unfit> for CloseReason {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Malformed(why) => Self::Garbage(why),
            Unfit::OverLimit(what) => Self::OverLimit(what),
        }
    }
}

/// Opens a sync message's element from a peer, exactly one plain change chunk: the change's hash,
/// which is SHA-256 of type, length and data, and the data.
pub(crate) fn open(bytes: &[u8]) -> Result<(ChangeHash, &[u8]), Unfit> {
    let (kind, data, rest) = container(bytes)?;
    if kind != CHANGE_CHUNK {
        return Err(Unfit::Malformed("only plain change chunks are taken"));
    }
    if !rest.is_empty() {
        return Err(Unfit::Malformed("bytes follow the chunk"));
    }
    let digest = Sha256::digest(bytes.get(8..).unwrap_or_default());
    if bytes.get(4..8) != digest.get(..4) {
        return Err(Unfit::Malformed("the checksum does not match"));
    }
    Ok((ChangeHash(digest.into()), data))
}

/// Cuts concatenated chunks apart; says of each whether it is a whole document.
///
/// For what a trusted server sends: one element of its message may hold a snapshot and a tail.
pub(crate) fn split(mut bytes: &[u8]) -> Result<Vec<(bool, &[u8])>, Unfit> {
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

fn container(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Unfit> {
    if bytes.get(..4) != Some(&MAGIC) {
        return Err(Unfit::Malformed("this is no Automerge chunk"));
    }
    let mut input = Input(bytes.get(8..).ok_or(CUT_SHORT)?);
    let kind = input.take(1)?.first().copied().ok_or(CUT_SHORT)?;
    let length = input.length()?;
    let data = input.take(length)?;
    Ok((kind, data, input.0))
}

/// Scans a change chunk's data without expanding it: how many operations it has, and its sequence
/// number.
pub(crate) fn scan(data: &[u8]) -> Result<(u64, u64), Refusal> {
    if data.len() > limits::CHANGE_BYTES_MAX {
        return Err(Refusal::OverLimit("bytes in a change"));
    }
    let mut input = Input(data);
    if input.hashes()? > limits::HASHES_MAX {
        return Err(Refusal::OverLimit("dependencies of a change"));
    }
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
    if seq != 1 && !input.0.is_empty() {
        return Err(Refusal::Malformed("only an actor's first change names an author"));
    }
    Ok((ops, seq))
}

/// Scans the columns of a change; the number of its operations.
fn scan_columns(input: &mut Input<'_>) -> Result<u64, Unfit> {
    let count = input.length()?;
    if count > 64 {
        return Err(Unfit::OverLimit("columns of a change"));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let (spec, length) = (input.unsigned()?, input.length()?);
        if spec & DEFLATE_BIT != 0 {
            return Err(Unfit::Malformed("a column of a change is deflated"));
        }
        if columns.last().is_some_and(|(last, _)| *last >= spec) {
            return Err(Unfit::Malformed("columns are not in order"));
        }
        columns.push((spec, length));
    }
    let mut ops = 0;
    for (spec, length) in columns {
        let data = input.take(length)?;
        match spec {
            ACTION_COLUMN => ops = run_length(data, false, Input::unsigned)?.0,
            PRED_GROUP_COLUMN
                if run_length(data, true, Input::unsigned)?.1 > limits::CHANGE_OPS_MAX =>
            {
                return Err(Unfit::OverLimit("predecessors named by a change"));
            }
            NAME_COLUMN | MARK_COLUMN
                if run_length(data, true, Input::name)?.1 > limits::CHANGE_BYTES_MAX as u64 =>
            {
                return Err(Unfit::OverLimit("bytes of names in a change"));
            }
            // Runs repeat a value for free: every other column is bounded by the operations, which
            // automerge stops at, and has values of one size.
            _ => {}
        }
    }
    if ops > limits::CHANGE_OPS_MAX {
        return Err(Unfit::OverLimit("operations in a change"));
    }
    Ok(ops)
}

/// How many values a run-length encoded column has, and what `weigh` of them adds up to.
fn run_length<'a>(
    data: &'a [u8],
    nulls: bool,
    weigh: impl Fn(&mut Input<'a>) -> Result<u64, Unfit>,
) -> Result<(u64, u64), Unfit> {
    let mut input = Input(data);
    let (mut count, mut sum) = (0u64, 0u64);
    while !input.0.is_empty() {
        let run = input.signed()?;
        if run > 0 {
            let value = weigh(&mut input)?;
            count = count.saturating_add(run.unsigned_abs());
            sum = sum.saturating_add(value.saturating_mul(run.unsigned_abs()));
        } else if run < 0 {
            if run.unsigned_abs() > data.len() as u64 {
                return Err(Unfit::Malformed("a literal run is longer than its column"));
            }
            for _ in 0..run.unsigned_abs() {
                sum = sum.saturating_add(weigh(&mut input)?);
            }
            count = count.saturating_add(run.unsigned_abs());
        } else {
            let run = input.unsigned()?;
            if !nulls {
                return Err(Unfit::Malformed("an operation without action"));
            }
            count = count.saturating_add(run);
        }
    }
    Ok((count, sum))
}

const CUT_SHORT: Unfit = Unfit::Malformed("it is cut short");

/// What is left to read of a peer's bytes.
pub(super) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Unfit> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Steps over a list of hashes; how many they were.
    pub fn hashes(&mut self) -> Result<usize, Unfit> {
        let count = self.length()?;
        self.take(count * 32).map(|_| count)
    }

    fn actor(&mut self) -> Result<(), Unfit> {
        match self.length()? {
            0 => Err(Unfit::Malformed("an actor id is empty")),
            length if length > limits::ACTOR_BYTES_MAX => {
                Err(Unfit::OverLimit("bytes in an actor id"))
            }
            length => self.take(length).map(|_| ()),
        }
    }

    /// Steps over a name; its length.
    fn name(&mut self) -> Result<u64, Unfit> {
        let length = self.length()?;
        if length > limits::NAME_BYTES_MAX {
            return Err(Unfit::OverLimit("bytes in a name"));
        }
        self.take(length).map(|_| length as u64)
    }

    pub fn length(&mut self) -> Result<usize, Unfit> {
        let length = self.unsigned()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= limits::FRAME_BYTES_MAX)
            .ok_or(Unfit::Malformed("a length is longer than any frame"))
    }

    /// An unsigned LEB128 number of at most 64 bits.
    pub fn unsigned(&mut self) -> Result<u64, Unfit> {
        let (bits, _, _) = self.leb()?;
        u64::try_from(bits).map_err(|_| Unfit::Malformed("a number has more than 64 bits"))
    }

    /// A signed LEB128 number of at most 64 bits.
    fn signed(&mut self) -> Result<i64, Unfit> {
        let (bits, shift, negative) = self.leb()?;
        let value = bits as i128;
        let value = if negative { value - (1i128 << shift) } else { value };
        i64::try_from(value).map_err(|_| Unfit::Malformed("a number has more than 64 bits"))
    }

    fn leb(&mut self) -> Result<(u128, u32, bool), Unfit> {
        let (mut bits, mut shift) = (0u128, 0);
        loop {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            bits |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok((bits, shift, byte & 0x40 != 0));
            }
            if shift > 70 {
                return Err(Unfit::Malformed("a number has more than 64 bits"));
            }
        }
    }
}
