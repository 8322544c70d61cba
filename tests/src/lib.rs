//! What end-to-end tests are made of: servers, and people at protocol clients.
//!
//! Start at [`server::Server`] and [`client::Client`]. Tests wait for a level (heads equal, an edit
//! saved), never for time.
#![allow(clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a client takes what it knows")]

pub mod bytes;
pub mod client;
pub mod event_source;
pub mod fhir;
pub mod forge;
pub mod fuzz;
pub mod gate;
pub mod hold;
pub mod identity;
pub mod json_client;
pub mod raw;
pub mod server;
pub mod sim;
