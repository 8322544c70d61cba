//! What a room takes and gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::{ActorId, ChangeHash};
use serde_json::{Map, Value};

use crate::{
    Author, Document, Peer,
    change::Refusal,
    document::{Command, CommandError, Note},
    event::Event,
    sync::Answer,
};

/// What happens to a room. Nothing is applied before [`Room::advance`](crate::Room::advance).
#[derive(Debug)]
pub enum Input {
    /// A connection entered the room.
    Joined {
        /// Its number, new for every joining.
        peer: Peer,
        /// The signed-in person behind it; `None` for the server that a client dials.
        author: Option<Author>,
        /// Whether changes from it are taken.
        may_write: bool,
        /// Whether it understands Chartroom's extension messages.
        extensions: bool,
    },
    /// Another server entered the room (server role).
    Linked {
        /// Its number, new for every joining.
        peer: Peer,
        /// The server, and how its changes are taken.
        server: Linked,
    },
    /// Another server says who is behind actors; believed for those that nobody is known to be
    /// behind (server role).
    Vouched {
        /// The server.
        peer: Peer,
        /// Actor and person.
        actors: Vec<(ActorId, Author)>,
    },
    /// What somebody who entered the room may do in it from now on (server role); until then that is
    /// everything.
    #[cfg(not(target_arch = "wasm32"))]
    Granted {
        /// The connection.
        peer: Peer,
        /// What they may do.
        access: Arc<crate::access::Access>,
    },
    /// An Automerge sync message arrived.
    Received {
        /// From whom.
        peer: Peer,
        /// The encoded `automerge::sync::Message`.
        message: Vec<u8>,
    },
    /// A connection left the room.
    Left {
        /// Which.
        peer: Peer,
    },
    /// A typed edit of the local user, or on the server in the name of `author`.
    Command {
        /// Returned in [`Output::Answered`].
        ticket: u64,
        /// In whose name the server's actor writes; `None` where the local actor is the person's.
        author: Option<Author>,
        /// The edit.
        command: Command,
    },
    /// An edit that is decided when its turn comes, from what the room shows then.
    Planned {
        /// Returned in [`Output::Answered`].
        ticket: u64,
        /// In whose name the server's actor writes.
        author: Option<Author>,
        /// Decides.
        plan: Plan,
    },
    /// A change that somebody made elsewhere, as on a copy of an earlier state of the room (server
    /// role): taken in as one that a peer sends.
    Offered {
        /// Returned in [`Output::Answered`].
        ticket: u64,
        /// What is offered.
        offer: Offer,
    },
    /// The server's own write into a facility room (server role): what follows from a patient's
    /// room, and the events that are repeated here.
    Mirror {
        /// Returned in [`Output::Answered`], and in [`Batch::mirrors`] of the batch that has it.
        ticket: u64,
        /// One change, all or nothing; may be empty.
        commands: Vec<Command>,
        /// Events to enter into this room's log behind those of the change; renumbered here.
        events: Vec<Event>,
        /// What is written stood before: its events are logged and raised nowhere.
        import: bool,
    },
    /// Everything up to and including this batch survives a power cut.
    Persisted {
        /// [`Batch::number`].
        through: u64,
    },
    /// Time has passed; call about once a second.
    Tick,
    /// The server says who is behind an actor (client role).
    Introduced {
        /// The actor.
        actor: ActorId,
        /// The person it is bound to.
        author: Author,
    },
    /// The server refused changes of ours (client role).
    Refused {
        /// Hashes of the refused changes.
        hashes: Vec<ChangeHash>,
    },
}

/// Another server in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The name by which it is known here.
    pub name: Arc<str>,
    /// Whether this side dialled, and opens the exchange.
    pub opens: bool,
    /// Whether changes from it are taken.
    pub may_write: bool,
    /// Whether it understands Chartroom's extension messages.
    pub extensions: bool,
    /// When the two servers first met, in milliseconds since 1970: of what its changes say was made
    /// before, events are logged and raised nowhere.
    pub since_ms: u64,
}

/// A change of another server that this server's own rules refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The change.
    pub hash: ChangeHash,
    /// The actor that made it, where it can be read.
    pub actor: Option<ActorId>,
    /// Its chunk as it came.
    pub bytes: Arc<[u8]>,
    /// Why it is not taken.
    pub reason: Refusal,
}

/// A change that was made elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The person responsible for it, to whom its actor is bound.
    pub author: Author,
    /// The raw change chunk, of an actor that wrote nothing else.
    pub chunk: Vec<u8>,
    /// The command that it carries out, for [`Edit::command`].
    pub command: Command,
    /// What its author may do in the room.
    #[cfg(not(target_arch = "wasm32"))]
    pub access: Arc<crate::access::Access>,
}

/// Decides on an edit from the document as it stands; called again should the batch be tried again.
#[derive(Clone)]
pub struct Plan(pub Arc<Decide>);

/// What a [`Plan`] does.
type Decide = dyn Fn(&Document) -> Result<Decision, CommandError> + Send + Sync;

/// What a [`Plan`] comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The edit.
    pub command: Command,
    /// What is noted of it.
    pub note: Note,
}

impl From<Command> for Decision {
    fn from(command: Command) -> Self {
        Self { command, note: Note::default() }
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plan")
    }
}

/// What a room wants done. Drain all of it after every input.
#[derive(Debug)]
pub enum Output {
    /// Send a sync message. Peers that are in step share one `Arc`.
    Send {
        /// To whom.
        peer: Peer,
        /// The encoded `automerge::sync::Message`.
        message: Arc<[u8]>,
        /// The answer that would tell the room nothing (server role). Where everything that the
        /// peer said before is with the room, it need not be handed on.
        answer: Option<Answer>,
    },
    /// Make a batch durable, then answer with [`Input::Persisted`].
    Persist(Batch),
    /// Events of the batch that was just persisted, in the order of the log.
    Events(Vec<Arc<Event>>),
    /// A command's result; on the server it leaves only after the flush.
    Answered {
        /// From [`Input::Command`].
        ticket: u64,
        /// What it came to.
        result: Result<Edit, CommandError>,
    },
    /// Changes of this peer were refused; it is told if it understands extensions.
    Refused {
        /// Whose.
        peer: Peer,
        /// Which changes; what depends on them is refused too.
        hashes: Vec<ChangeHash>,
        /// Why.
        reason: Refusal,
    },
    /// A change of another server was refused: it is to be kept aside and shown to an operator.
    /// [`Output::Refused`] comes as well.
    Quarantine {
        /// The server's connection.
        peer: Peer,
        /// The change.
        change: Quarantined,
    },
    /// Actors and their persons, for a peer that understands extensions.
    Introduce {
        /// To whom.
        peer: Peer,
        /// Actor and person.
        actors: Vec<(ActorId, Author)>,
    },
    /// A snapshot of the server was taken over (client role): everything may have changed.
    Adopted,
    /// Local changes that the server holds durably now (client role).
    Saved {
        /// Their hashes.
        hashes: Vec<ChangeHash>,
    },
    /// Local changes that the server refused (client role): the document went back to what the
    /// server has, and the edits are the app's to offer again.
    GivenBack {
        /// The refused edits, in the order they were made.
        edits: Vec<Edit>,
    },
    /// Close this connection; it may come back and sync anew.
    Close {
        /// Which.
        peer: Peer,
        /// Why, without patient data.
        reason: CloseReason,
    },
    /// The document in memory is not to be trusted: drop the room and load it from storage.
    Reload {
        /// Why, without patient data.
        reason: &'static str,
    },
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The bytes are no sync message of change chunks.
    #[error("the bytes are not an Automerge sync message: {0}")]
    Garbage(&'static str),
    /// A frame, list or filter is larger than the limit.
    #[error("the message is over a limit: {0}")]
    OverLimit(&'static str),
    /// A change of this peer harmed the document.
    #[error("a change harmed the document and was dropped")]
    Harm,
}

/// Changes and events that must become durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Counts a room's batches since it was loaded, from 1.
    pub number: u64,
    /// The changes, in the order of the log.
    pub changes: Vec<LoggedChange>,
    /// Actors seen for the first time, and whose they are.
    pub bindings: Vec<(ActorId, Author)>,
    /// The events of these changes, and those repeated from patients' rooms, numbered.
    pub events: Vec<Arc<Event>>,
    /// Tickets of the [`Input::Mirror`]s in it. A batch may hold nothing else.
    pub mirrors: Vec<u64>,
    /// Keys of the texts that the changes write: `Type:id:element` (client role).
    pub texts: BTreeSet<String>,
    /// Type and id of the resources whose texts a change writes, where it writes any (server role).
    pub typed: BTreeMap<ChangeHash, BTreeSet<(String, String)>>,
}

/// One change as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedChange {
    /// Position in the room's log, from 1 without gaps.
    pub seq: u64,
    /// The change's hash.
    pub hash: ChangeHash,
    /// The uncompressed change chunk.
    pub bytes: Arc<[u8]>,
    /// The server that it came through; `None` where it was written here.
    pub via: Option<Arc<str>>,
}

/// A local edit that was applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The change it made; `None` where nothing differed.
    pub hash: Option<ChangeHash>,
    /// Type and id of what it touched; several for an import.
    pub resources: Vec<(String, String)>,
    /// The command, so that a refused edit can be offered again.
    pub command: Command,
}

/// Element names to values: what a patch sets.
pub type Elements = Map<String, Value>;
