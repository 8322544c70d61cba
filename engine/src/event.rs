//! From patches to clinical meaning: resource changes, and the events derived from them.
//!
//! Pure and total: a change that no rule knows still gives its generic event.
//! Start at [`ResourceChange`]. `table` has every rule as data, and `rules` the interpreter that turns
//! a change into events; docs/events.md is checked against both.

pub mod critical;
mod fields;
mod names;
mod rules;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use automerge::ChangeHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Author, RoomName, time};

pub use critical::CriticalTable;
pub(crate) use fields::PHARMACY_STATUS_URLS;
pub use fields::pharmacy_status;
pub use names::{NAMES, dotted};
pub(crate) use rules::derive;

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there, or was deleted, and is there now.
    Created,
    /// It is there, and elements differ.
    Updated,
    /// It is there no more.
    Deleted,
}

/// One change's effect on one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceChange {
    /// FHIR resource type.
    pub resource_type: String,
    /// FHIR id.
    pub id: String,
    /// Created, updated or deleted.
    pub action: Action,
    /// Names of the elements that the change wrote, sorted.
    pub elements: Vec<String>,
    /// Elements at which a conflict appeared with this change, sorted.
    pub conflicts_new: Vec<String>,
    /// Elements whose conflict this change resolved, sorted.
    pub conflicts_gone: Vec<String>,
    /// The resource before the change; `None` where it was not there, or deleted.
    pub before: Option<Arc<Value>>,
    /// The resource behind the change; a stub of type and id after a delete.
    pub resource: Arc<Value>,
    /// The change.
    pub hash: ChangeHash,
    /// Who is responsible, where known.
    pub author: Option<Author>,
    /// What the change claims as its time, in milliseconds since 1970.
    pub authored_ms: i64,
    /// Whether the change belongs to an import: logged, and raised nowhere else.
    pub import: bool,
    /// Elements that it puts back to what they were before another author wrote them, which its own
    /// author had not said to have seen.
    pub reverts: Vec<String>,
    /// The server that the change came through; `None` where it was written here.
    pub via: Option<Arc<str>>,
}

/// A clinical event. Its identity is (`changes`, resource, `event`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the room's event log from 1; 0 where derived locally and not yet numbered.
    pub seq: u64,
    /// Upper-case name, such as `RESOURCE_CREATED`.
    pub event: String,
    /// Dotted name, such as `resource.created`.
    pub event_type: String,
    /// The room.
    pub room: RoomName,
    /// The FHIR id of the patient, in a patient's room.
    pub patient_id: Option<String>,
    /// FHIR resource type.
    pub resource_type: String,
    /// FHIR id.
    pub resource_id: String,
    /// Created, updated or deleted.
    pub action: Action,
    /// The resource as of the event, or a stub of type and id after a delete.
    pub resource: Arc<Value>,
    /// Names of the changed elements.
    pub changed: Vec<String>,
    /// Who is responsible, where known.
    pub author: Option<Author>,
    /// When the server, or locally this replica, received the change: milliseconds since 1970, in
    /// JSON the member `time` in RFC 3339.
    #[serde(rename = "time", with = "time::instant")]
    pub time_ms: u64,
    /// What the change claims as its time: milliseconds since 1970, in JSON the member `authored` in
    /// RFC 3339.
    #[serde(rename = "authored", with = "time::instant")]
    pub authored_ms: i64,
    /// Hashes of the changes, in hex.
    pub changes: Vec<String>,
    /// Whether the change belongs to an import.
    pub import: bool,
    /// What the rule adds.
    pub details: Value,
    /// In a facility room: the event of a patient's room that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<EventSource>,
    /// The server that the change came through; absent where it was written here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Arc<str>>,
}

impl Event {
    /// Takes out what it tells; its number, room and time stay. Nobody hears it as an event.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn withhold(&mut self) {
        let (empty, bare) = (String::new(), Arc::default());
        *self = Self {
            event: empty.clone(),
            event_type: empty.clone(),
            resource_type: empty.clone(),
            resource_id: empty,
            action: Action::Updated,
            resource: bare,
            changed: Vec::new(),
            author: None,
            changes: Vec::new(),
            details: Value::Null,
            source: None,
            via: None,
            room: self.room.clone(),
            patient_id: None,
            ..*self
        };
    }

    /// Whether what it told was taken out.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn is_withheld(&self) -> bool {
        self.event.is_empty()
    }

    /// The event as a facility room repeats it, with where it comes from.
    #[must_use]
    pub fn repeated(self) -> Self {
        let source = EventSource { room: self.room.clone(), seq: self.seq };
        Self { source: Some(source), ..self }
    }
}

/// Where an event of a facility room comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSource {
    /// The patient's room.
    pub room: RoomName,
    /// The event's number there.
    pub seq: u64,
}

/// What can be set about the rules. Client and server agree on events where they agree on this.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// A critical value older than this, when the change arrives, alerts in its own chart only.
    pub late_after_ms: u64,
    /// Beyond which limits a value is critical.
    pub critical: CriticalTable,
}

impl Rules {
    /// Alerts beyond the chart for values of the last three days.
    pub const LATE_AFTER_MS: u64 = 72 * 60 * 60 * 1000;

    /// The rules that come with Chartroom.
    pub fn shipped() -> Arc<Self> {
        let critical = CriticalTable::shipped();
        Arc::new(Self { late_after_ms: Self::LATE_AFTER_MS, critical })
    }
}
