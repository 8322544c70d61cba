//! One edit, and what became of it.

use std::sync::Arc;

use chartroom_engine::{ChangeHash, Command, CommandError};
use tokio::sync::watch;

use crate::client::Handle;

/// An edit of this client. The room shows it already; this tells when it is safe.
#[derive(Clone)]
pub struct Edit {
    pub(crate) state: EditState,
    pub(crate) _client: Handle,
}

/// Why an edit is not saved. The command is still with the [`Edit`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// The server refused it; the room shows what it showed before (caller).
    #[error("the server refused the edit with {code}: {message}")]
    Refused {
        /// Stable code (docs/protocol.md, "Refusals").
        code: String,
        /// The server's fixed text.
        message: String,
    },
    /// The room was founded anew meanwhile, and the edit cannot be made in its new epoch (data).
    #[error("the edit cannot be made again in the room's new epoch: {0}")]
    NotMadeAgain(#[from] CommandError),
    /// The replica was not to be trusted any more and was made anew, without the edit (our error).
    #[error("the room had to be made anew without the edit")]
    Dropped,
    /// The client was closed first: whether the server has the edit is not known (caller).
    #[error("the client was closed before the server answered for the edit")]
    Closed,
}

impl Edit {
    /// Waits until the edit survives a power cut at the server, or is not going to.
    ///
    /// Takes as long as the connection is away. May be dropped at any time and asked again.
    pub async fn saved(&self) -> Result<(), SaveError> {
        let mut fate = self.state.fate.clone();
        let known = fate.wait_for(|fate| fate.outcome.is_some()).await;
        let outcome = known.ok().and_then(|fate| fate.outcome.clone());
        outcome.unwrap_or(Err(SaveError::Closed))
    }

    /// The change that the edit made; `None` where nothing differed from what stood. Another one
    /// where the room is founded anew before the edit is saved.
    pub fn hash(&self) -> Option<ChangeHash> {
        self.state.fate.borrow().hash
    }

    /// What was asked for, to be shown or made again where it was refused.
    pub fn command(&self) -> &Command {
        &self.state.command
    }
}

/// The change's hash: a command is full of patient data.
impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("hash", &self.hash()).finish_non_exhaustive()
    }
}

/// What an edit shares with the client's task.
#[derive(Clone)]
pub(crate) struct EditState {
    pub command: Arc<Command>,
    pub fate: watch::Receiver<Fate>,
}

/// Where an edit stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    pub hash: Option<ChangeHash>,
    /// `None` while it is unsaved.
    pub outcome: Option<Result<(), SaveError>>,
}
