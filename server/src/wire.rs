//! What travels on the sockets: automerge-repo's binary frames, and JSON events.
//!
//! Pure translation between bytes and values; who may send what is decided by the connection.
//! Start at [`frame::Frame`] and at `json`.

pub use chartroom_client::frame;

pub use json::RequestKind;

pub(crate) mod json;

/// What a text frame of JSON events asks for; `None` where it cannot be read.
pub fn request_kind(text: &str) -> Option<RequestKind> {
    json::Request::parse(text).ok().map(|request| request.kind())
}

/// Whether a text frame of JSON events can be read, for tests that bend frames.
pub fn takes_request(text: &str) -> bool {
    json::Request::parse(text).is_ok()
}
