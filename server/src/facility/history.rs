//! Keeping the history of a facility room small, by founding it anew now and then.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chartroom_engine::RoomName;

use crate::hub::{Hub, RoomError};

/// When a room is next founded anew.
pub(super) struct History {
    room: RoomName,
    changes_max: u64,
    /// The number of changes past which it is tried.
    due: AtomicU64,
}

impl History {
    /// The history of a facility room, of so many changes at most.
    pub fn new(room: RoomName, changes_max: u64) -> Self {
        Self { room, changes_max, due: AtomicU64::new(changes_max) }
    }

    /// Founds the room anew if its history is long; where that fails, it goes on as it is.
    pub async fn keep_short(&self, hub: &Arc<Hub>) {
        let Ok(changes) = self.changes(hub).await else { return };
        if changes <= self.due.load(Ordering::Relaxed) {
            return;
        }
        let due = match hub.refound(&self.room).await {
            // What stands is the least that a room can have.
            Ok(_) => self.changes(hub).await.unwrap_or(0),
            Err(error) => {
                tracing::warn!(room = %self.room, %error, "a facility room keeps its long history");
                changes
            }
        };
        self.due.store(due + self.changes_max, Ordering::Relaxed);
    }

    /// The changes of the room's epoch.
    async fn changes(&self, hub: &Arc<Hub>) -> Result<u64, RoomError> {
        hub.open_latest(&self.room).await?.read(|room| room.seq()).await
    }
}
