//! The way to one room's task.

use std::sync::Arc;

use chartroom_engine::{
    Author, Edit, Event, Offer, Peer, Plan, Room, RoomId,
    access::Access,
    document::{Command, CommandError, RefoundError},
};
use tokio::sync::{mpsc, oneshot};

use super::{answers::Answers, link::Link, resident::Resident, room_task::Mail};
use crate::storage::{Fact, StorageError};

/// Why a room does not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RoomError {
    /// A record of the room is damaged (data).
    #[error("room {room} cannot be read: record {key} {reason}")]
    Unreadable {
        /// The room.
        room: RoomId,
        /// Which record.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage failed; what was not acknowledged may be lost (environment).
    #[error("the store failed; the room is loaded again")]
    Storage,
    /// The room's task ended before it answered; the next request loads the room (environment).
    #[error("the room is loaded again")]
    Ended,
    /// The epoch is sealed: the room goes on in another (caller).
    #[error("the room was just founded anew; try again")]
    Refounded,
    /// The server goes down (environment).
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl RoomError {
    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "room-unreadable",
            Self::Storage => "storage-failed",
            Self::Ended => "room-reloading",
            Self::Refounded => "re-founded",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

impl From<StorageError> for RoomError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unreadable { room, key, reason } => {
                Self::Unreadable { room, key, reason: reason.to_owned() }
            }
            StorageError::Closed => Self::ShuttingDown,
            StorageError::StoreUnreadable { .. }
            | StorageError::Refused { .. }
            | StorageError::NeedsReopen
            | StorageError::InUse { .. }
            | StorageError::Version { .. }
            | StorageError::Shortened { .. }
            | StorageError::Environment(_) => {
                tracing::error!(room = ?error.room().map(RoomId::document_id), "the store failed");
                Self::Storage
            }
        }
    }
}

/// Why a room was not founded anew.
#[derive(Debug, thiserror::Error)]
pub enum RefoundingError {
    /// It does not stand to it (caller).
    #[error(transparent)]
    Refused(#[from] RefoundError),
    /// The room or the storage failed (data, environment).
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// What the server itself writes into a facility room, in one step.
#[derive(Debug, Default)]
pub struct Mirror {
    /// One change, all or none of it.
    pub commands: Vec<Command>,
    /// Events of patients' rooms to repeat behind the change's own.
    pub events: Vec<Event>,
    /// What is written stood before: it is logged and raised nowhere.
    pub import: bool,
    /// What is noted with it.
    pub facts: Vec<Fact>,
}

/// What each command of a request came to.
pub type Edits = Vec<Result<Edit, CommandError>>;

/// A loaded room, or one that is being loaded. Whoever holds it keeps the room loaded.
#[derive(Debug)]
pub struct RoomHandle {
    id: RoomId,
    mailbox: mpsc::Sender<Mail>,
    pub(super) resident: Arc<Resident>,
}

impl RoomHandle {
    pub(super) fn new(id: RoomId, mailbox: mpsc::Sender<Mail>, resident: Arc<Resident>) -> Self {
        Self { id, mailbox, resident }
    }

    /// Name and epoch.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// Whether the room's task has ended, as only a panic or the server's end make it do while
    /// somebody holds this.
    pub(super) fn has_ended(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Waits until the room is loaded, or says why it cannot be.
    pub async fn loaded(&self) -> Result<(), RoomError> {
        self.read(|_| ()).await
    }

    /// Looks at the room when everything in its document is durable.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Room) -> T + Send + 'static,
    ) -> Result<T, RoomError> {
        let (answer, answered) = oneshot::channel();
        let read = move |room: Result<&Room, RoomError>| {
            // Who no longer waits needs no answer.
            let _ = answer.send(room.map(look));
        };
        self.send(Mail::Read(Box::new(read))).await?;
        answered.await.map_err(|_| RoomError::Ended)?
    }

    /// Applies those of a person's commands that they may; answers when they are durable.
    pub async fn command_as(
        &self,
        author: &Author,
        access: &Arc<Access>,
        commands: Vec<Command>,
    ) -> Result<Edits, RoomError> {
        if access.writes_everything() {
            return self.command(author.clone(), commands).await;
        }
        let mut edits = Vec::new();
        for command in commands {
            let plan = Plan(Arc::new(move |_| Ok(command.clone().into())));
            edits.push(self.plan_as(author, access, plan).await?);
        }
        Ok(edits)
    }

    /// Applies an edit that is decided when its turn comes, where its author may make it then.
    pub async fn plan_as(
        &self,
        author: &Author,
        access: &Arc<Access>,
        plan: Plan,
    ) -> Result<Result<Edit, CommandError>, RoomError> {
        let access = Arc::clone(access);
        let checked = Plan(Arc::new(move |document| {
            let decision = (plan.0)(document)?;
            access.check_command(document, &decision.command)?;
            Ok(decision)
        }));
        self.plan(author.clone(), checked).await
    }

    /// Applies commands in a person's name; answers when they are durable.
    pub async fn command(
        &self,
        author: Author,
        commands: Vec<Command>,
    ) -> Result<Edits, RoomError> {
        let (done, answered) = oneshot::channel();
        self.send(Mail::Commands { author, commands, done }).await?;
        answered.await.map_err(|_| RoomError::Ended)?
    }

    /// Has the next epoch founded and this one sealed, or sealed for `to`; gives the next one.
    pub(super) async fn refound(&self, to: Option<RoomId>) -> Result<RoomId, RefoundingError> {
        let (done, answered) = oneshot::channel();
        self.send(Mail::Refound { to, done }).await?;
        answered.await.map_err(|_| RoomError::Ended)?
    }

    /// Applies an edit that is decided when its turn comes; answers when it is durable.
    pub async fn plan(
        &self,
        author: Author,
        plan: Plan,
    ) -> Result<Result<Edit, CommandError>, RoomError> {
        let (done, answered) = oneshot::channel();
        self.send(Mail::Plan { author, plan, done }).await?;
        one_of(answered.await.map_err(|_| RoomError::Ended)??)
    }

    /// Offers a change that was made on a copy of the room; answers when it is durable.
    pub async fn offer(&self, offer: Offer) -> Result<Result<Edit, CommandError>, RoomError> {
        let (done, answered) = oneshot::channel();
        self.send(Mail::Offer { offer, done }).await?;
        one_of(answered.await.map_err(|_| RoomError::Ended)??)
    }

    /// Writes into a facility room what follows from patients' rooms; answers when it is durable.
    pub async fn mirror(&self, mirror: Mirror) -> Result<Result<Edit, CommandError>, RoomError> {
        let (done, answered) = oneshot::channel();
        self.send(Mail::Mirror { mirror, done }).await?;
        one_of(answered.await.map_err(|_| RoomError::Ended)??)
    }

    /// Lets a peer in, whose expected answers are noted in `answers`.
    pub(super) async fn join(
        &self,
        peer: Peer,
        link: Arc<Link>,
        (author, access): (Author, Arc<Access>),
        answers: Arc<Answers>,
    ) -> Result<(), RoomError> {
        let (joined, answered) = oneshot::channel();
        self.send(Mail::Join { peer, link, author, access, answers, joined }).await?;
        answered.await.map_err(|_| RoomError::Ended)?
    }

    /// Hands the room a message from a peer; waits while the room is behind.
    pub(super) async fn send(&self, mail: Mail) -> Result<(), RoomError> {
        self.mailbox.send(mail).await.map_err(|_| RoomError::Ended)
    }

    /// Says that a peer is gone. Never waits.
    pub(super) fn left(&self, peer: Peer) {
        if let Err(mpsc::error::TrySendError::Full(mail)) =
            self.mailbox.try_send(Mail::Left { peer })
        {
            let mailbox = self.mailbox.clone();
            tokio::spawn(async move {
                // A room that has ended has no members.
                let _ = mailbox.send(mail).await;
            });
        }
    }

    /// Has a room that nobody uses go at once. Never waits.
    pub(super) fn unload(&self) {
        // A mailbox that is full belongs to a room in use.
        let _ = self.mailbox.try_send(Mail::Unload);
    }

    /// Ends the room when everything it took is durable.
    pub(super) async fn close(&self, compact: bool) {
        // A room that has ended is closed.
        let _ = self.send(Mail::Close { compact }).await;
    }
}

/// The answer to a request of one edit.
fn one_of(edits: Edits) -> Result<Result<Edit, CommandError>, RoomError> {
    edits.into_iter().next().ok_or(RoomError::Ended)
}
