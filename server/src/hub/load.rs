//! From stored records to a room, off the room's task. Strict: all of it, or an error.

use std::sync::Arc;

use chartroom_engine::{ActorId, Document, Role, Room, RoomConfig, RoomId, Snapshot};

use super::{HubConfig, RoomError};
use crate::storage::Storage;

/// A room that was loaded, and how its log stands.
pub struct Loaded {
    /// The room, with nobody in it.
    pub room: Room,
    /// Whether a later epoch took this one's place.
    pub sealed: bool,
    /// Number of the log's last change.
    pub seq: u64,
    /// Bytes of the newest snapshot.
    pub snapshot_bytes: u64,
    /// Bytes of the changes behind it.
    pub tail_bytes: u64,
}

/// Loads a room, or founds one that was never written to. Blocks.
pub fn load(
    storage: &dyn Storage,
    id: &RoomId,
    server_actor: &ActorId,
    hub: &HubConfig,
) -> Result<Loaded, RoomError> {
    let server_actor = server_actor.clone();
    let config = RoomConfig {
        server_actor: Some(server_actor.clone()),
        rules: Arc::clone(&hub.rules),
        size_max: hub.limits.room_size_max,
        ..RoomConfig::new(id.clone(), Role::Server)
    };
    let Some(stored) = storage.load(id)? else {
        let document = Document::found(id, server_actor);
        let room = Room::new(config, document);
        return Ok(Loaded { room, sealed: false, seq: 0, snapshot_bytes: 0, tail_bytes: 0 });
    };
    let changes = stored.changes.iter().map(|change| change.bytes.to_vec());
    let unreadable = |error| RoomError::Unreadable {
        room: id.clone(),
        key: format!("snapshot and changes up to {}", stored.seq),
        reason: format!("make no document: {error}"),
    };
    let mut document = match &stored.snapshot {
        Some(bytes) => Document::open(id, server_actor, bytes).map_err(unreadable)?,
        None => Document::found(id, server_actor),
    };
    let heads = document.heads();
    document.replay(changes).map_err(unreadable)?;
    let stored_snapshot =
        stored.snapshot.as_deref().map(|bytes| Snapshot { heads, bytes: bytes.into() });
    let tail_bytes = usize::try_from(stored.tail_bytes).unwrap_or(usize::MAX);
    // Saved here where it has to be, and not on the room's task for the first who comes.
    let snapshot = stored_snapshot
        .filter(|snapshot| !snapshot.is_outgrown(tail_bytes))
        .unwrap_or_else(|| document.snapshot());
    let snapshot_bytes = stored.snapshot.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let config = RoomConfig {
        snapshot: (!stored.sealed).then_some(snapshot),
        bytes: snapshot_bytes + stored.tail_bytes,
        bindings: stored.bindings,
        seq: stored.seq,
        event_seq: stored.event_seq,
        event_time_ms: stored.event_time_ms,
        ..config
    };
    Ok(Loaded {
        room: Room::new(config, document),
        sealed: stored.sealed,
        seq: stored.seq,
        snapshot_bytes,
        tail_bytes: stored.tail_bytes,
    })
}
