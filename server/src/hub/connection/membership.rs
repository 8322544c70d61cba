//! One peer in one room, which it leaves when this is dropped.

use std::sync::Arc;

use chartroom_engine::{Author, Peer};

use crate::hub::{Hub, RoomError, RoomHandle, link::Link};

/// Being in a room.
pub(super) struct Membership {
    room: Arc<RoomHandle>,
    peer: Peer,
}

impl Membership {
    /// Enters a room under a number of its own, which is what makes its sync state a fresh one.
    pub async fn join(
        hub: &Hub,
        room: Arc<RoomHandle>,
        link: Arc<Link>,
        author: Author,
    ) -> Result<Self, RoomError> {
        // Made before the room hears of it, so that leaving is said also where joining is cut off.
        let membership = Self { peer: hub.next_peer(), room };
        membership.room.join(membership.peer, link, author).await?;
        Ok(membership)
    }

    pub fn room(&self) -> &RoomHandle {
        &self.room
    }

    pub fn peer(&self) -> Peer {
        self.peer
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.left(self.peer);
    }
}
