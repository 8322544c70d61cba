//! Changes that another server brought and this one's rules refuse: kept whole, durably, and listed,
//! until one is taken after all or an operator drops it.

use std::{collections::BTreeMap, sync::Arc};

use chartroom_engine::{
    Author, LoggedChange, Quarantined, RoomId, RoomName,
    document::People,
    limits::{QUARANTINE_BYTES_MAX, QUARANTINE_MAX},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Hub, RoomError};
use crate::{
    clock,
    storage::{Fact, RoomBatch, Storage, StorageError},
};

/// What is known of each change.
const TABLE: &str = "quarantine";
/// Their chunks.
const CHUNKS: &str = "quarantine-chunk";

/// A change that is kept aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The room and epoch it was meant for.
    pub room: RoomId,
    /// Its hash, in hex.
    pub hash: String,
    /// The server that brought it.
    pub server: String,
    /// Why it is not taken, for programs.
    pub code: String,
    /// Why it is not taken, for people.
    pub message: String,
    /// The actor that made it, in hex; `None` where the change cannot be read.
    pub actor: Option<String>,
    /// The person behind the actor, where known.
    pub author: Option<Author>,
    /// When it came, in milliseconds since 1970.
    pub received_ms: u64,
    /// Bytes of its chunk.
    pub bytes: u64,
}

/// More is refused than is kept.
pub(super) struct Full;

/// All of them.
#[derive(Debug, Default)]
pub struct Quarantine(Mutex<BTreeMap<(RoomId, String), Kept>>);

impl Quarantine {
    /// As stored.
    pub(super) fn of(storage: &dyn Storage) -> Result<Self, StorageError> {
        let kept = storage.facts(TABLE)?.into_iter().filter_map(|(_, value)| {
            let kept: Kept = serde_json::from_slice(&value).ok()?;
            Some(((kept.room.clone(), kept.hash.clone()), kept))
        });
        Ok(Self(Mutex::new(kept.collect())))
    }

    /// All of them, by room.
    pub fn list(&self) -> Vec<Kept> {
        self.0.lock().values().cloned().collect()
    }

    /// Whether there are any of a room.
    pub fn has_of(&self, room: &RoomName) -> bool {
        self.0.lock().keys().any(|(id, _)| id.name == *room)
    }

    /// How many a server brought.
    pub fn count(&self, server: &str) -> usize {
        self.0.lock().values().filter(|kept| kept.server == server).count()
    }

    /// These changes are taken after all: what is noted with their batch.
    pub(super) fn accepted(&self, room: &RoomId, changes: &[LoggedChange]) -> Vec<Fact> {
        let mut kept = self.0.lock();
        if kept.is_empty() {
            return Vec::new();
        }
        let taken = changes.iter().filter_map(|change| {
            kept.remove(&(room.clone(), change.hash.to_string())).map(|kept| gone(&kept))
        });
        taken.flatten().collect()
    }

    fn admit(&self, kept: &Kept) -> Result<bool, Full> {
        let mut all = self.0.lock();
        let key = (kept.room.clone(), kept.hash.clone());
        if all.contains_key(&key) {
            return Ok(false);
        }
        let bytes: u64 = all.values().map(|kept| kept.bytes).sum();
        if all.len() >= QUARANTINE_MAX || bytes + kept.bytes > QUARANTINE_BYTES_MAX {
            return Err(Full);
        }
        all.insert(key, kept.clone());
        Ok(true)
    }

    fn forget(&self, room: &RoomId, hash: &str) -> Option<Kept> {
        self.0.lock().remove(&(room.clone(), hash.to_owned()))
    }
}

impl Hub {
    pub(super) fn keep_aside(
        self: &Arc<Self>,
        room: &RoomId,
        people: &People,
        server: &str,
        change: Quarantined,
    ) -> Result<(), Full> {
        let Quarantined { hash, actor, bytes, reason } = change;
        let kept = Kept {
            room: room.clone(),
            hash: hash.to_string(),
            server: server.to_owned(),
            code: reason.code().to_owned(),
            message: reason.to_string(),
            author: actor.as_ref().and_then(|actor| people.of(actor)).cloned(),
            actor: actor.map(|actor| actor.to_hex_string()),
            received_ms: clock::now_ms(),
            bytes: bytes.len() as u64,
        };
        if !self.quarantine.admit(&kept)? {
            return Ok(());
        }
        let document = room.document_id();
        tracing::warn!(
            %document, server, hash = kept.hash, code = kept.code,
            "a change of another server is refused here and kept aside; GET /quarantine lists it"
        );
        let value = serde_json::to_vec(&kept).expect("a struct of strings serialises");
        let facts = vec![
            Fact { table: TABLE.to_owned(), key: key_of(room, hash), value: Some(value) },
            Fact { table: CHUNKS.to_owned(), key: key_of(room, hash), value: Some(bytes.to_vec()) },
        ];
        let hub = Arc::clone(self);
        self.writer.commit(RoomBatch::of_facts(room.clone(), facts), move |stored| {
            if stored.is_err() {
                // The server still has it, and brings it again.
                hub.quarantine.forget(&kept.room, &kept.hash);
            }
        });
        Ok(())
    }

    /// Drops a change that is kept aside; false where there is none of this hash.
    pub async fn drop_quarantined(&self, hash: &str) -> Result<bool, RoomError> {
        let found = self.quarantine.list().into_iter().find(|kept| kept.hash == hash);
        let Some(kept) = found else { return Ok(false) };
        self.note(kept.room.clone(), gone(&kept).into()).await?;
        self.quarantine.forget(&kept.room, &kept.hash);
        tracing::warn!(
            hash,
            server = kept.server,
            "an operator dropped a change that was kept aside"
        );
        Ok(true)
    }
}

fn key_of(room: &RoomId, hash: impl std::fmt::Display) -> String {
    format!("{}/{hash}", room.document_id())
}

fn gone(kept: &Kept) -> [Fact; 2] {
    let key = key_of(&kept.room, &kept.hash);
    [TABLE, CHUNKS].map(|table| Fact { table: table.to_owned(), key: key.clone(), value: None })
}
