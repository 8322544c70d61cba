//! Ingest: from a peer's bytes to changes that may be applied.
//!
//! Bytes from a peer cause a [`Refusal`], never a panic and never half a change. The order: frame
//! limits ([`frame`]), the chunk's own bytes ([`chunk`]), what the change says of itself
//! ([`metadata`]), what its operations touch ([`operations`]). Applying is the room's.

pub(crate) mod chunk;
pub(crate) mod frame;
pub(crate) mod metadata;
pub(crate) mod operations;

use std::collections::BTreeSet;

use automerge::{Change, ChangeHash};
use serde_json::{Map, Value};

use crate::document::{CompartmentError, Put};

/// Makes the checksum of a chunk right for its bytes and gives its hash, for tests that bend
/// changes.
pub fn seal(chunk: &mut [u8]) -> [u8; 32] {
    chunk::seal(chunk)
}

/// What the scan of a chunk says: its hash, how many operations it has, its sequence number; for tests
/// that hold it against automerge's own parser.
///
/// # Errors
/// Where the chunk would be refused before automerge sees it.
pub fn scan(chunk: &[u8]) -> Result<(ChangeHash, u64, u64), Refusal> {
    let (hash, data) = chunk::open(chunk)?;
    chunk::scan(data).map(|(ops, seq)| (hash, ops, seq))
}

/// A change that passed every check but being applied.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The parsed change.
    pub change: Change,
    /// Every resource it touches, with the elements it writes there.
    pub touched: Vec<Touched>,
    /// The objects it makes.
    pub made: operations::Staged,
}

/// What a change writes in one resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Touched {
    /// FHIR resource type, or `$texts`.
    pub collection: String,
    /// FHIR id, or the key of a text.
    pub id: String,
    /// The elements it writes.
    pub elements: BTreeSet<String>,
    /// What it writes at the elements that say whose resource it is, and how it is protected, by
    /// element.
    pub claims: Map<String, Value>,
    /// Whether it writes that element in a shape that only the document can put together.
    pub unclear: bool,
    /// Whether it deletes the resource.
    pub deletes: bool,
    /// What it does there, as long as it only puts values at keys of a map.
    pub puts: Option<Vec<Put>>,
}

/// Why a change was not taken. Nothing of it was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The chunk is malformed.
    #[error("the change is malformed: {0}")]
    Malformed(&'static str),
    /// A count or size is over its limit.
    #[error("the change is over a limit: {0}")]
    OverLimit(&'static str),
    /// The actor belongs to somebody else.
    #[error("the actor of this change belongs to somebody else")]
    ForeignActor,
    /// The actor's sequence number does not follow its last one.
    #[error("the change's sequence number is {found}, where {expected} comes next")]
    Sequence {
        /// What the change says.
        found: u64,
        /// What comes next.
        expected: u64,
    },
    /// Its operation counters do not follow its dependencies, or run ahead of the room.
    #[error("the change's operation counters do not follow the room's")]
    Counter,
    /// It depends on changes that this room does not have and nobody sent.
    #[error("the change depends on changes that are not this room's")]
    MissingDependencies,
    /// The server that brought it does not say who made it.
    #[error("the server that brought the change does not say who made it")]
    UnknownAuthor,
    /// It depends on a change that was refused.
    #[error("the change depends on one that was refused")]
    DependsOnRefused,
    /// It writes where no resource is.
    #[error("the change writes outside the resource collections")]
    OutsideCollections,
    /// It writes a resource whose id is not a FHIR id.
    #[error("the change writes a resource whose id is not a FHIR id")]
    BadId,
    /// The resource belongs to another room.
    #[error(transparent)]
    Compartment(#[from] CompartmentError),
    /// As many concurrent values stand there as may.
    #[error("too many concurrent values stand there; one who knows of all has to choose first")]
    TooManyConcurrent,
    /// The room is as large as it may be; founded anew it is smaller.
    #[error("the room is as large as it may be; founding it anew makes it smaller")]
    RoomFull,
    /// This author may read here, not write.
    #[error("this person may read this room, not change it")]
    ReadOnly,
    /// This author may not do that here.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Forbidden(#[from] crate::access::Denial),
    /// The note is signed: it is amended, or gets an addendum.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the note is signed; it can be amended, or get an addendum")]
    Signed,
    /// Others changed the note, and its signer did not see it.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the note changed since its signer saw it")]
    ChangedSinceViewed,
    /// A text of the note was begun by several people apart, of which one has to be chosen first.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("concurrent texts of the note stand beside each other; a person has to choose first")]
    ConflictOpen,
    /// Automerge could not apply it.
    #[error("the change cannot be applied")]
    NotApplicable,
}

impl Refusal {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OverLimit(_) => "too-large",
            Self::ForeignActor => "foreign-actor",
            Self::Sequence { .. } => "bad-sequence",
            Self::Counter => "bad-counter",
            Self::MissingDependencies => "missing-dependencies",
            Self::UnknownAuthor => "unknown-author",
            Self::DependsOnRefused => "depends-on-refused",
            Self::OutsideCollections => "outside-collections",
            Self::BadId => "bad-id",
            Self::Compartment(error) => error.code(),
            Self::TooManyConcurrent => "too-many-concurrent",
            Self::RoomFull => "room-full",
            Self::ReadOnly => "read-only",
            #[cfg(not(target_arch = "wasm32"))]
            Self::Forbidden(denial) => denial.code(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::Signed => "signed",
            #[cfg(not(target_arch = "wasm32"))]
            Self::ChangedSinceViewed => "changed-since-viewed",
            #[cfg(not(target_arch = "wasm32"))]
            Self::ConflictOpen => "conflict-open",
            Self::NotApplicable => "not-applicable",
        }
    }
}
