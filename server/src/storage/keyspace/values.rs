//! What stands in the records: small ones as JSON, changes as bytes.

use std::{borrow::Cow, sync::Arc};

use chartroom_engine::{Author, ChangeHash, Event, EventSource, LoggedChange, RoomId, RoomName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::storage::RoomSummary;

/// How far a room's log reaches, and what a list of rooms shows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Number of the last change.
    pub seq: u64,
    /// Number of the last event.
    pub event_seq: u64,
    /// Number of the last change that the snapshot covers; 0 without a snapshot.
    #[serde(default)]
    pub snapshot_seq: u64,
    /// How many actors are bound.
    pub bindings: u64,
    /// Whether a later epoch took this one's place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// How many events the epochs before had.
    #[serde(default)]
    pub events_before: u64,
    /// Number of the last event that was dropped; 0 if none was.
    #[serde(default)]
    pub events_trimmed: u64,
    /// When the last event was.
    #[serde(default)]
    pub event_time_ms: u64,
    /// What the list shows.
    #[serde(default)]
    pub summary: RoomSummary,
    /// A digest of the heads that the log leads to; a number, as its bytes are in big-endian order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<u128>,
}

impl Entry {
    /// Number of the oldest event that is kept.
    pub fn event_first(&self) -> u64 {
        self.events_before.max(self.events_trimmed) + 1
    }
}

/// An event as it is kept: without the room and number, which the key has, and the resource.
#[derive(Serialize, Deserialize)]
struct KeptEvent<'a> {
    event: Cow<'a, str>,
    event_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patient_id: Option<Cow<'a, str>>,
    resource_type: Cow<'a, str>,
    resource_id: Cow<'a, str>,
    action: chartroom_engine::Action,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    changed: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Cow<'a, Author>>,
    time_ms: u64,
    authored_ms: i64,
    changes: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    import: bool,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    details: Cow<'a, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, EventSource>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<Arc<str>>,
}

/// Writes a small record.
pub(super) fn encode_json<T: Serialize>(value: &T) -> Vec<u8> {
    // An event's length, so that it need not move as it grows.
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value).expect("records have text keys and no failing parts");
    bytes
}

/// Reads a small record.
pub(super) fn decode_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Bytes of the time in a change's record: enough for nine thousand years.
const TIME_BYTES: usize = 7;

/// Writes a change: its hash; when it was received (7 bytes, little-endian); the length in one byte of
/// the name of the server that it came through, 0 for none, and the name; its chunk.
pub(super) fn encode_change(change: &LoggedChange, received_ms: u64) -> Vec<u8> {
    let via = change.via.as_deref().unwrap_or_default();
    let via = via.get(..via.floor_char_boundary(usize::from(u8::MAX))).unwrap_or_default();
    let mut head = received_ms.to_le_bytes();
    if let Some(last) = head.last_mut() {
        *last = u8::try_from(via.len()).unwrap_or(u8::MAX);
    }
    [change.hash.0.as_slice(), &head, via.as_bytes(), &change.bytes].concat()
}

/// Reads a change.
pub(super) fn decode_change(seq: u64, record: &[u8]) -> Option<LoggedChange> {
    let (hash, rest) = record.split_first_chunk()?;
    let (_received_ms, rest) = rest.split_first_chunk::<TIME_BYTES>()?;
    let (length, rest) = rest.split_first()?;
    let (via, bytes) = rest.split_at_checked(usize::from(*length))?;
    let via = str::from_utf8(via).ok()?;
    let via = (!via.is_empty()).then(|| Arc::from(via));
    Some(LoggedChange { seq, hash: ChangeHash(*hash), bytes: Arc::from(bytes), via })
}

/// Writes an event.
pub(super) fn encode_event(event: &Event) -> Vec<u8> {
    encode_json(&KeptEvent {
        event: Cow::Borrowed(&event.event),
        event_type: Cow::Borrowed(&event.event_type),
        patient_id: event.patient_id.as_deref().map(Cow::Borrowed),
        resource_type: Cow::Borrowed(&event.resource_type),
        resource_id: Cow::Borrowed(&event.resource_id),
        action: event.action,
        changed: Cow::Borrowed(&event.changed),
        author: event.author.as_ref().map(Cow::Borrowed),
        time_ms: event.time_ms,
        authored_ms: event.authored_ms,
        changes: Cow::Borrowed(&event.changes),
        import: event.import,
        details: Cow::Borrowed(&event.details),
        source: event.source.as_ref().map(Cow::Borrowed),
        via: event.via.clone(),
    })
}

/// Reads an event; `resource` is `Null`.
pub(super) fn decode_event(room: &RoomName, seq: u64, record: &[u8]) -> Option<Event> {
    let kept: KeptEvent<'_> = decode_json(record)?;
    Some(Event {
        seq,
        event: kept.event.into_owned(),
        event_type: kept.event_type.into_owned(),
        room: room.clone(),
        patient_id: kept.patient_id.map(Cow::into_owned),
        resource_type: kept.resource_type.into_owned(),
        resource_id: kept.resource_id.into_owned(),
        action: kept.action,
        resource: Arc::new(Value::Null),
        changed: kept.changed.into_owned(),
        author: kept.author.map(Cow::into_owned),
        time_ms: kept.time_ms,
        authored_ms: kept.authored_ms,
        changes: kept.changes.into_owned(),
        import: kept.import,
        details: kept.details.into_owned(),
        source: kept.source.map(Cow::into_owned),
        via: kept.via,
    })
}

/// The room that a document record names.
pub(super) fn decode_room(record: &[u8]) -> Option<RoomId> {
    decode_json(record)
}
