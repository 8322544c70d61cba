//! `POST /rooms/{room}/refound`: the room's next epoch, with what stands now and none of its history.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use crate::{auth::Caller, error::ApiError};

/// Founds a room anew; answered when both epochs are durable.
pub(crate) async fn refound(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let name = caller.known_name(&name).await?;
    let id = caller.hub().refound(&name).await?;
    Ok(Json(json!({
        "room": id.name,
        "epoch": id.epoch,
        "documentId": id.document_id().to_string(),
    })))
}
