//! `GET /rooms/{room}/conflicts`: what two people wrote and nobody has decided.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError};

/// Lists a room's conflicts.
pub(crate) async fn list(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let room = caller.room(&name).await?;
    let conflicts = room.read(|room| room.conflicts()).await?;
    Ok(Json(json!({ "room": room.id().name, "conflicts": conflicts })))
}
