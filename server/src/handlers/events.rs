//! `GET /rooms/{room}/events`: the room's event log, as JSON or as server-sent events.

mod stream;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use chartroom_engine::limits::EVENTS_PAGE_MAX;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query;
use crate::{
    auth::{Caller, parse_name, pass::Pass},
    error::ApiError,
    hub::FollowError,
    wire::json::{Filter, Unknown},
};

/// The query. Lists are separated by commas; an empty one wants everything.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    after: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    types: String,
    #[serde(default)]
    events: String,
}

/// Gives the events numbered above `after`, or streams them to who accepts `text/event-stream`.
pub(crate) async fn list(
    caller: Caller,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Parameters { after, limit, types, events } = query(parameters)?;
    let mut filter = Filter::default();
    filter.set_types(names(&types)).map_err(|unknown| wrong("types", unknown))?;
    filter.set_events(names(&events)).map_err(|unknown| wrong("events", unknown))?;
    if wants_stream(&headers) {
        let after = stream::last_event_id(&headers)?.or(after);
        let pass = Pass::new(Arc::clone(caller.hub()), caller.signed().clone(), None);
        let heard = caller.follow(&pass, &parse_name(&name)?, after).await?;
        return Ok(stream::respond(pass, heard, filter));
    }
    let limit = limit.unwrap_or(EVENTS_PAGE_MAX).min(EVENTS_PAGE_MAX);
    Ok(page(&caller, &name, after, limit, &filter).await?.into_response())
}

/// One page; `last` is where the next request goes on. Without `after` it begins with the oldest
/// event that is kept.
async fn page(
    caller: &Caller,
    name: &str,
    after: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<Json<Value>, ApiError> {
    let name = parse_name(name)?;
    let access = caller.access(&name).await?;
    caller.is_there(&name).await?;
    let mut position = after.unwrap_or(0);
    let mut events = Vec::new();
    loop {
        let page = match caller.hub().bare_events(&name, position, EVENTS_PAGE_MAX).await {
            Err(FollowError::Gone { first, .. }) if after.is_none() && events.is_empty() => {
                position = first - 1;
                continue;
            }
            page => page?,
        };
        if position > page.last {
            return Err(FollowError::Ahead { last: page.last }.into());
        }
        let exhausted = page.events.len() < EVENTS_PAGE_MAX;
        let mut unread = page.events.into_iter();
        while events.len() < limit
            && let Some(event) = unread.next()
        {
            position = event.seq;
            if filter.matches(&event) {
                events.push(event);
            }
        }
        if events.len() == limit || exhausted {
            let mut events = caller.hub().with_resources(events).await?;
            events.retain(|event| access.hears(event));
            return Ok(Json(json!({ "room": name, "events": events, "last": position })));
        }
    }
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn wrong(field: &str, unknown: Unknown) -> ApiError {
    ApiError::Parameter { field: format!("{field}[{}]", unknown.index), reason: unknown.reason }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/event-stream"))
}
