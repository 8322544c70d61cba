//! `GET /rooms/{room}`: what a room is and how it stands.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use chartroom_engine::Room;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{hex, query};
use crate::{auth::Caller, error::ApiError};

/// The query.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    epoch: Option<u32>,
}

/// Describes a room, or an earlier epoch of it.
pub(crate) async fn show(
    caller: Caller,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let room = caller.epoch(&name, query(parameters)?.epoch).await?;
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
