//! `GET /healthz` and `GET /readyz`: for whoever watches over the process.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{auth::HubRef, error::ApiError};

/// The process answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The store answers too, and takes writes.
pub(crate) async fn ready(State(hub): State<HubRef>) -> Result<Json<Value>, ApiError> {
    if hub.0.writer_counts().failing {
        return Err(ApiError::TakesNoWrites);
    }
    hub.0.stored(&chartroom_engine::RoomName::directory()).await?;
    Ok(Json(json!({ "status": "ready" })))
}
