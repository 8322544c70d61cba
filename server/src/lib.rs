//! Chartroom's server: rooms over WebSocket and HTTP, every change durable before it is shown.
//!
//! The engine decides; this crate moves bytes and time in and out of it. In reading order:
//! [`storage`] keeps rooms, `hub` runs one task per loaded room and one storage thread for all of
//! them, `wire` is what travels on the sockets, `router` is the table of URLs, and `handlers` holds
//! one endpoint per file. [`run`] puts them together; [`cli`] is the command line.

pub mod audit;
mod auth;
pub mod cli;
pub mod clock;
pub mod config;
mod error;
pub mod facility;
pub mod fhir;
mod handlers;
pub mod hub;
mod hygiene;
mod import;
pub mod limits;
mod observe;
pub mod peers;
pub mod retention;
mod router;
mod serve;
mod shutdown;
pub mod sign_in;
pub mod storage;
mod transport;
pub mod webhooks;
pub mod wire;

pub use auth::{Roles, read_roles};
pub use hygiene::{Origin, OriginError};
pub use observe::start_logs;
pub use router::{Door, Needs, doors};
pub use serve::{RunError, run, run_with_storage};
pub use transport::{Tls, TlsError};
