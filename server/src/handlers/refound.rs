//! `POST /rooms/{room}/refound`: the room's next epoch, with what stands now and none of its history.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use crate::{
    auth::{Operator, parse_name},
    error::ApiError,
};

/// Founds a room anew; answered when both epochs are durable.
pub(crate) async fn refound(
    Operator(caller): Operator,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let name = parse_name(&name)?;
    caller.is_there(&name).await?;
    let id = caller.hub().refound(&name).await?;
    Ok(Json(json!({
        "room": id.name,
        "epoch": id.epoch,
        "documentId": id.document_id().to_string(),
    })))
}
