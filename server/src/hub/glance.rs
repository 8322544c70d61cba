//! A look at a room that leaves it as it was: one that is not loaded is read and forgotten again.
//!
//! For those who visit many rooms. What they see is durable, and may be older than what a task of
//! the room that starts meanwhile goes on to write; that has events of its own.

use std::sync::Arc;

use chartroom_engine::{Document, Room, RoomName};

use super::{Hub, RoomError, load::load};

impl Hub {
    /// Looks at the latest epoch of a room; `None` where nothing was ever written to it.
    pub(crate) async fn glance<T: Send + 'static>(
        self: &Arc<Self>,
        name: &RoomName,
        look: impl FnOnce(&Document) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        self.glance_at_room(name, |room| look(room.document())).await
    }

    /// The same, of the room with whose actors are whose.
    pub(crate) async fn glance_at_room<T: Send + 'static>(
        self: &Arc<Self>,
        name: &RoomName,
        look: impl FnOnce(&Room) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        let Some(record) = self.stored(name).await? else { return Ok(None) };
        let loaded = self.rooms.lock().loaded.contains_key(&record.id.document_id());
        if loaded {
            let room = self.open(&record.id)?;
            return room.read(look).await.map(Some);
        }
        let hub = Arc::clone(self);
        let reading = move || {
            let loaded = load(&*hub.storage, &record.id, &hub.server_actor, &hub.config)?;
            Ok(look(&loaded.room))
        };
        match tokio::task::spawn_blocking(reading).await {
            Ok(result) => result.map(Some),
            Err(_) => Err(RoomError::Storage),
        }
    }
}
