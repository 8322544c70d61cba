//! `GET /webhooks` and below: how deliveries to the operator's targets stand.

use std::sync::Arc;

use axum::{Extension, Json, extract::Path, http::StatusCode};
use chartroom_engine::time;
use serde_json::{Value, json};

use crate::{
    auth::Operator,
    error::ApiError,
    webhooks::{Courier, DeadLetter, Webhooks},
};

/// Dead letters in one answer.
const LETTERS_MAX: usize = 1000;

/// Lists the targets.
pub(crate) async fn list(_operator: Operator, webhooks: Extension<Arc<Webhooks>>) -> Json<Value> {
    let targets: Vec<Value> = webhooks.couriers().iter().map(|courier| target(courier)).collect();
    Json(json!({ "targets": targets }))
}

/// Tries all of a target's rooms at once, and ends its pause.
pub(crate) async fn resume(
    _operator: Operator,
    webhooks: Extension<Arc<Webhooks>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let courier = webhooks.courier(&name)?;
    courier.resume();
    Ok(Json(target(courier)))
}

/// Lists the events that were given up, the oldest first.
pub(crate) async fn dead_letters(
    _operator: Operator,
    webhooks: Extension<Arc<Webhooks>>,
) -> Result<Json<Value>, ApiError> {
    let letters = webhooks.dead_letters().await?;
    let shown: Vec<Value> = letters.iter().take(LETTERS_MAX).map(letter).collect();
    Ok(Json(json!({ "deadLetters": shown, "total": letters.len() })))
}

/// Tries a dead letter once; it is gone where that succeeds.
pub(crate) async fn retry(
    _operator: Operator,
    webhooks: Extension<Arc<Webhooks>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    webhooks.deliver(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a dead letter away undelivered.
pub(crate) async fn discard(
    _operator: Operator,
    webhooks: Extension<Arc<Webhooks>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    webhooks.discard(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A target without its secrets; of its URL the origin, since a path may be one.
fn target(courier: &Courier) -> Value {
    let target = &courier.target;
    let standing = courier.standing();
    let failure = courier.last_failure();
    json!({
        "name": target.name,
        "origin": target.url.origin().ascii_serialization(),
        "rooms": target.rooms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "events": target.events.as_ref().map_or(json!(["*"]), |names| json!(names)),
        "state": standing.state,
        "roomsWaiting": standing.rooms_waiting,
        "waitingSince": standing.oldest_ms.map(instant),
        "lastError": failure.map(|(failure, at_ms)| json!({
            "code": failure.code(),
            "time": instant(at_ms),
        })),
        "delivered": courier.metrics.delivered.get(),
        "failed": courier.metrics.failed.get(),
        "dead": courier.metrics.dead.get(),
    })
}

fn letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "target": letter.target,
        "room": letter.room,
        "seq": letter.seq,
        "event": letter.event,
        "time": instant(letter.time_ms),
        "givenUp": instant(letter.given_up_ms),
        "attempts": letter.attempts,
        "error": letter.error,
    })
}

fn instant(ms: u64) -> String {
    time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}
