//! The event log as server-sent events.
//!
//! The body is read as fast as the client takes it; one that falls too far behind ends in the room's
//! own bounded queue, and hears the number to go on from.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event as Message, KeepAlive, Sse},
    },
};
use chartroom_engine::Event;
use futures_util::{Stream, StreamExt, future::ready};
use serde_json::json;

use crate::{
    error::ApiError,
    hub::{FollowEnd, Follower},
    wire::json::Filter,
};

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

/// Streams the events that the reader wants until one of the two ends.
pub(super) fn respond(follower: Follower, filter: Filter) -> Response {
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Sse::new(messages(follower, filter)).keep_alive(heartbeat).into_response()
}

fn messages(
    follower: Follower,
    filter: Filter,
) -> impl Stream<Item = Result<Message, Infallible>> + Send {
    let position = follower.position();
    let messages = follower.stream().scan(position, move |position, next| {
        let message = match next {
            Ok(event) => {
                *position = event.seq;
                filter.matches(&event).then(|| told(&event))
            }
            Err(end) => Some(closed(&end, *position)),
        };
        ready(Some(message))
    });
    messages.filter_map(|message| ready(message.map(Ok)))
}

fn told(event: &Event) -> Message {
    let data = serde_json::to_string(event).expect("texts, numbers and maps with text keys");
    Message::default().id(event.seq.to_string()).data(data)
}

fn closed(end: &FollowEnd, resume_after: u64) -> Message {
    let data = json!({ "code": end.code(), "resumeAfter": resume_after });
    Message::default().event("closed").data(data.to_string())
}
