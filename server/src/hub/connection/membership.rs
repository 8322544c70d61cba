//! One peer in one room, which it leaves when this is dropped.

use std::sync::Arc;

use chartroom_engine::{Author, Peer, limits::TURN_MESSAGES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hub::{Hub, RoomError, RoomHandle, link::Link, room_task::Mail};

/// Being in a room.
pub(super) struct Membership {
    room: Arc<RoomHandle>,
    peer: Peer,
    turns: Arc<Semaphore>,
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
        let turns = Arc::new(Semaphore::new(TURN_MESSAGES_MAX));
        let membership = Self { peer: hub.next_peer(), room, turns };
        membership.room.join(membership.peer, link, author).await?;
        Ok(membership)
    }

    pub fn room(&self) -> &RoomHandle {
        &self.room
    }

    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Waits until the room has dealt with enough of what this peer sent before.
    pub async fn turn(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.turns).acquire_owned().await.expect("nobody closes it")
    }

    /// Hands a sync message on.
    pub async fn receive(
        &self,
        message: Vec<u8>,
        turn: OwnedSemaphorePermit,
    ) -> Result<(), RoomError> {
        self.room.send(Mail::Received { peer: self.peer, message, turn }).await
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.left(self.peer);
    }
}
