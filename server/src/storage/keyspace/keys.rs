//! Keys: which record is meant, as bytes whose order is the order of the log.
//!
//! ```text
//! m | name                                  | part   of the whole store
//! r | room name | 0 | epoch                 | part   a room's entry
//! d | document id                           | part   which room has this document
//! x | room name | 0 | epoch | kind | number | part   changes, snapshots and events
//! x | room name | 0 | epoch | b | len | actor | part bindings
//! f | table | 0 | len | key               | part   facts
//! ```
//! Numbers are big-endian: epoch and part of 4 bytes, a fact's length of 2, the rest of 8. A [`Stem`] is a key without its
//! part. No stem is the beginning of another, so the parts of a record stand together.

use std::{fmt, ops::Range};

use chartroom_engine::{ActorId, RoomId};

/// Bytes of the part number at the end of every key.
const PART_BYTES: usize = 4;
const EPOCH_BYTES: usize = 4;
const NUMBER_BYTES: usize = 8;

/// Where the keys of logs stand, among others: from the first up to the second.
pub(in crate::storage) const LOG_KEYS: Range<&[u8]> = b"x".as_slice()..b"y".as_slice();

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stem {
    /// A fact about the store.
    Meta(&'static str),
    /// A room's entry: how far its log reaches, and its summary.
    Entry(RoomId),
    /// Which room a document belongs to.
    Document([u8; 16]),
    /// A change, by its number.
    Change(RoomId, u64),
    /// A snapshot, by the number of the last change that it covers.
    Snapshot(RoomId, u64),
    /// An event, by its number.
    Event(RoomId, u64),
    /// Whose an actor is.
    Binding(RoomId, ActorId),
    /// A fact, by table and key.
    Fact(String, String),
}

/// The format version.
pub(super) const VERSION: Stem = Stem::Meta("version");
/// The server's own actor.
pub(super) const SERVER_ACTOR: Stem = Stem::Meta("server-actor");

/// Keys from the first up to, and without, the second.
pub(super) type Span = (Vec<u8>, Vec<u8>);

impl Stem {
    /// The key of one part of the record.
    pub(super) fn key(&self, part: u32) -> Vec<u8> {
        part_of(self.bytes(), part)
    }

    /// The record's name as bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Meta(name) => [b"m", name.as_bytes()].concat(),
            Self::Entry(room) => entry_prefix(room),
            Self::Document(id) => [b"d", id.as_slice()].concat(),
            Self::Change(room, number) => numbered(room, b'c', *number),
            Self::Snapshot(room, number) => numbered(room, b's', *number),
            Self::Event(room, number) => numbered(room, b'e', *number),
            Self::Binding(room, actor) => {
                let actor = actor.to_bytes();
                let mut bytes = room_prefix(room, b'b');
                bytes.push(u8::try_from(actor.len()).unwrap_or(u8::MAX));
                bytes.extend_from_slice(actor);
                bytes
            }
            Self::Fact(table, key) => {
                let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
                [b"f", table.as_bytes(), &[0], &length, key.as_bytes()].concat()
            }
        }
    }

    /// Reads the record's name and the part back from a key.
    pub(super) fn parse(key: &[u8]) -> Option<(Self, u32)> {
        let (stem, part) = key.split_last_chunk::<PART_BYTES>()?;
        let (table, rest) = stem.split_first()?;
        let stem = match table {
            b'm' => [VERSION, SERVER_ACTOR].into_iter().find(|known| known.bytes() == stem)?,
            b'r' => {
                let (room, rest) = parse_room(rest)?;
                rest.is_empty().then_some(Self::Entry(room))?
            }
            b'd' => Self::Document(rest.try_into().ok()?),
            b'x' => parse_of_room(rest)?,
            b'f' => parse_fact(rest)?,
            _ => return None,
        };
        Some((stem, u32::from_be_bytes(*part)))
    }

    /// The keys of all parts of this record.
    pub(super) fn span(&self) -> Span {
        self.through(self)
    }

    /// The keys of all records from this one through `last`.
    pub(super) fn through(&self, last: &Self) -> Span {
        let mut end = last.bytes();
        end.extend_from_slice(&[u8::MAX; PART_BYTES + 1]);
        (self.bytes(), end)
    }

    /// The room that the record belongs to.
    pub(super) fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Meta(_) | Self::Document(_) | Self::Fact(..) => None,
            Self::Entry(room)
            | Self::Change(room, _)
            | Self::Snapshot(room, _)
            | Self::Event(room, _)
            | Self::Binding(room, _) => Some(room),
        }
    }
}

/// Names the record within its room.
impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta(name) => f.write_str(name),
            Self::Entry(_) => f.write_str("entry"),
            Self::Document(_) => f.write_str("document"),
            Self::Change(_, number) => write!(f, "change {number}"),
            Self::Snapshot(_, number) => write!(f, "snapshot {number}"),
            Self::Event(_, number) => write!(f, "event {number}"),
            // Its key may name a patient.
            Self::Fact(table, _) => write!(f, "fact of {table}"),
            Self::Binding(_, actor) => write!(f, "binding {}", actor.to_hex_string()),
        }
    }
}

/// The key of one part of the record that has this name.
pub(super) fn part_of(mut name: Vec<u8>, part: u32) -> Vec<u8> {
    name.extend_from_slice(&part.to_be_bytes());
    name
}

/// The room that a key, or the beginning of one, belongs to.
pub(super) fn room_of(bytes: &[u8]) -> Option<RoomId> {
    match bytes.split_first()? {
        (b'r' | b'x', rest) => parse_room(rest).map(|(room, _)| room),
        _ => None,
    }
}

/// What kind of record the beginning of a key speaks of.
pub(super) fn kind_of(bytes: &[u8]) -> &'static str {
    let kind = match bytes.split_first() {
        Some((b'x', rest)) => parse_room(rest).and_then(|(_, rest)| rest.first()),
        _ => None,
    };
    match kind {
        Some(b'c') => "change",
        Some(b's') => "snapshot",
        Some(b'e') => "event",
        Some(b'b') => "binding",
        _ => "entry",
    }
}

/// The log, of changes or of events, that a key belongs to: what the keys of that log begin with, before
/// number and part.
pub(in crate::storage) fn log_of(key: &[u8]) -> Option<&[u8]> {
    let (b'x', name) = key.split_first()? else { return None };
    // Behind the room's name, its end and the epoch.
    let kind = 1 + name.iter().position(|byte| *byte == 0)? + 1 + EPOCH_BYTES;
    let of_log = matches!(key.get(kind)?, b'c' | b'e');
    (of_log && key.len() == kind + 1 + NUMBER_BYTES + PART_BYTES).then(|| key.get(..=kind))?
}

/// All rooms' entries, or those from `after` on.
pub(super) fn entries(after: Option<&RoomId>) -> Span {
    let first = after.map_or_else(|| b"r".to_vec(), |room| Stem::Entry(room.clone()).span().1);
    (first, b"s".to_vec())
}

/// The entries of every epoch of one room.
pub(super) fn epochs(room: &chartroom_engine::RoomName) -> Span {
    let name = room.as_str().as_bytes();
    ([b"r", name, &[0]].concat(), [b"r", name, &[1]].concat())
}

/// The bindings of a room.
pub(super) fn bindings(room: &RoomId) -> Span {
    (room_prefix(room, b'b'), room_prefix(room, b'b' + 1))
}

/// The facts of a table.
pub(super) fn facts(table: &str) -> Span {
    ([b"f", table.as_bytes(), &[0]].concat(), [b"f", table.as_bytes(), &[1]].concat())
}

/// Everything of a room but its entry.
pub(super) fn of_room(room: &RoomId) -> Span {
    (room_prefix(room, 0), room_prefix(room, u8::MAX))
}

fn entry_prefix(room: &RoomId) -> Vec<u8> {
    of_table(b'r', room)
}

fn room_prefix(room: &RoomId, kind: u8) -> Vec<u8> {
    let mut bytes = of_table(b'x', room);
    bytes.push(kind);
    bytes
}

/// With room for all that may follow, since a commit makes some of them for each change.
fn of_table(table: u8, room: &RoomId) -> Vec<u8> {
    let name = room.name.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(name.len() + 32);
    bytes.push(table);
    bytes.extend_from_slice(name);
    bytes.push(0);
    bytes.extend_from_slice(&room.epoch.to_be_bytes());
    bytes
}

fn numbered(room: &RoomId, kind: u8, number: u64) -> Vec<u8> {
    let mut bytes = room_prefix(room, kind);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

fn parse_room(bytes: &[u8]) -> Option<(RoomId, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (name, rest) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    let name = std::str::from_utf8(name).ok()?.parse().ok()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    Some((RoomId { name, epoch: u32::from_be_bytes(*epoch) }, rest))
}

fn parse_fact(bytes: &[u8]) -> Option<Stem> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (table, rest) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    let (length, key) = rest.split_first_chunk()?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    (key.len() == usize::from(u16::from_be_bytes(*length)))
        .then(|| Some(Stem::Fact(text(table)?, text(key)?)))?
}

fn parse_of_room(bytes: &[u8]) -> Option<Stem> {
    let (room, rest) = parse_room(bytes)?;
    let (kind, rest) = rest.split_first()?;
    if *kind == b'b' {
        let (length, actor) = rest.split_first()?;
        return (actor.len() == usize::from(*length))
            .then(|| Stem::Binding(room, ActorId::from(actor)));
    }
    let number = u64::from_be_bytes(rest.try_into().ok()?);
    match kind {
        b'c' => Some(Stem::Change(room, number)),
        b's' => Some(Stem::Snapshot(room, number)),
        b'e' => Some(Stem::Event(room, number)),
        _ => None,
    }
}
