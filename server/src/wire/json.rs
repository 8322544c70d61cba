//! JSON events as WintEHR's front end speaks them: text frames, one object each.
//!
//! Two generations of that client exist. The older says `subscription` where the newer says
//! `subscribe`, and delivers an update only if it has an `event_type` and a resource; the newer takes
//! an update without `event_type` for a generic one. Start at [`Request`] for what clients say, at
//! [`reply`] for what they hear. [`Filter`] is shared with the event log over HTTP.

mod filter;
pub(crate) mod reply;
mod request;

pub(crate) use filter::{Filter, Unknown, Wanted, widen};
pub use request::RequestKind;
pub(crate) use request::{Place, Publish, Request, RequestError, Subscribe};

#[cfg(test)]
mod tests;
