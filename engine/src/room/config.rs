//! What a room is made with, beside its document.

use std::sync::Arc;

use automerge::ActorId;

use crate::{Author, RoomId, document::Snapshot, event::Rules, limits};

/// Which end of the wire this replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes changes from strangers, logs and acknowledges them.
    Server,
    /// Belongs to one person, and trusts the server it dials.
    Client,
}

/// How large a room is, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomSize {
    /// Bytes of its log.
    pub bytes: u64,
    /// Operations of its document.
    pub ops: u64,
}

/// What a room is made with, beside its document.
#[derive(Debug, Clone)]
pub struct RoomConfig {
    /// Name and epoch.
    pub id: RoomId,
    /// Server or client.
    pub role: Role,
    /// Whose actor is whose, as stored.
    pub bindings: Vec<(ActorId, Author)>,
    /// The last position in the room's log; 0 for a new room.
    pub seq: u64,
    /// The last position in the room's event log; 0 for a new room.
    pub event_seq: u64,
    /// When the last event was, in milliseconds since 1970; the room's events never go back.
    pub event_time_ms: u64,
    /// The server's own actor, whose messages name the person it wrote for.
    pub server_actor: Option<ActorId>,
    /// What newcomers are sent with the changes behind it; saved at the first of them where there is
    /// none (server role).
    pub snapshot: Option<Snapshot>,
    /// Bytes of the log as stored.
    pub bytes: u64,
    /// How large the room may grow (server role).
    pub size_max: RoomSize,
    /// What can be set about the rules of events.
    pub rules: Arc<Rules>,
}

impl RoomConfig {
    /// A new room with nothing set.
    pub fn new(id: RoomId, role: Role) -> Self {
        Self {
            id,
            role,
            bindings: Vec::new(),
            seq: 0,
            event_seq: 0,
            event_time_ms: 0,
            server_actor: None,
            snapshot: None,
            bytes: 0,
            size_max: RoomSize { bytes: limits::ROOM_BYTES_MAX, ops: limits::ROOM_OPS_MAX },
            rules: Rules::shipped(),
        }
    }
}
