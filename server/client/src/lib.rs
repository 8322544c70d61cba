//! Chartroom's client for Rust programs: an integration engine, a device gateway, a script.
//!
//! A [`Client`] holds one connection to a server and makes it anew whenever it breaks. An
//! [`OpenRoom`] is a replica of a room: reads are answered from it, edits show in it at once and go
//! out when there is a connection, and [`Edit::saved`] says when one survives a power cut at the
//! server. [`Events`] are the numbered events of the server's log, each once.
//!
//! ```no_run
//! use chartroom_client::{Author, Client, Command, Target};
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let target = Target::new("wss://hospital.example")?.with_token("secret")?;
//! let client = Client::connect(target, Author::new("monitor-7", "Monitor 7"));
//! let room = client.open("patient:1").await?;
//!
//! let resource = json!({
//!     "resourceType": "Observation", "id": "o1", "status": "final",
//!     "subject": { "reference": "Patient/1" },
//!     "code": { "text": "Heart rate" }, "valueQuantity": { "value": 72, "unit": "/min" },
//! });
//! let edit = room.edit(Command::Put { resource }).await?;
//! edit.saved().await?; // on the server's disk, flushed
//!
//! let mut events = room.follow(0).await?;
//! while let Some(event) = events.next().await {
//!     let event = event?;
//!     println!("{} {} {}/{}", event.seq, event.event, event.resource_type, event.resource_id);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is stored on this side: what is unsaved when the program ends is lost. Waits without a
//! bound of their own say so, and may be dropped at any time; put `tokio::time::timeout` round them.
//! docs/client-rust.md tells more.
//!
//! Below it stand [`frame`], one message of `/sync` for both ends; [`dial`], which opens a socket;
//! and [`backoff`], which says when to try again. Chartroom's server uses these too.
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

pub mod backoff;
mod client;
mod clock;
pub mod deflate;
pub mod dial;
mod edit;
mod events;
pub mod frame;
mod line;
mod room;
mod task;

pub use chartroom_engine::{
    Action, Author, ChangeHash, Command, CommandError, Conflict, Event, EventSource, RoomName,
    RoomNameError,
    document::{ConflictKind, ConflictValue},
};
pub use client::{Client, OpenError, Status};
pub use dial::{Target, TokenError};
pub use edit::{Edit, SaveError};
pub use events::{Events, FollowError};
pub use line::{JOIN_WAIT, LineError, SILENCE_MAX};
pub use room::{EditError, OpenRoom, WaitError};
pub use task::{UNSAVED_BYTES_MAX, UNSAVED_MAX};

/// The example of docs/client-rust.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/client-rust.md")]
struct Page;
