//! An open room, as a program reads and writes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chartroom_engine::{ChangeHash, Command, CommandError, Conflict, Room, RoomName};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    client::Handle,
    edit::Edit,
    events::{EVENTS_MAX, Events, FollowError},
    task::{NotMade, Refusal, Request, Standing},
};

/// An open room: a replica that every read is answered from, and that edits are made in at once.
///
/// Dropping it leaves the room within a second, unless it is open elsewhere too; while there is a
/// client, edits that are unsaved then still go out first.
#[derive(Clone)]
pub struct OpenRoom {
    pub(crate) name: RoomName,
    pub(crate) shown: Arc<Mutex<Room>>,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) handle: Handle,
}

/// Why an edit was not made; the room is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The edit cannot be made here (caller).
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The client was closed (caller).
    #[error("the client was closed")]
    Closed,
}

/// Why what was waited for does not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The server does not serve the room to this client (peer). It is asked again with the next
    /// connection.
    #[error("the server refuses the room with {code}: {message}")]
    Refused {
        /// Stable code, such as `room-unreadable`.
        code: String,
        /// The server's fixed text.
        message: String,
    },
    /// The client was closed (caller).
    #[error("the client was closed")]
    Closed,
}

impl WaitError {
    fn of(Refusal { code, message }: &Refusal) -> Self {
        Self::Refused { code: code.clone(), message: message.clone() }
    }
}

impl OpenRoom {
    /// The room's name.
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// One resource as FHIR JSON, unless it is absent or deleted.
    pub fn resource(&self, resource_type: &str, id: &str) -> Option<Value> {
        lock(&self.shown).document().resource(resource_type, id)
    }

    /// Every resource of a type, by id.
    pub fn resources(&self, resource_type: &str) -> Vec<Value> {
        lock(&self.shown).document().collection(resource_type)
    }

    /// Writes that did not know of each other and wait for a person to choose. Writing the elements
    /// resolves one.
    pub fn conflicts(&self) -> Vec<Conflict> {
        lock(&self.shown).conflicts()
    }

    /// The hashes that name the room's present state, equal at everybody who has the same.
    pub fn heads(&self) -> Vec<ChangeHash> {
        lock(&self.shown).document().heads()
    }

    /// How many edits of this client the server does not hold durably yet.
    pub fn unsaved(&self) -> usize {
        self.standing.borrow().unsaved
    }

    /// Whether the connection is up, what the server had when it came up is here, and nothing is
    /// unsaved.
    pub fn is_in_step(&self) -> bool {
        self.standing.borrow().is_in_step()
    }

    /// Makes an edit, and returns when every read shows it. It goes out at once, or when the
    /// connection is back; [`Edit::saved`] says when it is safe.
    ///
    /// Waits while [`UNSAVED_MAX`](crate::UNSAVED_MAX) edits or
    /// [`UNSAVED_BYTES_MAX`](crate::UNSAVED_BYTES_MAX) are unsaved, which without a connection is as
    /// long as that is away, and while the socket is behind. Where this future is dropped before it
    /// resolves, the edit may be made or not.
    pub async fn edit(&self, command: Command) -> Result<Edit, EditError> {
        let mut standing = self.standing.clone();
        let mut command = command;
        loop {
            standing.wait_for(|room| !room.is_full).await.map_err(|_| EditError::Closed)?;
            let (reply, answer) = oneshot::channel();
            let request = Request::Edit { room: self.name.clone(), command, reply };
            self.handle.requests.send(request).await.map_err(|_| EditError::Closed)?;
            match answer.await.map_err(|_| EditError::Closed)? {
                Ok(state) => return Ok(Edit { state, _client: self.handle.clone() }),
                Err(NotMade::Command(error)) => return Err(error.into()),
                // Others were faster.
                Err(NotMade::Full(back)) => command = back,
            }
        }
    }

    /// Why the server does not serve the room at present, such as `room-not-found` where the person
    /// has no access any more. Edits wait; the server is asked again with the next connection, and
    /// when the room is opened again.
    pub fn refused(&self) -> Option<WaitError> {
        self.standing.borrow().refused.as_ref().map(WaitError::of)
    }

    /// Waits until the room [is in step](Self::is_in_step), which without a connection takes as long
    /// as that is away. May be dropped at any time.
    pub async fn until_in_step(&self) -> Result<(), WaitError> {
        let reached = |room: &Standing| room.is_in_step() || room.refused.is_some();
        let mut standing = self.standing.clone();
        let reached = standing.wait_for(reached).await.map_err(|_| WaitError::Closed)?;
        reached.refused.as_ref().map_or(Ok(()), |refusal| Err(WaitError::of(refusal)))
    }

    /// Waits until the room is as wanted: `holds` is asked now, and whenever something has changed.
    /// May be dropped at any time.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) -> Result<(), WaitError> {
        let mut standing = self.standing.clone();
        loop {
            standing.mark_unchanged();
            if holds(self) {
                return Ok(());
            }
            standing.changed().await.map_err(|_| WaitError::Closed)?;
        }
    }

    /// Follows the room's numbered events: those behind number `after` first, then each as it becomes
    /// durable. 0 gives the whole log, and ends with [`FollowError::Gone`] where its beginning is not
    /// kept. Up to 64 streams of a client are served at once.
    pub async fn follow(&self, after: u64) -> Result<Events, FollowError> {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let request = Request::Follow { room: self.name.clone(), after, events };
        self.handle.requests.send(request).await.map_err(|_| FollowError::Closed)?;
        Ok(Events { events: receiver, handle: self.handle.clone(), _room: self.standing.clone() })
    }
}

/// Nothing of it: a room's name holds a patient's id, and what is in it is no log's business.
impl std::fmt::Debug for OpenRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenRoom").finish_non_exhaustive()
    }
}

/// The room for as long as something is read or applied. A panic elsewhere does not make it wrong.
pub(crate) fn lock(room: &Mutex<Room>) -> MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}
