//! `GET /rooms/facility:alerts/active`: what calls for somebody, and who acknowledged what.

use axum::{Json, extract::Path};
use chartroom_engine::{RoomName, alerts};
use serde_json::Value;

use crate::{auth::Caller, error::ApiError};

/// Gives the active alerts, and the last critical values that were acknowledged.
pub(crate) async fn active(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if name != RoomName::alerts().as_str() {
        return Err(ApiError::NotFound);
    }
    let room = caller.room(&name).await?;
    let all = room.read(|room| room.document().collection("Communication")).await?;
    Ok(Json(alerts::overview(&all)))
}
