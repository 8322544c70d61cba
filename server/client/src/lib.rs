//! The dialling end of `/sync`, for Rust programs: what travels on the wire, and the handshake.
//!
//! [`frame`] is one message, for both ends; [`dial`] opens a socket and joins; [`backoff`] says when
//! to try again. Chartroom's server dials its peers with it.
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
pub mod deflate;
pub mod dial;
pub mod frame;
