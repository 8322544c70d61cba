//! `GET /rooms/{room}`: what a room is and how it stands.

use std::collections::BTreeMap;

use axum::{Json, extract::Path};
use chartroom_engine::Room;
use serde_json::{Value, json};

use super::hex;
use crate::{auth::Caller, error::ApiError};

/// Describes a room.
pub(crate) async fn show(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let room = caller.room(&name).await?;
    Ok(Json(room.read(describe).await?))
}

fn describe(room: &Room) -> Value {
    let (id, document) = (room.id(), room.document());
    let counts: BTreeMap<String, usize> = document.collections().into_iter().collect();
    json!({
        "room": id.name,
        "epoch": id.epoch,
        "documentId": id.document_id().to_string(),
        "url": format!("automerge:{}", id.document_id()),
        "heads": hex(&document.heads()),
        "changes": document.change_count(),
        "resources": counts,
        "conflicts": room.conflicts().len(),
        "seq": room.seq(),
    })
}
