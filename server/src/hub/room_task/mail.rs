//! What a room's task can be asked, and how it is answered where the room does not stand.

use std::sync::Arc;

use chartroom_engine::{ActorId, Author, Command, Offer, Peer, Plan, Room, RoomId, access::Access};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::hub::{
    Mirror, RoomError,
    answers::Answers,
    ephemeral::Ephemeral,
    feed::Queue,
    handle::{Edits, RefoundingError},
    link::Link,
};

/// What looks at a room, or hears why it cannot.
pub(crate) type Read = Box<dyn FnOnce(Result<&Room, RoomError>) + Send>;

/// What a room's task can be asked.
pub(crate) enum Mail {
    /// A peer enters.
    Join {
        peer: Peer,
        link: Arc<Link>,
        author: Author,
        access: Arc<Access>,
        answers: Arc<Answers>,
        joined: oneshot::Sender<Result<(), RoomError>>,
    },
    /// A sync message of a peer that entered; the peer's turn lasts until it is dealt with.
    Received { peer: Peer, message: Vec<u8>, turn: OwnedSemaphorePermit },
    /// A server that entered says who is behind actors.
    Vouched { peer: Peer, actors: Vec<(ActorId, Author)> },
    /// A message to relay.
    Ephemeral { peer: Peer, message: Ephemeral },
    /// A peer wants to hear who is here, and shows itself to the others, or nothing of itself.
    Present { peer: Peer, person: Author, state: Option<String> },
    /// A peer is gone.
    Left { peer: Peer },
    /// Edits in a person's name.
    Commands {
        author: Author,
        commands: Vec<Command>,
        done: oneshot::Sender<Result<Edits, RoomError>>,
    },
    /// An edit in a person's name that is decided when its turn comes.
    Plan { author: Author, plan: Plan, done: oneshot::Sender<Result<Edits, RoomError>> },
    /// A change that somebody made on a copy of the room.
    Offer { offer: Offer, done: oneshot::Sender<Result<Edits, RoomError>> },
    /// The server's own write into a facility room.
    Mirror { mirror: Mirror, done: oneshot::Sender<Result<Edits, RoomError>> },
    /// A look at the room when everything in it is durable.
    Read(Read),
    /// Hear of events from now on; answered with the number of the last one before.
    Listen { listening: oneshot::Sender<Result<(Arc<Queue>, u64), RoomError>> },
    /// Found the next epoch, and seal this one; or seal it for an epoch that another server founded.
    Refound { to: Option<RoomId>, done: oneshot::Sender<Result<RoomId, RefoundingError>> },
    /// Go as soon as nobody is here, rather than after a while.
    Unload,
    /// End when everything is durable.
    Close { compact: bool },
}

impl Mail {
    /// Answers whoever waits for one with an error.
    pub(super) fn refuse(self, error: &RoomError) {
        match self {
            // Who no longer waits needs no answer.
            Self::Join { joined, .. } => drop(joined.send(Err(error.clone()))),
            Self::Refound { done, .. } => drop(done.send(Err(error.clone().into()))),
            Self::Listen { listening } => drop(listening.send(Err(error.clone()))),
            Self::Commands { done, .. }
            | Self::Plan { done, .. }
            | Self::Offer { done, .. }
            | Self::Mirror { done, .. } => drop(done.send(Err(error.clone()))),
            Self::Read(read) => read(Err(error.clone())),
            Self::Received { .. }
            | Self::Vouched { .. }
            | Self::Ephemeral { .. }
            | Self::Present { .. }
            | Self::Left { .. }
            | Self::Unload
            | Self::Close { .. } => {}
        }
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Mail holds patient data.
        f.write_str("Mail")
    }
}
