//! Change chunks and sync messages written byte by byte, by the letter of automerge's binary format,
//! so that each part of them can be wrong.

use std::{collections::BTreeMap, ops::Range};

use chartroom_engine::{change::seal, document::RESOURCE_TYPES};

/// Type of a chunk that holds a whole document.
pub const DOCUMENT: u8 = 0;
/// Type of a plain change chunk.
pub const CHANGE: u8 = 1;
/// Type of a deflated change chunk.
pub const DEFLATED: u8 = 2;

/// Type of a chunk that holds several changes.
pub const BUNDLE: u8 = 3;

/// Columns of a change's operations, by their specifications.
pub const KEY_TEXT: u64 = 21;
pub const INSERT: u64 = 52;
pub const ACTION: u64 = 66;
pub const VALUE_META: u64 = 86;
pub const VALUE: u64 = 87;
pub const PRED_COUNT: u64 = 112;

/// An operation id: its counter, and the place of its actor among those that the change names.
pub type Id = (u64, usize);
/// The author of a change, among the actors that it names.
pub const SELF: usize = 0;
/// Genesis, which [`Change::new`] names.
pub const GENESIS: usize = 1;

/// What an operation is about within its object.
#[derive(Clone)]
pub enum Key {
    Name(String),
    Start,
    After(Id),
}

/// What an operation does.
#[derive(Clone, Copy)]
pub enum Action {
    MakeMap = 0,
    Set = 1,
    MakeList = 2,
    Delete = 3,
}

/// A value: automerge's code of its type, and its bytes.
pub type Value = (u64, Vec<u8>);

/// One operation.
#[derive(Clone)]
pub struct Op {
    pub object: Option<Id>,
    pub key: Key,
    pub insert: bool,
    pub action: Action,
    pub value: Value,
    pub pred: Vec<Id>,
}

impl Op {
    /// An operation at a name in a map.
    pub fn at(object: Id, name: &str, action: Action, value: Value) -> Self {
        let (object, key) = (Some(object), Key::Name(name.to_owned()));
        Self { object, key, insert: false, action, value, pred: Vec::new() }
    }

    /// A text at a name in a map.
    pub fn text(object: Id, name: &str, text: &str) -> Self {
        Self::at(object, name, Action::Set, (6, text.as_bytes().to_vec()))
    }

    /// A number inserted into a list.
    pub fn insert(list: Id, key: Key) -> Self {
        let value = (3, vec![7]);
        Self { object: Some(list), key, insert: true, action: Action::Set, value, pred: Vec::new() }
    }

    /// The same, in the place of earlier operations.
    pub fn over(self, pred: &[Id]) -> Self {
        Self { pred: pred.to_vec(), ..self }
    }
}

/// The object of a collection, in a change that names genesis second.
pub fn collection(name: &str) -> Id {
    let at = RESOURCE_TYPES.iter().position(|known| *known == name);
    (4 + at.unwrap_or(RESOURCE_TYPES.len()) as u64, GENESIS)
}

/// One change.
#[derive(Clone)]
pub struct Change {
    pub deps: Vec<[u8; 32]>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub columns: BTreeMap<u64, Vec<u8>>,
    pub extra: Vec<u8>,
}

impl Change {
    /// A new actor's first change, in which nothing is wrong.
    pub fn new(heads: &[[u8; 32]], start_op: u64, ops: &[Op]) -> Self {
        Self {
            deps: heads.to_vec(),
            actor: vec![0xee; 16],
            seq: 1,
            start_op,
            time: 1_700_000_000,
            message: Vec::new(),
            others: vec![vec![0; 16]],
            columns: columns(ops),
            extra: Vec::new(),
        }
    }

    /// The chunk.
    pub fn chunk(&self) -> Vec<u8> {
        chunk(CHANGE, &self.data())
    }

    /// The chunk's data.
    pub fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        count(&mut data, self.deps.len());
        data.extend(self.deps.iter().flatten());
        prefixed(&mut data, &self.actor);
        unsigned(&mut data, self.seq);
        unsigned(&mut data, self.start_op);
        signed(&mut data, self.time);
        prefixed(&mut data, &self.message);
        count(&mut data, self.others.len());
        self.others.iter().for_each(|actor| prefixed(&mut data, actor));
        count(&mut data, self.columns.len());
        for (specification, column) in &self.columns {
            unsigned(&mut data, *specification);
            count(&mut data, column.len());
        }
        data.extend(self.columns.values().flatten());
        data.extend(&self.extra);
        data
    }
}

/// A chunk with its checksum.
pub fn chunk(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    prefixed(&mut chunk, data);
    seal(&mut chunk);
    chunk
}

/// The hash of a chunk.
pub fn hash(chunk: &[u8]) -> [u8; 32] {
    seal(&mut chunk.to_vec())
}

/// What a sync message says beside its chunks.
#[derive(Clone)]
pub struct Message {
    pub version: u8,
    pub heads: Vec<[u8; 32]>,
    pub need: Vec<[u8; 32]>,
    /// Hashes and Bloom filter of each.
    pub have: Vec<(Vec<[u8; 32]>, Vec<u8>)>,
    pub flags: Vec<u8>,
}

/// An honest message of version 1.
pub const PLAIN: Message = Message {
    version: 0x42,
    heads: Vec::new(),
    need: Vec::new(),
    have: Vec::new(),
    flags: Vec::new(),
};

impl Message {
    /// The message with its chunks.
    pub fn with(&self, chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut message = vec![self.version];
        hashes(&mut message, &self.heads);
        hashes(&mut message, &self.need);
        count(&mut message, self.have.len());
        for (last_sync, bloom) in &self.have {
            hashes(&mut message, last_sync);
            prefixed(&mut message, bloom);
        }
        count(&mut message, chunks.len());
        chunks.iter().for_each(|chunk| prefixed(&mut message, chunk));
        message.extend(&self.flags);
        message
    }

    /// The message with a Bloom filter of these numbers: entries, bits per entry, probes.
    pub fn with_bloom(entries: u64, bits: u64, probes: u64) -> Vec<u8> {
        let mut bloom = Vec::new();
        [entries, bits, probes].iter().for_each(|number| unsigned(&mut bloom, *number));
        let bytes = entries.saturating_mul(bits).div_ceil(8).min(1 << 16);
        bloom.extend(vec![0xff; bytes as usize]);
        Self { have: vec![(Vec::new(), bloom)], ..PLAIN }.with(&[])
    }
}

/// The columns of operations, in automerge's own spelling.
pub fn columns(ops: &[Op]) -> BTreeMap<u64, Vec<u8>> {
    let number = |number: &u64, out: &mut Vec<u8>| unsigned(out, *number);
    let difference = |number: &i64, out: &mut Vec<u8>| signed(out, *number);
    let after = |op: &Op| match op.key {
        Key::Name(_) => None,
        Key::Start => Some((0, None)),
        Key::After((counter, actor)) => Some((counter, Some(actor as u64))),
    };
    let name = |op: &Op| match &op.key {
        Key::Name(name) => Some(name.clone()),
        Key::Start | Key::After(_) => None,
    };
    let preds = || ops.iter().flat_map(|op| &op.pred);
    let columns = [
        (1, runs(ops.iter().map(|op| op.object.map(|(_, actor)| actor as u64)), number)),
        (2, runs(ops.iter().map(|op| op.object.map(|(counter, _)| counter)), number)),
        (17, runs(ops.iter().map(|op| after(op)?.1), number)),
        (19, runs(deltas(ops.iter().map(|op| after(op).map(|key| key.0))), difference)),
        (KEY_TEXT, runs(ops.iter().map(name), |name, out| prefixed(out, name.as_bytes()))),
        (INSERT, booleans(ops.iter().map(|op| op.insert))),
        (ACTION, runs(ops.iter().map(|op| Some(op.action as u64)), number)),
        (
            VALUE_META,
            runs(ops.iter().map(|op| Some((op.value.1.len() as u64) << 4 | op.value.0)), number),
        ),
        (VALUE, ops.iter().flat_map(|op| op.value.1.clone()).collect()),
        (PRED_COUNT, runs(ops.iter().map(|op| Some(op.pred.len() as u64)), number)),
        (113, runs(preds().map(|(_, actor)| Some(*actor as u64)), number)),
        (115, runs(deltas(preds().map(|(counter, _)| Some(*counter))), difference)),
    ];
    columns.into_iter().filter(|(_, column)| !column.is_empty()).collect()
}

/// Run-length encoding as automerge writes it: runs of equal values, literals between them.
fn runs<T: PartialEq>(
    values: impl Iterator<Item = Option<T>>,
    put: impl Fn(&T, &mut Vec<u8>),
) -> Vec<u8> {
    let values: Vec<Option<T>> = values.collect();
    let mut out = Vec::new();
    if values.iter().all(Option::is_none) {
        return out;
    }
    let repeated = |at: usize| at + 1 < values.len() && values[at] == values[at + 1];
    let mut at = 0;
    while at < values.len() {
        let mut end = at + 1;
        match &values[at] {
            None => {
                end = same(&values, at).end;
                out.push(0);
                count(&mut out, end - at);
            }
            Some(value) if repeated(at) => {
                end = same(&values, at).end;
                signed(&mut out, (end - at) as i64);
                put(value, &mut out);
            }
            Some(_) => {
                while end < values.len() && values[end].is_some() && !repeated(end) {
                    end += 1;
                }
                signed(&mut out, -((end - at) as i64));
                values[at..end].iter().flatten().for_each(|value| put(value, &mut out));
            }
        }
        at = end;
    }
    out
}

/// The values from `at` on that equal the one there.
fn same<T: PartialEq>(values: &[T], at: usize) -> Range<usize> {
    let more = values[at..].iter().take_while(|value| **value == values[at]).count();
    at..at + more
}

fn deltas(values: impl Iterator<Item = Option<u64>>) -> impl Iterator<Item = Option<i64>> {
    let mut last = 0;
    values.map(move |value| {
        let value = value? as i64;
        Some(value - std::mem::replace(&mut last, value))
    })
}

fn booleans(values: impl Iterator<Item = bool>) -> Vec<u8> {
    let values: Vec<bool> = values.collect();
    let (mut out, mut at, mut expected) = (Vec::new(), 0, false);
    while at < values.len() {
        let end = if values[at] == expected { same(&values, at).end } else { at };
        count(&mut out, end - at);
        (at, expected) = (end, !expected);
    }
    out
}

fn hashes(out: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    count(out, hashes.len());
    out.extend(hashes.iter().flatten());
}

fn prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend(bytes);
}

fn count(out: &mut Vec<u8>, number: usize) {
    unsigned(out, number as u64);
}

/// Writes an unsigned LEB128 number.
pub fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a signed LEB128 number.
pub fn signed(out: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = number as u8 & 0x7f;
        number >>= 7;
        if number == -i64::from(byte >> 6) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
