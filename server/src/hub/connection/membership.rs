//! One peer in one room, which it leaves when this is dropped.

use std::sync::Arc;

use chartroom_engine::{Author, Peer, access::Access, limits::TURN_MESSAGES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hub::{Hub, RoomError, RoomHandle, answers::Answers, link::Link, room_task::Mail};

/// Being in a room.
pub(in crate::hub) struct Membership {
    room: Arc<RoomHandle>,
    peer: Peer,
    turns: Arc<Semaphore>,
    answers: Arc<Answers>,
}

impl Membership {
    /// Enters a room under a number of its own, which is what makes its sync state a fresh one.
    pub async fn join(
        hub: &Hub,
        room: Arc<RoomHandle>,
        link: Arc<Link>,
        author: Author,
        access: Arc<Access>,
    ) -> Result<Self, RoomError> {
        // Made before the room hears of it, so that leaving is said also where joining is cut off.
        let turns = Arc::new(Semaphore::new(TURN_MESSAGES_MAX));
        let (peer, answers) = (hub.next_peer(), Arc::<Answers>::default());
        let membership = Self { peer, room, turns, answers };
        let answers = Arc::clone(&membership.answers);
        membership.room.join(peer, link, (author, access), answers).await?;
        Ok(membership)
    }

    pub fn room(&self) -> &RoomHandle {
        &self.room
    }

    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether a message is an answer that would tell the room nothing. While something else of the
    /// peer is before the room, an answer is heard behind it.
    pub fn expects(&self, message: &[u8]) -> bool {
        self.turns.available_permits() == TURN_MESSAGES_MAX && self.answers.take(message)
    }

    /// Waits until the room has dealt with enough of what this peer sent before.
    pub async fn turn(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.turns).acquire_owned().await.expect("nobody closes it")
    }

    /// Hands a sync message on.
    pub async fn receive(
        &self,
        message: &[u8],
        turn: OwnedSemaphorePermit,
    ) -> Result<(), RoomError> {
        let message = message.to_vec();
        self.room.send(Mail::Received { peer: self.peer, message, turn }).await
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.left(self.peer);
    }
}
