//! The event log as server-sent events.
//!
//! The body is read as fast as the client takes it; one that falls too far behind ends in the room's
//! own bounded queue, and hears the number to go on from.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event as Message, KeepAlive, Sse},
    },
};
use chartroom_engine::{Event, access::Access};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;

use crate::{auth::pass::Pass, error::ApiError, hub::Follower, wire::json::Filter};

/// How often a silent stream shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The number behind which a client that comes back goes on.
pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(ApiError::Parameter {
            field: "Last-Event-ID".to_owned(),
            reason: "is no number of an event",
        }),
    }
}

/// Streams the events that the reader wants, and may hear, until one of the two ends, or the sign-in
/// or the access to the room does.
pub(super) fn respond(
    pass: Pass,
    (follower, access): (Follower, Access),
    filter: Filter,
) -> Response {
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Sse::new(messages(pass, follower, access, filter)).keep_alive(heartbeat).into_response()
}

fn messages(
    pass: Pass,
    follower: Follower,
    access: Access,
    filter: Filter,
) -> impl Stream<Item = Result<Message, Infallible>> + Send {
    let position = follower.position();
    let (events, wanted) = (Box::pin(follower.stream()), Arc::new((filter, access)));
    stream::unfold(Some((pass, events, position)), move |state| {
        let wanted = Arc::clone(&wanted);
        async move {
            let (pass, mut events, mut position) = state?;
            loop {
                let next = tokio::select! {
                    next = events.next() => next?,
                    ended = pass.ended() => return Some((Ok(closed(ended.code(), position)), None)),
                };
                match next {
                    Ok(event) => {
                        position = event.seq;
                        if wanted.0.matches(&event) && wanted.1.hears(&event) {
                            return Some((Ok(told(&event)), Some((pass, events, position))));
                        }
                    }
                    Err(end) => return Some((Ok(closed(end.code(), position)), None)),
                }
            }
        }
    })
}

fn told(event: &Event) -> Message {
    let data = serde_json::to_string(event).expect("texts, numbers and maps with text keys");
    Message::default().id(event.seq.to_string()).data(data)
}

fn closed(code: &str, resume_after: u64) -> Message {
    let data = json!({ "code": code, "resumeAfter": resume_after });
    Message::default().event("closed").data(data.to_string())
}
