//! `GET /rooms/{room}/events?after=n&limit=m`: the room's event log.

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::query;
use crate::{auth::Caller, error::ApiError};

/// Most events in one answer.
const LIMIT_MAX: usize = 1000;

/// The query.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// Gives the events numbered above `after`; `last` is where the next request goes on.
pub(crate) async fn list(
    caller: Caller,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Parameters { after, limit } = query(parameters)?;
    let name = caller.known_name(&name).await?;
    let limit = limit.unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
    let page = caller.hub().events(&name, after, limit).await?;
    let last = page.events.last().map_or(after, |event| event.seq);
    Ok(Json(json!({ "room": name, "events": page.events, "last": last })))
}
