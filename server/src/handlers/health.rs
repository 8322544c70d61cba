//! `GET /healthz` and `GET /readyz`: for whoever watches over the process.

use axum::Json;
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError};

/// The process answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The store answers too, and takes writes.
pub(crate) async fn ready(caller: Caller) -> Result<Json<Value>, ApiError> {
    if caller.hub().writer_counts().failing {
        return Err(ApiError::TakesNoWrites);
    }
    caller.hub().stored(&chartroom_engine::RoomName::directory()).await?;
    Ok(Json(json!({ "status": "ready" })))
}
