//! Chartroom's engine: patient rooms as Automerge documents, without IO.
//!
//! The drive loop: give a [`Room`] its inputs with [`Room::handle`], then [`Room::advance`], and
//! after each drain [`Room::poll_output`]. The one rule: what the room wants persisted is made
//! durable before [`Input::Persisted`] is handed in, for acknowledgements and broadcasts leave then.
//!
//! The engine reads no clock, draws no entropy, blocks on nothing and spawns nothing: time, random
//! bytes and ids are arguments. Modules in reading order: [`id`], [`document`], [`change`],
//! [`event`], [`sync`], [`room`].
#![deny(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test stops at the first surprise"
    )
)]

pub mod change;
pub mod document;
pub mod event;
pub mod id;
pub mod limits;
pub mod room;
pub mod sync;
pub mod time;

pub use automerge::{ActorId, ChangeHash};
pub use document::{Command, CommandError, Conflict, Document};
pub use event::{Action, Event};
pub use id::{
    Author, DocumentId, DocumentIdError, Peer, RoomId, RoomName, RoomNameError, mint_actor,
};
pub use room::io::{Batch, CloseReason, Edit, Input, LoggedChange, Output};
pub use room::{Role, Room, RoomConfig};
