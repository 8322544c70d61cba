//! What travels on the sockets: automerge-repo's binary frames.
//!
//! Pure translation between bytes and values; who may send what is decided by the connection.
//! Start at [`frame::Frame`].

pub mod frame;
