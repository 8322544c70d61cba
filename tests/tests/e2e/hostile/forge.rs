//! Forged bytes: sync messages and change chunks, by the letter of automerge's binary format.

use std::io::Write;

use automerge::{
    ActorId, Automerge, Change, ChangeHash, ExpandedChange, ObjType, ROOT, ReadDoc,
    legacy::{ElementId, Key, ObjectId, OpId, OpType},
    transaction::Transactable,
};
use chartroom_engine::{Document, RoomId, change::seal, mint_actor};
use flate2::{Compression, write::DeflateEncoder};

use crate::ROOM;

/// A sync message and the hashes that it offers.
pub struct Forged {
    /// The encoded message.
    pub message: Vec<u8>,
}

/// The actor of every forged change.
pub fn actor() -> ActorId {
    mint_actor(1_700_000_000_000, [66; 8])
}

pub fn leb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn signed_leb(mut number: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 && byte & 0x40 == 0 || number == -1 && byte & 0x40 != 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// Many equal values in a run-length encoded column.
pub fn run(count: i64, value: u64) -> Vec<u8> {
    [signed_leb(count), leb(value)].concat()
}

/// A sync message of version 1: heads, `have` as given, chunks.
pub fn message(heads: &[[u8; 32]], have: &[u8], chunks: &[Vec<u8>]) -> Forged {
    let mut message = vec![0x42];
    message.extend(leb(heads.len() as u64));
    message.extend(heads.iter().flatten());
    message.push(0);
    message.extend_from_slice(have);
    message.extend(leb(chunks.len() as u64));
    for chunk in chunks {
        message.extend(leb(chunk.len() as u64));
        message.extend_from_slice(chunk);
    }
    Forged { message }
}

/// A message with one Bloom filter of this header, and a byte of bits.
pub fn bloom(entries: u64, bits: u64, probes: u64) -> Forged {
    let filter = [leb(entries), leb(bits), leb(probes), vec![0xff; 2]].concat();
    let have = [vec![1, 0], leb(filter.len() as u64), filter].concat();
    message(&[[7; 32]], &have, &[])
}

/// A message with one chunk, whose checksum is made right.
pub fn chunk(mut chunk: Vec<u8>) -> Forged {
    let hash = seal(&mut chunk);
    message(&[hash], &[0], &[chunk])
}

/// A chunk of any type round some data, sealed.
pub fn container(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    chunk.extend(leb(data.len() as u64));
    chunk.extend_from_slice(data);
    seal(&mut chunk);
    chunk
}

/// A deflated chunk that becomes very many zeros.
pub fn deflate_bomb(bytes: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&zeros).expect("a vector takes everything");
    }
    encoder.finish().expect("a vector takes everything")
}

/// What stands before the columns of a change, and the columns.
pub struct Parts {
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub others: Vec<Vec<u8>>,
    pub columns: Vec<(u64, Vec<u8>)>,
}

impl Parts {
    /// A change that writes nothing, behind genesis.
    pub fn sound() -> Self {
        let start_op = 1_000;
        Self {
            actor: actor().to_bytes().to_vec(),
            seq: 1,
            start_op,
            others: vec![],
            columns: vec![],
        }
    }

    /// The chunk.
    pub fn chunk(&self) -> Vec<u8> {
        let mut data = [leb(1), genesis().0.to_vec()].concat();
        data.extend([leb(self.actor.len() as u64), self.actor.clone()].concat());
        data.extend([leb(self.seq), leb(self.start_op), vec![0, 0]].concat());
        data.extend(leb(self.others.len() as u64));
        for other in &self.others {
            data.extend([leb(other.len() as u64), other.clone()].concat());
        }
        data.extend(leb(self.columns.len() as u64));
        for (spec, bytes) in &self.columns {
            data.extend([leb(*spec), leb(bytes.len() as u64)].concat());
        }
        self.columns.iter().for_each(|(_, bytes)| data.extend_from_slice(bytes));
        container(1, &data)
    }
}

/// The actor that wrote genesis.
pub fn genesis_actor() -> ActorId {
    let change = document().get_change_by_hash(&genesis()).unwrap();
    change.actor_id().clone()
}

fn room() -> RoomId {
    RoomId::first(ROOM.parse().unwrap())
}

fn genesis() -> ChangeHash {
    Document::found(&room(), actor()).genesis()
}

/// A document of the room, as a stock client has it.
pub fn document() -> Automerge {
    let mut doc = Automerge::load(&Document::found(&room(), actor()).save()).unwrap();
    doc.set_actor(actor());
    doc
}

/// A sound change: a condition with a list.
pub fn sound(doc: &mut Automerge, id: &str) -> Change {
    let (_, collection) = doc.get(ROOT, "Condition").unwrap().unwrap();
    let mut tx = doc.transaction();
    let map = tx.put_object(&collection, id, ObjType::Map).unwrap();
    tx.put(&map, "onsetString", "forged").unwrap();
    let list = tx.put_object(&map, "category", ObjType::List).unwrap();
    tx.insert(&list, 0, "one").unwrap();
    let hash = tx.commit().0.unwrap();
    doc.get_change_by_hash(&hash).unwrap()
}

/// A sound change, bent in its own words and encoded again.
pub fn bent(bend: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut expanded = sound(&mut document(), "forged").decode();
    expanded.hash = None;
    bend(&mut expanded);
    Change::from(expanded).raw_bytes().to_vec()
}

/// An operation id that nothing has.
pub fn nowhere() -> OpId {
    OpId(900, ActorId::from([9; 16]))
}

/// A change whose list item stands behind an element that does not exist.
pub fn behind_nothing(expanded: &mut ExpandedChange) {
    let item = expanded.operations.iter_mut().find(|op| op.insert).unwrap();
    item.key = Key::Seq(ElementId::Id(nowhere()));
}

/// A change that writes into an object that does not exist.
pub fn into_nothing(expanded: &mut ExpandedChange) {
    let put =
        expanded.operations.iter_mut().find(|op| matches!(op.action, OpType::Put(_))).unwrap();
    put.obj = ObjectId::Id(nowhere());
}

/// A change that takes the place of an operation that does not exist.
pub fn in_place_of_nothing(expanded: &mut ExpandedChange) {
    let put =
        expanded.operations.iter_mut().find(|op| matches!(op.action, OpType::Put(_))).unwrap();
    put.pred = std::iter::once(nowhere()).collect();
}

/// A change that deletes what does not exist.
pub fn delete_nothing(expanded: &mut ExpandedChange) {
    let put =
        expanded.operations.iter_mut().find(|op| matches!(op.action, OpType::Put(_))).unwrap();
    put.action = OpType::Delete;
    put.pred = std::iter::once(nowhere()).collect();
}
