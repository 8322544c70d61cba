//! `POST /rooms/{room}/commands`: edits in the caller's name, answered when they are durable.

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
};
use chartroom_engine::{Command, CommandError, Edit};
use serde_json::{Value, json};

use super::hex;
use crate::{auth::Caller, error::ApiError};

/// Largest body: several chunks of an import.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Applies one command or an array of them. Each stands for itself: one that is refused stops no
/// other, and the answer is then 422 with what became of each.
pub(crate) async fn apply(
    caller: Caller,
    Path(name): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::body(&rejection, BODY_BYTES_MAX))?;
    let commands = parse(body)?;
    let room = caller.room_or_new(&name).await?;
    let results = room.command(caller.author().clone(), commands).await?;
    let edits: Value = results.iter().map(edit).collect();
    let refused = results.into_iter().enumerate().find_map(|(index, r)| Some((index, r.err()?)));
    if let Some((index, error)) = refused {
        return Err(ApiError::Command { index, error, edits });
    }
    let heads = room.read(|room| hex(&room.document().heads())).await?;
    Ok(Json(json!({ "edits": edits, "heads": heads })))
}

fn parse(body: Value) -> Result<Vec<Command>, ApiError> {
    let several = match body {
        Value::Array(several) => several,
        one @ (Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)) => vec![one],
    };
    several
        .into_iter()
        .enumerate()
        .map(|(index, command)| {
            serde_json::from_value(command)
                .map_err(|error| ApiError::Body(format!("command {index}: {error}")))
        })
        .collect()
}

fn edit(result: &Result<Edit, CommandError>) -> Value {
    match result {
        Ok(edit) => json!({
            "hash": edit.hash.map(|hash| hash.to_string()),
            "resources": edit.resources,
        }),
        Err(error) => json!({ "error": { "code": error.code(), "message": error.to_string() } }),
    }
}
