//! What travels on the sockets: automerge-repo's binary frames, and JSON events.
//!
//! Pure translation between bytes and values; who may send what is decided by the connection.
//! Start at [`frame::Frame`] and at `json`.

pub mod frame;
pub(crate) mod json;
