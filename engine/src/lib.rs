//! Chartroom's engine: patient rooms as Automerge documents, without IO.
//!
//! The drive loop: give a [`Room`] its inputs with [`Room::handle`], then [`Room::advance`], and
//! after each drain [`Room::poll_output`]. The one rule: what the room wants persisted is made
//! durable before [`Input::Persisted`] is handed in, for acknowledgements and broadcasts leave then.
//!
//! ```
//! use chartroom_engine::{
//!     Author, Command, Document, Input, Output, Role, Room, RoomConfig, RoomId, mint_actor,
//! };
//!
//! let id = RoomId::first("patient:1".parse()?);
//! let actor = mint_actor(1_700_000_000_000, [1; 8]);
//! let document = Document::found(&id, actor.clone());
//! let mut room = Room::new(
//!     RoomConfig {
//!         server_actor: Some(actor),
//!         ..RoomConfig::new(id, Role::Server)
//!     },
//!     document,
//! );
//! let resource = serde_json::json!({
//!     "resourceType": "Condition", "id": "c1", "code": {"text": "Asthma"},
//! });
//! let author = Some(Author::new("alice", "Alice Chen"));
//! let command = Command::Put { resource };
//! room.handle(1_700_000_000_000, Input::Command { ticket: 7, author, command });
//! room.advance(1_700_000_000_000);
//! let Some(Output::Persist(batch)) = room.poll_output() else { panic!("an edit is persisted") };
//! // … make the batch durable, and only then:
//! room.handle(1_700_000_000_001, Input::Persisted { through: batch.number });
//! assert!(matches!(room.poll_output(), Some(Output::Answered { ticket: 7, result: Ok(_) })));
//! # Ok::<(), chartroom_engine::RoomNameError>(())
//! ```
//!
//! The engine reads no clock, draws no entropy, blocks on nothing and spawns nothing: time, random
//! bytes and ids are arguments. Modules in reading order: [`id`], [`document`], [`change`],
//! [`event`], [`sync`], [`room`]; [`pharmacy`] and [`alerts`] are what facility rooms hold, `access`
//! decides who may do what.
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

#[cfg(not(target_arch = "wasm32"))]
pub mod access;
pub mod alerts;
pub mod change;
pub mod document;
pub mod event;
pub mod id;
pub mod limits;
pub mod pharmacy;
pub mod room;
#[cfg(not(target_arch = "wasm32"))]
pub mod signing;
pub mod sync;
pub mod time;
pub mod wording;

pub use automerge::{ActorId, ChangeHash};
pub use document::{Command, CommandError, Conflict, Document, Snapshot};
pub use event::{Action, Event, EventSource, Rules};
pub use id::{
    Author, DocumentId, DocumentIdError, Peer, RoomId, RoomName, RoomNameError, heads_digest,
    mint_actor,
};
pub use room::io::{
    Batch, CloseReason, Decision, Edit, Input, Linked, LoggedChange, Offer, Output, Plan,
    Quarantined,
};
pub use room::{Role, Room, RoomConfig, RoomSize};
pub use sync::Answer;
