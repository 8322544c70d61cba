//! Bytes that no honest client sends, made by the letter of the formats.

use chartroom_engine::change::seal;

/// The column of a change that says what each operation does.
const ACTION_COLUMN: usize = 0x42;

/// A number in LEB128.
fn leb(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A list of byte strings that each say how long they are.
fn strings(list: &[Vec<u8>], out: &mut Vec<u8>) {
    leb(list.len(), out);
    for bytes in list {
        leb(bytes.len(), out);
        out.extend(bytes);
    }
}

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
        for hashes in [&self.heads, &self.need] {
            leb(hashes.len(), &mut out);
            out.extend(hashes.iter().flatten());
        }
        leb(usize::from(self.bloom.is_some()), &mut out);
        if let Some(bloom) = &self.bloom {
            leb(0, &mut out);
            leb(bloom.len(), &mut out);
            out.extend(bloom);
        }
        strings(&self.changes, &mut out);
        out
    }
}

/// A filter of so many entries that has nothing, asked with as many probes as are taken: the dearest
/// one for who has to look every change up in it.
pub fn empty_bloom(entries: usize) -> Vec<u8> {
    let (bits, probes) = (64, 32);
    let mut bloom = Vec::new();
    for number in [entries, bits, probes] {
        leb(number, &mut bloom);
    }
    bloom.resize(bloom.len() + (entries * bits).div_ceil(8), 0);
    bloom
}

/// A change chunk with a right checksum whose one column says, in a few bytes, that it has so many
/// operations.
pub fn bomb(actor: [u8; 16], operations: usize) -> Vec<u8> {
    // One run of the action "set"; the run's length is signed.
    let mut run = Vec::new();
    let mut length = operations;
    while length >= 0x40 {
        run.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    run.extend([length as u8, 1]);
    let mut data = vec![0];
    leb(actor.len(), &mut data);
    data.extend(actor);
    // Sequence number, first operation, time, message, other actors, columns.
    data.extend([1, 2, 0, 0, 0, 1]);
    leb(ACTION_COLUMN, &mut data);
    leb(run.len(), &mut data);
    data.extend(run);
    chunk(&data)
}

/// A change chunk with a right checksum that is refused by its own bytes, each time it comes: it names
/// an author in a change that is not its actor's first.
pub fn refused(actor: [u8; 16]) -> Vec<u8> {
    let mut data = vec![0];
    leb(actor.len(), &mut data);
    data.extend(actor);
    // Sequence number, first operation, time, message, other actors, columns; then what is extra.
    data.extend([2, 2, 0, 0, 0, 0, 9]);
    chunk(&data)
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

/// A chunk of kind change round these data.
fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    leb(data.len(), &mut chunk);
    chunk.extend(data);
    seal(&mut chunk);
    chunk
}
